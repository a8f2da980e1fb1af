"""A model's chat template: the conversation as the text the model was taught to read."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import TemplateError
from engine.events import finished
from engine.template.process import Overrun, Renderer

Messages = Sequence[tuple[str, str]]  # (role, content)

SPARE = 100_000  # characters a template may write beside what was said, of which it may repeat some
SWITCHES = ("enable_thinking", "thinking", "enable_reasoning")  # what templates call it
FOLDED = "{} takes no system prompt; yours was put before the first question."
_ANOTHER = "Choose another model, or get this one again."
_RENDERER = Renderer()


def warm() -> None:
    """Start the process that renders, which the first template would wait for otherwise."""
    _RENDERER.warm()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a template wrote; ``notice`` says in a sentence what of the conversation had to be put elsewhere."""

    text: str
    notice: str = ""


class Template:
    """The template of the model called ``name``; ``source`` is what its tokenizer has, ``specials`` its named tokens.

    Nothing of it is run here: a template is foreign code, which another process renders.
    """

    def __init__(self, source: object, name: str, specials: Mapping[str, str]) -> None:
        self._given, self._name, self._specials = source, name, dict(specials)
        self._reads: frozenset[str] | None = None
        self._overrun: tuple[int, TemplateError] | None = None  # characters it ran away with, and what was said
        warm()

    def render(self, messages: Messages, *, thinking: bool | None = None) -> Prompt:
        """Return the prompt; blocks while it is written. See ``rendering``."""
        return finished(self.rendering(messages, thinking=thinking))

    def rendering(self, messages: Messages, *, thinking: bool | None = None) -> Generator[float, None, Prompt]:
        """Return the prompt up to where the assistant begins; yields what part of the time it may take is spent.

        ``thinking``: whether the model is to think first, for a template that asks; None leaves it to the template. A
        system prompt the template refuses or leaves out is put before the first question. Ceasing to iterate is safe.
        Raises TemplateError.
        """
        system = messages[0][1].strip() if messages and messages[0][0] == "system" else ""
        try:
            text = yield from self._text(messages, thinking)
        except RefusedError:
            if not system or (folded := _fold(messages)) is None:
                raise
            return Prompt((yield from self._text(folded, thinking)), FOLDED.format(self._name))
        if system and system not in text and (folded := _fold(messages)) is not None:
            other = yield from self._text(folded, thinking)
            if system in other:
                return Prompt(other, FOLDED.format(self._name))
        return Prompt(text)

    @property
    def source(self) -> str:
        """The template as it is written; empty where there is none that can be used."""
        try:
            return self._source
        except TemplateError:
            return ""

    @property
    def switch(self) -> str | None:
        """The name under which the template asks whether to think first; None where it does not ask."""
        if self._reads is None:
            try:
                self._reads = frozenset(finished(self._answer({"reads": self._source}))["reads"])
            except TemplateError:  # said when something is asked
                self._reads = frozenset()
        return next((name for name in SWITCHES if name in self._reads), None)

    @property
    def thinks(self) -> bool | None:
        """Whether the model thinks first unless it is asked; None where the template does not ask."""
        if self.switch is None:
            return None
        probe = [("user", "?")]
        try:
            return self.render(probe).text == self.render(probe, thinking=True).text
        except TemplateError:
            return None

    def fault(self, words: str) -> TemplateError:
        """Return the error that says why the template cannot be used, ``words`` being the end of the sentence."""
        return TemplateError(f"The chat template of {self._name} cannot be used: {words.rstrip('.')}.", _ANOTHER)

    @property
    def _source(self) -> str:
        """The template itself, of several the one for plain conversations."""
        found = self._given.get("default") if isinstance(self._given, Mapping) else self._given
        if isinstance(found, str):
            return found
        if isinstance(self._given, Mapping):
            raise self.fault(f"there is none for plain conversations, only for {', '.join(map(str, self._given))}")
        raise self.fault("it is not a text")

    def _text(self, messages: Messages, thinking: bool | None) -> Generator[float, None, str]:
        variables: dict[str, object] = {
            **self._specials,
            "messages": [{"role": role, "content": content} for role, content in messages],
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
        }
        if thinking is not None and self.switch is not None:
            variables[self.switch] = thinking
        length = sum(len(content) for _, content in messages)
        if self._overrun is not None and length >= self._overrun[0]:
            raise self._overrun[1]  # it would again, at every pause in which the context is counted
        request = {"template": self._source, "variables": variables, "limit": SPARE + 4 * length}
        try:
            answer = yield from self._answer(request)
        except TemplateError as error:
            if isinstance(error.__cause__, Overrun):
                self._overrun = (length, error)
            raise
        text = str(answer["text"])
        if not text.strip():
            raise self.fault("it writes nothing")
        return text

    def _answer(self, request: dict[str, object]) -> Generator[float, None, dict[str, list[str]]]:
        try:
            answer = yield from _RENDERER.ask(request)
        except Overrun as overrun:
            raise self.fault(f"it {overrun}") from overrun
        except OSError as cause:
            raise TemplateError(
                f"The chat template of {self._name} cannot be used: no process can be started for it.",
                f"Close other programs and try again. ({cause.strerror or cause})",
            ) from cause
        words = _in_line(answer.get("words", ""))
        if answer.get("fault") == "refused":
            raise RefusedError(
                f"The chat template of {self._name} refuses this conversation: {words.rstrip('.')}.",
                "Start a new chat, or choose another model.",
            )
        if "fault" in answer:
            raise self.fault(words)
        return answer


class RefusedError(TemplateError):
    """The template itself says why it does not write a conversation down."""


def _fold(messages: Messages) -> Messages | None:
    """Return ``messages`` with the system's words before the first question; None where nothing is asked."""
    (_, system), *rest = messages
    if not rest or rest[0][0] != "user":
        return None
    return [("user", f"{system}\n\n{rest[0][1]}"), *rest[1:]]


def _in_line(words: object) -> str:
    """Return foreign ``words`` fit for a sentence: one line, nothing that steers a terminal, not too long."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in str(words)).split())
    return shown if len(shown) <= 200 else f"{shown[:199]}…"
