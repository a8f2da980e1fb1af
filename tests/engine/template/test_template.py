"""Chat templates: the text transformers writes, and one sentence for whatever a template does instead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from engine.errors import TemplateError
from engine.events import finished
from engine.template import Template
from engine.template.process import Overrun, Renderer

DATA = Path(__file__).with_name("data")
NAMES = sorted(path.stem for path in DATA.glob("*.jinja"))
SPECIALS = {"bos_token": "<s>", "eos_token": "</s>"}
QUESTION = [("user", "What is 2 + 2?")]
TALK = [*QUESTION, ("assistant", " It is **4**.\n"), ("user", "<b>Why</b> “so” & {{ 1 }}? 日本 😀\n")]
SYSTEM = ("system", "Be brief.")
FRONTS = {"llama2", "llama3", "chatml", "mistral3", "tekken", "qwen3", "smollm2", "r1", "granite"}  # take a system's


def template(name: str) -> Template:
    return Template((DATA / f"{name}.jinja").read_text("utf-8"), "Foxglove", SPECIALS)


def reference(name: str, messages: Sequence[tuple[str, str]], **choices: object) -> str:
    """Return what transformers makes of it."""
    turns = [{"role": role, "content": content} for role, content in messages]
    source = (DATA / f"{name}.jinja").read_text("utf-8")
    more: dict[str, Any] = {**SPECIALS, **choices}
    rendered: Any = render_jinja_template([turns], chat_template=source, add_generation_prompt=True, **more)
    return str(rendered[0][0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("messages", [QUESTION, TALK], ids=["question", "talk"])
def test_the_text_is_what_transformers_writes(name: str, messages: Sequence[tuple[str, str]]) -> None:
    """Guards: a conversation put otherwise than the model was taught."""
    prompt = template(name).render(messages)
    assert prompt.text == reference(name, messages)
    assert not prompt.notice


@pytest.mark.parametrize("name", NAMES)
def test_a_system_prompt_always_reaches_the_model(name: str) -> None:
    """Guards: a traceback where the template refuses the role, lost words where it drops it."""
    prompt = template(name).render([SYSTEM, *TALK])
    if name in FRONTS:
        assert prompt.text == reference(name, [SYSTEM, *TALK])
        assert not prompt.notice
    else:
        assert prompt.text == reference(name, [("user", f"Be brief.\n\n{QUESTION[0][1]}"), *TALK[1:]])
        assert prompt.notice == "Foxglove takes no system prompt; yours was put before the first question."


@pytest.mark.parametrize(
    ("name", "switch", "thinks"),
    [("qwen3", "enable_thinking", True), ("granite", "thinking", False), ("gemma", None, None)],
)
def test_thinking_can_be_switched_where_the_template_asks(name: str, switch: str | None, thinks: bool | None) -> None:
    """Guards: a switch that does nothing, and one that is passed to a template that knows none."""
    asked = template(name)
    assert asked.switch == switch
    assert asked.thinks is thinks
    for thinking in (True, False):
        choices = {switch: thinking} if switch else {}
        assert asked.render(QUESTION, thinking=thinking).text == reference(name, QUESTION, **choices)


def test_a_refusal_is_told_in_the_templates_words() -> None:
    """Guards: "unexpected fault" for what the template explains itself."""
    with pytest.raises(TemplateError, match="of Foxglove refuses this conversation: Conversation roles must"):
        template("gemma").render([("user", "one"), ("user", "two")])


BROKEN = {
    "{% for m in messages": "unexpected",
    "{{ messages|nofilter }}": "nofilter",
    "{{ nothing.at.all }}": "'nothing' is undefined",
    "{{ tools|length }}": "NoneType",
    "": "writes nothing",
    " \n{% if false %}x{% endif %}": "writes nothing",
    "{{ ''.__class__.__mro__ }}": "unsafe",
    "{{ namespace(__class__=1) }}": "__class__",
    "{% include '/etc/passwd' %}": "no loader",
    "{{ messages.append(1) }}": "unsafe",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "calls itself",
    "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}": "nested too deeply",
    "{{ range(10**9)|list }}": "Range too big",
    "{{ 1 // 0 }}": "zero",
    "{% for a in range(9999) %}{% for b in range(9999) %}words{% endfor %}{% endfor %}": "more than 100,0",
}


@pytest.mark.parametrize("source", BROKEN)
def test_what_cannot_be_run_is_one_sentence(source: str) -> None:
    """Guards: tracebacks, and a model dropped because of its template; the sentence names whose fault it is."""
    with pytest.raises(TemplateError) as raised:
        Template(source, "Foxglove", SPECIALS).render(QUESTION)
    assert raised.value.sentence.startswith("The chat template of Foxglove cannot be used: ")
    assert BROKEN[source] in raised.value.sentence
    assert raised.value.sentence.endswith(".")


@pytest.mark.parametrize("given", [{"rag": "x", "tool_use": "y"}, {}, 7, ["x"], {"default": None}])
def test_several_templates_without_one_for_chats(given: object) -> None:
    """Guards: the first of a list taken for the one that fits, or a TypeError."""
    with pytest.raises(TemplateError, match="of Foxglove cannot be used"):
        Template(given, "Foxglove", SPECIALS).render(QUESTION)


def test_of_several_templates_the_default_is_used() -> None:
    """Guards: answers prompted for a tool nobody has."""
    assert Template({"tool_use": "x", "default": "y"}, "Foxglove", {}).render(QUESTION).text == "y"


def test_foreign_words_do_not_steer_the_terminal() -> None:
    """Guards: escape sequences of a template on the screen, and messages of a thousand lines."""
    with pytest.raises(TemplateError) as raised:
        Template("{{ raise_exception('no\x1b[31m\nway ' ~ 'x' * 5000) }}", "Foxglove", {}).render(QUESTION)
    assert raised.value.sentence.isprintable()
    assert len(raised.value.sentence) < 300


LOOPS = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"
RUNAWAY = {
    "{{ 10**(10**8) }}": "come to an end",
    "{% for c in range(9999) %}" + LOOPS + "{% endfor %}": "come to an end",
    "{{ 'a' * 10000000000 }}": "MB",
    "{{ 'a'.center(10000000000) }}": "MB",
    "{{ '%10000000000s' % 'a' }}": "MB",
    "{{ '{:10000000000}'.format('a') }}": "MB",
    "{{ messages|tojson(indent=1000000000) }}": "MB",
    "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}": "MB|come to an end",
}


@pytest.mark.parametrize("source", RUNAWAY)
def test_a_template_that_runs_away_is_ended(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: all of the memory, or Stop and closing dead, because of one line in a model's folder."""
    monkeypatch.setattr("engine.template.process.SECONDS", 0.3)
    with pytest.raises(TemplateError, match=RUNAWAY[source]):
        Template(source, "Foxglove", {}).render(QUESTION)
    assert template("chatml").render(QUESTION).text == reference("chatml", QUESTION)


def test_what_ran_away_once_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: seconds of a busy processor at every pause in typing, and a short chat refused for a long one's sake."""
    monkeypatch.setattr("engine.template.process.SECONDS", 0.3)
    source = "x{% if messages[0].content|length > 3 %}{{ (messages|length + 9)**(10**8) }}{% endif %}"
    asked = Template(source, "Foxglove", {})
    for _ in range(2):
        with pytest.raises(TemplateError, match="come to an end"):
            asked.render(QUESTION)
        monkeypatch.setattr("engine.template._RENDERER", None)  # must not be asked any more
    monkeypatch.undo()
    assert asked.render([("user", "Hi")]).text == "x"


def test_waiting_can_be_given_up() -> None:
    """Guards: Stop that does nothing while a template runs, or a process that goes on in the dark."""
    renderer = Renderer()
    waiting = renderer.ask({"template": "{{ 10**(10**8) }}", "variables": {}, "limit": 9})
    next(waiting)
    (child,) = (each for each in psutil.Process().children() if each.cpu_percent(0.2) > 5)
    waiting.close()
    assert not child.is_running()
    assert finished(renderer.ask({"template": "yes", "variables": {}, "limit": 9})) == {"text": "yes"}
    renderer.close()


def test_a_process_that_died_is_begun_anew() -> None:
    """Guards: every question failing because the system ended an idle process."""
    renderer = Renderer()
    request = {"template": "yes", "variables": {}, "limit": 9}
    assert finished(renderer.ask(request)) == {"text": "yes"}
    renderer._idle[0]._child.kill()
    renderer._idle[0]._child.wait()
    assert finished(renderer.ask(request)) == {"text": "yes"}
    renderer.close()
    assert not renderer._idle


def test_a_process_that_dies_at_work_is_an_overrun() -> None:
    """Guards: waiting for ever for an answer nobody writes."""
    renderer = Renderer()
    waiting = renderer.ask({"template": "{{ 10**(10**8) }}", "variables": {}, "limit": 9})
    next(waiting)
    for child in psutil.Process().children():
        if child.cpu_percent(0.2) > 5:
            child.kill()
    with pytest.raises(Overrun):
        finished(waiting)


def test_halves_of_characters_pass() -> None:
    """Guards: a paste that holds half a character, which no pipe takes as it is."""
    assert Template("{{ messages[0].content }}", "Foxglove", {}).render([("user", "a\ud83d!")]).text == "a\ud83d!"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    "source", ["x", "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"]
)
def test_the_process_goes_with_its_parent(source: str) -> None:
    """Guards: processes left behind by a program that was killed, idle ones and busy ones."""
    code = (
        "import os, sys\nfrom engine.template.process import Renderer\n"
        "waiting = Renderer().ask({'template': sys.argv[1], 'variables': {}, 'limit': 9})\n"
        "try:\n    next(waiting)\nexcept StopIteration:\n    pass\n"
        "import psutil\nprint(psutil.Process().children()[0].pid, flush=True)\nsys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    until = time.monotonic() + 30
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.02)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_the_child_imports_nothing_of_the_engine() -> None:
    """Guards: seconds until the first answer, because a process that renders text loads torch."""
    code = (
        "import sys, runpy; runpy.run_path(sys.argv[1], run_name='child');"
        "sys.exit(bool({'engine', 'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    child = Path(sys.modules["engine.template"].__file__ or "").with_name("child.py")
    assert subprocess.run([sys.executable, "-P", "-c", code, str(child)], check=False).returncode == 0
