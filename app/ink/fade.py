"""Fades in the marks of tokens that were just added: the only animation in the text."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from PySide6.QtCore import QElapsedTimer, QTimer
from PySide6.QtWidgets import QAbstractScrollArea

from app.ink.marks import OVERHANG

DURATION = 120  # ms
MOST = 16  # tokens at a time; more come faster than a fade could be seen
FRAME = 30
NONE = 1 << 62  # no token has an index this high


class Fade:
    """Computes the opacity of the tokens from ``first`` on, and repaints ``view`` until it is 1.

    ``top`` returns the y of a token: what is above it is not painted again.
    """

    def __init__(self, view: QAbstractScrollArea, top: Callable[[int], float]) -> None:
        self.moving = True
        self.first = NONE
        self._view, self._top = view, top
        self._age = QElapsedTimer()
        self._timer = QTimer(view, interval=FRAME)
        self._timer.timeout.connect(self._step)

    @property
    def shade(self) -> float:
        """Opacity from 0 to 1."""
        return 1.0 if self.first == NONE else min(self._age.elapsed() / DURATION, 1.0)

    @property
    def top(self) -> float:
        """The y of the first token that is fading; infinite where none is."""
        return inf if self.first == NONE else self._top(self.first)

    def begin(self, first: int, end: int) -> None:
        """Fade in the tokens from ``first`` to ``end``; those that were still fading are there at once, if any come."""
        if first == end and self.first < end:
            return
        self._repaint()
        self.first = NONE
        if self.moving and 0 < first < end <= first + MOST and self._view.isVisible():
            self.first = first
            self._age.start()
            self._timer.start()

    def _repaint(self) -> None:
        port = self._view.viewport()
        if self.first != NONE:
            top = int(min(self.top, port.height())) - OVERHANG
            port.update(0, top, port.width(), port.height() - top)

    def _step(self) -> None:
        self._repaint()
        if self.shade == 1.0:
            self.first = NONE
            self._timer.stop()
