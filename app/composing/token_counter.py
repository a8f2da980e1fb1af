"""Counts how full the context is, with the engine's tokenizer, including what is being typed."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.talk.worker import EngineWorker
from app.threads.exchange import Count, Fill, Turns
from app.threads.queued import connect_queued
from engine.config import Preset

PAUSE = 250  # ms without a change before the engine is asked


class TokenCounter(QObject):
    """Counts the turns given to ``watch`` once they stop changing, and drops counts of older ones.

    ``fill`` is the latest count, None until the engine has answered; ``filled`` is emitted when it has.
    """

    filled = Signal(object)  # Fill
    count_wanted = Signal(object)  # Count, for the worker

    def __init__(self, worker: EngineWorker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.fill: Fill | None = None
        self._asked = 0
        self._watched: tuple[Turns, Preset, int | None] | None = None
        self._pause = QTimer(self, singleShot=True, interval=PAUSE)
        self._pause.timeout.connect(self._ask)
        connect_queued((self.count_wanted, worker.count), (worker.counted, self._counted))

    def watch(self, turns: Turns, preset: Preset, room: int | None) -> None:
        """Count ``turns`` from now on; if they do not fit, so that ``room`` tokens are left for an answer."""
        if (turns, preset, room) != self._watched:
            self._watched, self.fill = (turns, preset, room), None
            self._pause.start()

    def forget(self) -> None:
        """Stop counting, and ignore a count that is under way."""
        self._pause.stop()
        self._watched = self.fill = None
        self._asked += 1

    def refresh(self) -> None:
        """Count again: the engine may have changed or just become ready."""
        self.fill = None
        self._pause.start()

    def known(self, turns: Turns) -> Fill | None:
        """Return the count of exactly ``turns``, if known."""
        return self.fill if self._watched is not None and turns == self._watched[0] else None

    def _ask(self) -> None:
        if self._watched is not None:
            self._asked += 1
            self.count_wanted.emit(Count(self._asked, *self._watched))

    def _counted(self, fill: Fill) -> None:
        if fill.id == self._asked and not self._pause.isActive():
            self.fill = fill
            self.filled.emit(fill)
