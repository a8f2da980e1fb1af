"""What a model's makers suggest: taken where it makes sense, said where it does not, never in the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.config import PRESETS, Chosen, ModelSet, Sampling
from engine.errors import SettingError
from engine.events import Event, Finished, Notice, Started
from engine.generation import suggested
from engine.session import Session
from tests.engine.family import finish

LLAMA = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "eos_token_id": [128001, 128009]}
QWEN = {"do_sample": True, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "repetition_penalty": 1.05}


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        (LLAMA, Chosen(temperature=0.6, top_p=0.9)),
        (QWEN, Chosen(temperature=0.6, top_k=20, top_p=0.95, repetition_penalty=1.05)),
        ({"temperature": 1, "top_k": 20.0, "min_p": 0.05}, Chosen(temperature=1.0, top_k=20, min_p=0.05)),
        ({"top_k": -1, "temperature": None}, Chosen(top_k=0)),
        ({"do_sample": False, "temperature": 0.6}, Chosen(temperature=0.0)),
        ({"eos_token_id": 2}, Chosen()),
        ({}, Chosen()),
    ],
)
def test_what_makers_suggest_is_read(tmp_path: Path, values: dict[str, object], chosen: Chosen) -> None:
    """Guards: a model drawn otherwise than its makers measured it."""
    (tmp_path / "generation_config.json").write_text("\ufeff" + json.dumps(values), encoding="utf-8")
    assert suggested(tmp_path, "Foxglove") == (chosen, "")


@pytest.mark.parametrize("odd", ["hot", True, [0.6], {}, -1, 1e9, float("nan"), float("inf")], ids=repr)
def test_values_that_make_no_sense_are_named(tmp_path: Path, odd: object) -> None:
    """Guards: one wrong value that takes the good ones along, or an endless loop of NaN."""
    (tmp_path / "generation_config.json").write_text(json.dumps({"temperature": odd, "top_p": 0.9}))
    chosen, note = suggested(tmp_path, "Foxglove")
    assert chosen == Chosen(top_p=0.9)
    assert note == "Foxglove suggests a temperature that cannot be used; the usual one is."


@pytest.mark.parametrize("raw", [b'{"temperature": 0.6,}', b"", b"[]", b'{"temp', b"\xff\xfe\x00", b"7", b"[" * 9999])
def test_a_damaged_file_is_ignored_and_said(family: ModelSet, tmp_path: Path, raw: bytes) -> None:
    """Guards: a traceback, or a model that cannot be loaded, for a file of no importance."""
    folder = tmp_path / "foxglove"
    shutil.copytree(family.target, folder)
    (folder / "generation_config.json").write_bytes(raw)
    session = finish(Session.open(ModelSet.alone("Foxglove", folder), "cpu"))
    assert session.traits.sampling == Chosen()
    events = list(session.reply([("user", "Fox?")], preset=PRESETS["plain"], max_tokens=2))
    assert [e.sentence for e in events if isinstance(e, Notice)] == [
        "Foxglove has a damaged generation_config.json; the usual settings are used instead of its own."
    ]
    assert isinstance(events[-1], Finished)


def test_a_folder_without_the_file_suggests_nothing(tmp_path: Path) -> None:
    """Guards: a note about a file most models do not have."""
    assert suggested(tmp_path, "Foxglove") == (Chosen(), "")


def test_choices_stand_over_suggestions_and_these_over_the_usual() -> None:
    """Guards: a temperature somebody set that a model overrules, or the other way round."""
    suggestions = Chosen(temperature=0.6, top_k=20).over(Sampling())
    assert suggestions == Sampling(temperature=0.6, top_k=20)
    assert Chosen(temperature=0.0, seed=5).over(suggestions) == Sampling(temperature=0.0, top_k=20, seed=5)
    with pytest.raises(SettingError):
        Chosen(top_p=7.0)


@pytest.fixture
def greedy(family: ModelSet, tmp_path: Path) -> Path:
    """Give the tiny target with makers who want greedy replies, and a template that asks whether to think."""
    folder = tmp_path / "greedy"
    shutil.copytree(family.target, folder)
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": False}))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["chat_template"] += "{% if enable_thinking is defined and not enable_thinking %}brown fox{% endif %}"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def text_of(events: list[Event]) -> str:
    assert isinstance(events[-1], Finished)
    return events[-1].text


def test_replies_begin_with_what_is_suggested(greedy: Path) -> None:
    """Guards: suggestions that are read and not used."""
    session = finish(Session.open(ModelSet.alone("Greedy", greedy), "cpu"))
    asked = [("user", "The quick brown fox?")]

    def ask(sampling: Sampling | Chosen) -> str:
        return text_of(list(session.reply(asked, preset=PRESETS["plain"], sampling=sampling, max_tokens=12)))

    assert ask(Chosen()) == ask(Sampling(temperature=0))
    assert ask(Chosen(temperature=1.0, seed=3)) == ask(Sampling(temperature=1.0, seed=3)) != ask(Chosen())


def test_thinking_is_switched_where_the_template_asks(greedy: Path, family: ModelSet) -> None:
    """Guards: a switch that changes nothing."""
    session = finish(Session.open(ModelSet.alone("Greedy", greedy), "cpu"))
    assert session.traits.thinks is True
    prompts = []
    for thinking in (None, True, False):
        replying = session.reply([("user", "Fox?")], preset=PRESETS["plain"], thinking=thinking, max_tokens=1)
        prompts += [event.prompt for event in replying if isinstance(event, Started)]
    assert prompts[0] == prompts[1] < prompts[2]
    assert finish(Session.open(family, "cpu")).traits.thinks is None


def test_an_answer_is_as_long_as_the_context_holds(family: ModelSet) -> None:
    """Guards: answers cut at a number nobody chose."""
    session = finish(Session.open(family, "cpu"))
    events = list(session.reply([("user", "Fox?")], preset=PRESETS["plain"], sampling=Sampling(temperature=0)))
    end = events[-1]
    assert isinstance(end, Finished)
    (started,) = (event for event in events if isinstance(event, Started))
    assert end.reason == "end" or (end.reason == "context" and started.prompt + end.tokens == started.context)


def test_the_terminal_takes_them_and_can_think_or_not(greedy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards: flags that stand over a model's suggestions although nobody gave them."""
    texts = []
    for words in ((), ("--temperature", "0"), ("--no-think",)):
        ask = ["ask", "The fox?", "--model", str(greedy), "--device", "cpu", "--preset", "plain", "--max-tokens", "9"]
        assert main([*ask, *words]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
