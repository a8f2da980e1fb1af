"""Has the engine answer beside the conversation: a first demonstration, a race. Nothing of it is kept."""

from __future__ import annotations

from itertools import count

from PySide6.QtCore import QObject, QTimer, Signal

from app.talk.flight import FRAME
from app.talk.worker import EngineWorker
from app.threads.exchange import Request, Turns
from app.threads.failure import Failure
from app.threads.queued import connect_queued
from engine.config import Chosen, Preset
from engine.events import Event

_IDS = count(-1, -1)  # those of a chat count from 1


class Asking(QObject):
    """Asks ``worker`` one question at a time. ``arrived`` brings its events together, once a frame.

    ``ended`` comes once for every question but those that were stopped, of which nothing more is heard.
    """

    arrived = Signal(object)  # tuple[Event, ...]
    ended = Signal(object)  # Failure or None

    reply_wanted = Signal(object)  # Request, for the worker

    def __init__(self, worker: EngineWorker, parent: QObject) -> None:
        super().__init__(parent)
        self.request: Request | None = None
        self._inbox: list[Event] = []
        self._frame = QTimer(self, singleShot=True, interval=FRAME)
        self._frame.timeout.connect(self._drain)
        connect_queued(
            (self.reply_wanted, worker.reply), (worker.event_arrived, self._take), (worker.ended, self._ended)
        )

    def ask(
        self, turns: Turns, preset: Preset, sampling: Chosen, max_tokens: int | None, thinking: bool | None = None
    ) -> None:
        """Ask for an answer to ``turns``."""
        self.stop()
        self.request = Request(next(_IDS), turns, preset, sampling, max_tokens, thinking=thinking)
        self.reply_wanted.emit(self.request)

    def stop(self) -> None:
        """Have the answer in flight end within a round, and hear no more of it."""
        if self.request is not None:
            self.request.stop.set()
            self.request = None
        self._inbox.clear()
        self._frame.stop()

    def _take(self, request: int, event: Event) -> None:
        if self.request is None or request != self.request.id:
            return
        self._inbox.append(event)
        if not self._frame.isActive():
            self._frame.start()

    def _drain(self) -> None:
        events, self._inbox = tuple(self._inbox), []
        if events:
            self.arrived.emit(events)

    def _ended(self, request: int, failure: Failure | None) -> None:
        if self.request is None or request != self.request.id:
            return
        self._frame.stop()
        self._drain()
        if self.request is not None:  # nobody has stopped it upon its last events
            self.request = None
            self.ended.emit(failure)
