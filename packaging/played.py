"""A session that plays a made-up reply at a given pace, for measuring the window where no model is fast enough."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator, Sequence
from itertools import count

from engine.config import Chosen, ModelSet, Preset, Traits
from engine.events import Drafting, Event, LevelInfo, Loading, Pass, Round, Started, Token

LEVELS = (
    LevelInfo("Draft", "played", "exit"),
    LevelInfo("Middle", "played", "exit"),
    LevelInfo("Target", "played", "exit"),
)
WORDS = ["the", "of", "a", "fox", "lantern", "night", "watched", "every", "door", "small", "forest", "edge", "waiting"]
CODE = [
    "```python",
    "\n",
    "def",
    " watch",
    "(",
    "fox",
    "):",
    "\n",
    "    ",
    "return",
    " fox",
    " +",
    " 1",
    "\n",
    "```",
    "\n\n",
]


class Played:
    """Answers with Markdown that never ends: ``filled`` tokens as fast as they are taken, then ``pace`` a second."""

    def __init__(self, filled: int, pace: float) -> None:
        self.filled, self.pace = filled, pace
        self.traits = Traits()

    def reply(
        self,
        messages: Sequence[tuple[str, str]],  # noqa: ARG002 - the door's parameters
        *,
        preset: Preset,
        sampling: Chosen = Chosen(),  # noqa: B008, ARG002 - frozen
        max_tokens: int | None = None,  # noqa: ARG002
        stop: Sequence[str] = (),  # noqa: ARG002
        opening: str = "",  # noqa: ARG002
        thinking: bool | None = None,  # noqa: ARG002
    ) -> Iterator[Event]:
        """Yield rounds of four tokens that stay, with drafts and vetoes as a real reply has them."""
        yield Started(preset.name, LEVELS, preset.lossless, 10, 0, 1_000_000, "played")
        draw, words = random.Random(1), _words(random.Random(2))
        began = None
        for index in count():
            tokens = tuple(token for _ in range(4) for token in _fate(next(words), draw.random()))
            yield Drafting(tuple(Token(0, t.text, 0, 0) for t in tokens if t.level == 0))
            yield Round(
                index,
                tokens,
                _passes(0.004 * index),
                "".join(t.text for t in tokens if not t.ghost),
                0.004 * index,
                0.004,
            )
            made = 4 * (index + 1) - self.filled
            if made < 0:
                time.sleep(0.0005)
                continue
            began = began or time.perf_counter()
            time.sleep(max(began + made / self.pace - time.perf_counter(), 0))

    def prepare(self, preset: Preset) -> Iterator[Loading]:  # noqa: ARG002 - part of the door
        """Do nothing: there is nothing to make ready."""
        return iter(())

    def rest(self) -> Iterator[Loading]:
        """Do nothing, as above."""
        return iter(())

    def count(self, messages: Sequence[tuple[str, str]]) -> int:
        """Return a number of tokens."""
        return sum(len(text) for _, text in messages) // 4

    def context(self, preset: Preset) -> int:  # noqa: ARG002
        """Return more tokens than will be played."""
        return 1_000_000

    def describe(self) -> Sequence[tuple[str, str]]:
        """Return nothing."""
        return ()

    def close(self) -> None:
        """Hold nothing."""

    def open(self, models: ModelSet) -> Generator[Loading, None, Played]:
        """Open without any model."""
        yield Loading(models.name, 0.5)
        return self


def _words(draw: random.Random) -> Iterator[str]:
    """Yield tokens of paragraphs, lists and code."""
    while True:
        for _ in range(draw.randint(3, 6)):
            for number in range(draw.randint(30, 80)):
                word = draw.choice(WORDS)
                yield (f" {word}" if number else word.capitalize()) if draw.random() > 0.03 else f" **{word}**"
            yield ".\n\n"
        for _ in range(4):
            yield from ("- ", *(f" {draw.choice(WORDS)}" for _ in range(7)), "\n")
        yield "\n"
        yield from CODE


def _fate(text: str, chance: float) -> tuple[Token, ...]:
    """Return a token with what was vetoed before it."""
    told = ((0, 0.5), (1, 0.5), (2, 0.5))
    if chance < 0.08:
        return (Token(0, " day", 0, 0, rejected_by=1, judged=told[:2]), Token(0, text, 1, 2, judged=told[1:]))
    if chance < 0.2:
        ghosts = (
            Token(0, " was", 0, 1, rejected_by=2, judged=told),
            Token(0, " lost", 0, 1, discarded=True, judged=told),
        )
        return (*ghosts, Token(0, text, 2, 2, judged=told[2:]))
    return (Token(0, text, 0, 2, judged=told),)


def _passes(start: float) -> tuple[Pass, ...]:
    drafts = tuple(Pass(0, "draft", 1, start + 0.0003 * n, 0.0003) for n in range(4))
    return (*drafts, Pass(1, "verify", 4, start + 0.0012, 0.0008), Pass(2, "verify", 5, start + 0.002, 0.0018))
