"""The answer in flight: asks the engine for it, collects its events frame by frame, saves it, and closes it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.conversations.archive import Archive
from app.conversations.conversation import ChatSettings, Message, Outcome, Reply
from app.conversations.current import CurrentChat
from app.talk.answer_saver import AnswerSaver
from app.talk.continuation import Continuation
from app.talk.worker import EngineWorker
from app.threads.exchange import Request, Turns
from app.threads.failure import Failure
from app.threads.queued import connect_queued
from engine.config import Preset
from engine.events import Event
from engine.tally import Tally

FRAME = 33  # ms between two looks at what arrived: smooth to the eye, cheap for the model beside it
SLOWEST_FRAME = 120


class Flight(QObject):
    """Owns the answer to the conversation in ``current`` that is being written: its ``reply`` so far, its ``tally``.

    Events are collected and handed on together once a frame. Those that carry the id of another answer are dropped.
    The engine is asked only once the question is saved. ``closed`` comes once for every answer, when the conversation
    has it and the archive as well.
    """

    arrived = Signal(object)  # tuple[Event, ...]
    closed = Signal(str, object)  # Outcome; the Failure that cut the answer short, or None

    reply_wanted = Signal(object)  # Request, for the worker

    def __init__(self, worker: EngineWorker, current: CurrentChat, archive: Archive, parent: QObject) -> None:
        super().__init__(parent)
        self.reply, self.tally = Reply(), Tally()
        self._current, self._archive = current, archive
        self._saver = AnswerSaver(archive, self)
        self._answer = Message("assistant", "")  # without its text
        self._continuation: Continuation | None = None  # set while an answer is gone on with
        self._request: Request | None = None
        self._taken = 0  # ids given so far
        self._inbox: list[Event] = []
        self._frame = QTimer(self, singleShot=True, interval=FRAME)
        self._frame.timeout.connect(self._drain)
        current.cleared.connect(self.forget_figures)
        connect_queued(
            (self.reply_wanted, worker.reply),
            (worker.event_arrived, self._take),
            (worker.ended, self._ended),
        )

    @property
    def busy(self) -> bool:
        """True while an answer is in flight."""
        return self._request is not None

    @property
    def is_stopping(self) -> bool:
        """True between a stop and its confirmation."""
        return self._request is not None and self._request.stop.is_set()

    def begin(self, answer: Message, reply: Reply, turns: Turns, preset: Preset, settings: ChatSettings) -> None:
        """Ask for ``answer`` to ``turns``; where ``reply`` has rounds already, for what follows them."""
        self._answer, self.reply = answer, reply
        self._continuation = Continuation(reply) if reply.rounds else None
        self.tally = Tally(self.tally.pace)
        self.tally.add(reply.events)
        self._taken += 1
        request = Request(
            self._taken, turns, preset, settings.sampling, settings.max_tokens, reply.text, settings.thinking
        )
        self._request = request
        self._saver.begin(self._current.conversation.id, answer, reply)
        self._archive.after(lambda: self._send(request))

    def stop(self) -> bool:
        """Have the answer end within one round; False if none is in flight or it is about to end already."""
        if self._request is None or self._request.stop.is_set():
            return False
        self._request.stop.set()
        return True

    def close(self, outcome: Outcome, failure: Failure | None = None) -> None:
        """Make what arrived the whole answer and add it to the conversation; an answer without any text is dropped."""
        self._drain()
        self.reply = self.reply.ended(outcome)
        if self.reply.text:
            answer = replace(self._answer, text=self.reply.text, reply=self.reply)
            self._current.settle(answer)
            self._saver.end(self._current.conversation, answer)
        else:
            self._saver.drop()
        self._request = None
        self._inbox.clear()
        self._frame.stop()
        self._frame.setInterval(FRAME)
        self.closed.emit(outcome, failure)

    def keep(self) -> None:
        """Save all that arrived so far."""
        self._drain()
        self._saver.keep()

    def forget_figures(self, *, pace: bool = True) -> None:
        """Begin the counts anew; the ``pace`` of plain decoding stays known unless the models are others."""
        self.reply = Reply()
        self.tally = Tally(self.tally.pace) if pace else Tally()

    def rest(self) -> None:
        """Look for nothing any more."""
        self._frame.stop()

    def _send(self, request: Request) -> None:
        if request is self._request:
            self.reply_wanted.emit(request)

    def _take(self, reply_id: int, event: Event) -> None:
        if self._request is None or reply_id != self._request.id:
            return
        self._inbox.append(event)
        if not self._frame.isActive():
            self._frame.start()

    def _drain(self) -> None:
        """Hand on all that arrived; where that takes long, the next look comes later."""
        if not self._inbox:
            return
        began = time.perf_counter()
        events, self._inbox = self._in_place(self._inbox), []
        if not events:
            return
        self.reply = self.reply.after(events)
        self._saver.advance(self.reply)
        self.tally.add(events)
        self.arrived.emit(events)
        spent = 1000 * (time.perf_counter() - began)
        self._frame.setInterval(round(min(max(FRAME, 4 * spent), SLOWEST_FRAME)))

    def _in_place(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Return ``events`` as they follow what was written before."""
        if self._continuation is None:
            return tuple(events)
        placed = [self._continuation.follow(event) for event in events]
        return tuple(event for event in placed if event is not None)

    def _ended(self, reply_id: int, failure: Failure | None) -> None:
        if self._request is None or reply_id != self._request.id:
            return
        self._drain()
        if failure is not None:
            self.close("failed", failure)
        else:
            self.close("stopped" if self.is_stopping and self.reply.finished is None else "finished")
