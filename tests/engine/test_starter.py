"""The models that come with Updraft: loadable by others, and exact in every lossless preset."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache

import pytest
import torch

from engine.config import PRESETS, Role, Sampling, tiny_models
from engine.events import Finished, Round
from engine.model import load
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.family import finish

RUNS = [name for name, preset in PRESETS.items() if tiny_models().runs(preset)]
LOSSLESS = [name for name in RUNS if PRESETS[name].lossless and name != "plain"]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    session = finish(Session.open(tiny_models(), "cpu"))
    yield session
    session.close()


SETTINGS = (
    Sampling(temperature=0),
    Sampling(temperature=0.3, seed=1),
    Sampling(temperature=0.7, top_p=0.9, seed=2),
    Sampling(temperature=1.0, top_p=1, top_k=40, seed=3),
    Sampling(temperature=1.0, top_p=1, min_p=0.05, repetition_penalty=1.2, seed=4),
    Sampling(temperature=1.0, top_p=1, seed=5),
)


def replies(session: Session, preset: str, tokens: int, turn: int) -> dict[str, list[int]]:
    """Return the ids of a reply of at most ``tokens`` tokens to every prompt, with all settings in turns."""
    found = {}
    for number, prompt in enumerate(PROMPTS, start=turn):
        question, sampling = [("user", prompt)], SETTINGS[number % len(SETTINGS)]
        events = session.reply(question, preset=PRESETS[preset], sampling=sampling, max_tokens=tokens)
        found[prompt] = [token.id for event in events if isinstance(event, Round) for token in event.settled]
    return found


@pytest.fixture(scope="module")
def plain(session: Session) -> Callable[[int, int], dict[str, list[int]]]:
    """Give plain decoding of every prompt by length and turn: the slow reference, run once for each."""
    return cache(lambda tokens, turn: replies(session, "plain", tokens, turn))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("tokens", "turn"), [(24, 0), *(pytest.param(200, turn, marks=pytest.mark.slow) for turn in range(len(SETTINGS)))]
)
@pytest.mark.parametrize("preset", LOSSLESS)
def test_replies_equal_plain_decoding(
    session: Session, plain: Callable[[int, int], dict[str, list[int]]], preset: str, tokens: int, turn: int
) -> None:
    """The promise on the real models: token for token, greedy and drawn, over 20 prompts."""
    assert replies(session, preset, tokens, turn) == plain(tokens, turn)


def test_the_starter_answers(session: Session) -> None:
    """A checkpoint that loads but speaks nonsense would pass every other test."""
    events = session.reply(
        [("user", "What is the capital of France?")], preset=PRESETS["hispec"], sampling=Sampling(temperature=0)
    )
    end = list(events)[-1]
    assert isinstance(end, Finished)
    assert "Paris" in end.text
    assert end.reason == "end"


@pytest.mark.parametrize("role", ["target", "qualifier", "draft"])
def test_transformers_loads_the_starter_too(role: Role) -> None:
    """The starter is in the Hub's layout, so anybody's tools must give the same logits as ours."""
    from transformers import AutoModelForCausalLM

    folder = tiny_models().models[role]
    theirs = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, device_map="cpu")
    ours = finish(load(folder, torch.device("cpu")))
    ids = torch.arange(10, 50)
    states = ours.run(ours.embed(ids), range(ours.layers), ours.new_cache())
    expected = theirs(ids[None]).logits[0].detach().float()
    difference = (ours.read(states) - expected).norm() / expected.norm()
    assert float(difference) < 0.02  # bitsandbytes computes 4-bit products in 16 bits


def test_the_starter_is_small_and_complete() -> None:
    """It travels with every copy of Updraft: under 60 MB, with its card and its licence."""
    target = tiny_models().target
    files = [path for path in target.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60_000_000
    card = (target.parent / "README.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in card or "cc-by-sa-4.0" in card
    assert json.loads((target / "config.json").read_text())["early_exits"] == [2, 4, 8]
