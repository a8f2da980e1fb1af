"""Sessions over models whose chat template refuses, fails or runs away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.config import PRESETS, ModelSet, Sampling
from engine.errors import TemplateError
from engine.events import Event, Finished, Loading, Notice, Started, from_json, to_json
from engine.session import Session
from tests.engine.family import finish

NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>"
)
SYSTEM = [("system", "Be brief."), ("user", "The fox?")]
Make = Callable[[object], Path]


@pytest.fixture
def model(family: ModelSet, tmp_path: Path) -> Make:
    """Give a function that writes the tiny target with another chat template."""

    def make(template: object) -> Path:
        folder = tmp_path / "foxglove"
        shutil.copytree(family.target, folder, dirs_exist_ok=True)
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "chat_template": template}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        return folder

    return make


def opened(folder: Path) -> Session:
    return finish(Session.open(ModelSet.alone("Foxglove", folder), "cpu"))


def ask(session: Session, messages: list[tuple[str, str]]) -> list[Event]:
    sampling = Sampling(temperature=0)
    return list(session.reply(messages, preset=PRESETS["plain"], sampling=sampling, max_tokens=8))


def test_a_system_prompt_put_elsewhere_is_said_once(model: Make) -> None:
    """Guards: a traceback, and a notice over every single answer."""
    session = opened(model(NO_SYSTEM))
    events = ask(session, SYSTEM)
    notices = [event for event in events if isinstance(event, Notice)]
    assert [notice.sentence.split(" takes")[0] for notice in notices] == ["Foxglove"]
    assert from_json(to_json(notices[0])) == notices[0]
    (started,) = (event for event in events if isinstance(event, Started))
    folded = [("user", "Be brief.\n\nThe fox?")]
    assert started.prompt == session.count(SYSTEM) == session.count(folded)
    assert isinstance(events[-1], Finished)
    assert not any(isinstance(event, Notice) for event in ask(session, SYSTEM))
    again = ask(session, folded)[-1]
    assert isinstance(again, Finished)
    assert again.text == events[-1].text


@pytest.mark.parametrize("template", ["{{ messages|nofilter }}", [{"name": "tool_use", "template": "x"}], "  "])
def test_a_template_that_fails_leaves_the_session_alive(model: Make, template: object) -> None:
    """Guards: a model dropped, or not even loaded, for what one sentence says."""
    session = opened(model(template))
    for _ in range(2):
        with pytest.raises(TemplateError, match="The chat template of Foxglove cannot be used"):
            ask(session, SYSTEM)


def test_a_reply_can_be_stopped_while_its_template_runs(model: Make) -> None:
    """Guards: Stop that does nothing, because nothing is told while a template runs."""
    session = opened(model("x{% if 'fox' in messages[-1].content %}{{ (messages|length + 9)**(10**8) }}{% endif %}"))
    replying = session.reply(SYSTEM, preset=PRESETS["plain"])
    for _ in range(2):
        event = next(replying)
        assert isinstance(event, Loading)
        assert event.part == "the chat template"
    assert isinstance(replying, Generator)
    replying.close()


def test_the_terminal_says_both(model: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards: a traceback in the terminal, or a notice in the midst of what a pipe gets."""
    words = ["ask", "The fox?", "--system", "Be brief.", "--device", "cpu", "--preset", "plain", "--max-tokens", "4"]
    assert main([*words, "--model", str(model(NO_SYSTEM))]) == 0
    printed = capsys.readouterr()
    assert "takes no system prompt" in printed.err
    assert "takes no" not in printed.out
    assert main([*words, "--model", str(model("{{ tools|length }}"))]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("updraft: The chat template of foxglove cannot be used")
