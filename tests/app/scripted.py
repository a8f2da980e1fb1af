"""A session that plays written events: what the window's tests use in place of the engine."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import count

from engine.config import Chosen, ModelSet, Preset, Traits
from engine.events import (
    Drafting,
    Event,
    Finished,
    LevelInfo,
    Loading,
    Pass,
    PlainPace,
    Prefill,
    Round,
    Started,
    Token,
)

LEVELS = (
    LevelInfo("Draft", "2 of 16 layers", "exit"),
    LevelInfo("Intermediate", "4 of 16 layers", "exit"),
    LevelInfo("Target", "16 layers", "exit"),
)
STORY = (
    "Once upon a time, there lived a small fox at the edge of the forest. Every night she watched a lantern swing "
    "from the miller's door, and every night she wondered who it was waiting for. One evening the light went out."
)
Play = Callable[[Sequence[tuple[str, str]]], Iterable[Event]]


class ScriptedSession:
    """Answers with what ``play`` yields, ``delay`` seconds apart, and keeps what it was asked."""

    def __init__(self, play: Play, delay: float = 0.0) -> None:
        self.play, self.delay = play, delay
        self.asked: list[tuple[tuple[str, str], ...]] = []
        self.openings: list[str] = []
        self.options: list[tuple[Preset, Chosen, int | None]] = []
        self.thinking: list[bool | None] = []
        self.traits = Traits()
        self.prepared: list[Preset] = []
        self.refuses: Exception | None = None  # what prepare raises
        self.cut = 0  # replies that were ended before their last event
        self.closed = False
        self.limit = 1024  # tokens of context; it counts words

    def reply(
        self,
        messages: Sequence[tuple[str, str]],
        *,
        preset: Preset,
        sampling: Chosen = Chosen(),  # noqa: B008 - frozen
        max_tokens: int | None = None,
        stop: Sequence[str] = (),  # noqa: ARG002 - part of the door
        opening: str = "",
        thinking: bool | None = None,
    ) -> Iterator[Event]:
        self.asked.append(tuple(messages))
        self.openings.append(opening)
        self.options.append((preset, sampling, max_tokens))
        self.thinking.append(thinking)
        try:
            for event in self.play(messages):
                if self.delay:
                    time.sleep(self.delay)
                yield event
        except GeneratorExit:
            self.cut += 1
            raise

    def prepare(self, preset: Preset) -> Iterator[Loading]:
        self.prepared.append(preset)
        yield Loading(preset.title, 0.5)
        if self.refuses is not None:
            raise self.refuses

    def rest(self) -> Iterator[Loading]:
        return iter(())

    def count(self, messages: Sequence[tuple[str, str]]) -> int:
        return sum(len(text.split()) + 2 for _, text in messages) + 1

    def context(self, preset: Preset) -> int:  # noqa: ARG002 - part of the door
        return self.limit

    def describe(self) -> Sequence[tuple[str, str]]:
        return (("Device", "scripted"),)

    def close(self) -> None:
        self.closed = True


class Opener:
    """Opens ``session``; raises ``error`` instead while there is one. ``steps`` Loading events, ``delay`` apart."""

    def __init__(self, session: ScriptedSession, steps: int = 2, delay: float = 0.0) -> None:
        self.session, self.steps, self.delay = session, steps, delay
        self.error: Exception | None = None
        self.opened: list[ModelSet] = []

    def __call__(self, models: ModelSet) -> Generator[Loading, None, ScriptedSession]:
        for step in range(self.steps):
            time.sleep(self.delay)
            yield Loading(f"{models.name} target", step / self.steps)
        if self.error is not None:
            raise self.error
        self.opened.append(models)
        self.session.closed = False
        return self.session


def token(text: str, level: int = 0, reached: int = 2, **more: object) -> Token:
    """Return a token of a three-level chain; without more, drafted and accepted."""
    return Token(0, text, level, reached, **more)  # type: ignore[arg-type]


def round_of(index: int, tokens: Sequence[Token], start: float, seconds: float = 0.02) -> Round:
    """Return a round over ``tokens`` with a pass a level."""
    top = max((t.reached for t in tokens), default=0)
    passes = tuple(
        Pass(level, "verify" if level else "draft", len(tokens), start + 0.3 * seconds * level, share * seconds)
        for level, share in zip(range(top + 1), (0.14, 0.22, 0.61), strict=False)
    )
    text = "".join(t.text for t in tokens if not t.ghost)
    return Round(index, tuple(tokens), passes, text, start, seconds)


def pieces(text: str) -> list[str]:
    """Cut ``text`` into words with the space before them."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def speculated(text: str = STORY, seed: int = 7, seconds: float = 0.035) -> Iterator[Event]:
    """Yield a three-level reply that says ``text``: drafting, vetoes, corrections, looked-up spans excepted."""
    draw = random.Random(seed)
    words, clock, made = pieces(text), 0.0, 0
    yield Started("hispec", LEVELS, True, 24, 0, 1024, "CPU")
    yield Prefill(23, 23, 0.03)
    for index in count():
        if not words:
            break
        fate = [draw.random() for _ in range(draw.randint(2, 5))]
        tokens: list[Token] = []
        for chance in fate:
            if not words:
                break
            word = words.pop(0)
            if chance < 0.12:
                ghost = draw.choice([" there", " day", " little", " that", " with", " old"])
                tokens.append(token(ghost, 0, 0, rejected_by=1))
                tokens.append(token(word, 1, 2))
            elif chance < 0.26:
                ghost = draw.choice([" was", " and", " house", " his"])
                tokens.append(token(ghost, 0, 1, rejected_by=2))
                tokens.append(token(" lost", 0, 1, discarded=True))
                tokens.append(token(word, 2, 2))
                break
            else:
                tokens.append(token(word))
        yield Drafting(tuple(t if t.ghost else token(t.text, 0, 0) for t in tokens if t.level == 0 and not t.ghost))
        yield round_of(index, tokens, clock, seconds)
        clock += seconds
        made += sum(not t.ghost for t in tokens)
        if index == 0:
            yield PlainPace(0.0185, 0.0015)
    yield Finished(text, made, clock, made / clock, "end", 0.03, 0.0185 * made, 0.0015 * made)


def plain(text: str = STORY) -> Iterator[Event]:
    """Yield a reply by plain decoding."""
    words = pieces(text)
    yield Started("plain", (LevelInfo("Target", "16 layers", "exit"),), True, 24, 0, 1024, "CPU")
    for index, word in enumerate(words):
        yield round_of(index, [token(word, 0, 0)], 0.02 * index)
    yield Finished(text, len(words), 0.02 * len(words), 50.0, "end", 0.03, None)


def endless() -> Iterator[Event]:
    """Yield a reply that never ends by itself."""
    yield Started("hispec", LEVELS, True, 24, 0, 1024, "CPU")
    for index in count():
        yield round_of(index, [token(f" {index}")], 0.02 * index)
