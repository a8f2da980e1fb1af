"""What the target made of texts, kept where it is read: it does not change, and the same lessons come again."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from engine.teaching.pupil import Text

Lesson = tuple[Tensor, Tensor]  # tokens (rows, time), and where the next one is a reply's


class Remembered:
    """Texts by the lessons they were read from, as many as ``room`` bytes hold; others are read each time."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._known: dict[int, tuple[Lesson, Text]] = {}  # by the identity of the lesson, which is kept for that

    def __contains__(self, lesson: Lesson) -> bool:
        """Tell whether ``lesson`` need not be read."""
        return id(lesson) in self._known

    def text(self, lesson: Lesson, read: Callable[[], Text]) -> Text:
        """Return ``lesson`` as it was read before, or as ``read`` gives it now; nobody may change what it holds."""
        if lesson in self:
            return self._known[id(lesson)][1]
        found = read()
        size = sum(part.nbytes for part in (found.tokens, found.said, found.last, *found.taps.values()))
        if size <= self._room:
            self._room -= size
            self._known[id(lesson)] = lesson, found
        return found
