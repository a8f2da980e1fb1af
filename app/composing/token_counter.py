"""How full the context is, counted by the engine with the real tokenizer; what is typed counts too."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.talk.worker import EngineWorker
from app.threads.exchange import Count, Fill, Turns
from app.threads.queued import connect_queued
from engine.config import Preset

PAUSE = 250  # ms without a change before the engine is asked


class TokenCounter(QObject):
    """Has the turns given to ``watch`` counted, once they rest; answers about older ones are dropped.

    ``fill`` is what is known of them, None until the engine has told; ``filled`` says when it has.
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
        """Count nothing any more; an answer that is under way is about something else."""
        self._pause.stop()
        self._watched = self.fill = None
        self._asked += 1

    def refresh(self) -> None:
        """Count again: the engine may answer otherwise than before, or for the first time."""
        self.fill = None
        self._pause.start()

    def known(self, turns: Turns) -> Fill | None:
        """Return what is known of exactly ``turns``."""
        return self.fill if self._watched is not None and turns == self._watched[0] else None

    def _ask(self) -> None:
        if self._watched is not None:
            self._asked += 1
            self.count_wanted.emit(Count(self._asked, *self._watched))

    def _counted(self, fill: Fill) -> None:
        if fill.id == self._asked and not self._pause.isActive():
            self.fill = fill
            self.filled.emit(fill)
