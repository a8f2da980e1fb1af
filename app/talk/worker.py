"""Runs the engine on its own thread; the only file of the window that imports it, and only there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from app.talk.faults import not_answered, not_loaded
from app.talk.preload import preload_torch
from app.threads.exchange import Count, Fill, Opening, Request
from app.threads.failure import Failure
from engine import lasting
from engine.architecture import require_folder
from engine.config import AUTOMATIC, ROOM, WEIGHTS, Chosen, ModelSet, Preset, Traits, Weights
from engine.errors import CheckpointError, UpdraftError
from engine.events import Event, Loading
from engine.fitting import fit
from engine.pace import Paces
from engine.teaching.learnt import with_learnt

log = logging.getLogger(__name__)

LOOK = 0.05  # seconds until what waits for memory looks whether it is wanted still


class SessionLike(Protocol):
    """What the worker needs of a session."""

    @property
    def traits(self) -> Traits:
        """What the model brings along."""

    def prepare(self, preset: Preset) -> Iterator[Loading]:
        """Load and record what ``preset`` needs; its first reply does so otherwise."""

    def rest(self) -> Iterator[Loading]:
        """Make ready, between replies, what makes the next ones faster; may be dropped after any step."""

    def reply(
        self,
        messages: Sequence[tuple[str, str]],
        *,
        preset: Preset,
        sampling: Chosen = ...,
        max_tokens: int | None = ...,
        stop: Sequence[str] = ...,
        opening: str = ...,
        thinking: bool | None = ...,
    ) -> Iterator[Event]:
        """Answer ``messages``; ceasing to iterate cancels."""

    def count(self, messages: Sequence[tuple[str, str]]) -> int:
        """Return how many tokens ``messages`` take."""

    def context(self, preset: Preset) -> int:
        """Return how many tokens a conversation may have."""

    def describe(self) -> Sequence[tuple[str, str]]:
        """Return (what, value) pairs about the device and what is loaded on it."""

    def close(self) -> None:
        """Give everything back."""


OpenSession = Callable[[ModelSet], Generator[Loading, None, SessionLike]]


def open_engine(
    models: ModelSet,
    room: int = ROOM,
    paces: Path | None = None,
    threads: int = AUTOMATIC,
    weights: Weights = WEIGHTS,
) -> Generator[Loading, None, SessionLike]:
    """Open the real engine; torch is imported here, on the engine's thread.

    ``paces``: the file in which it keeps what plain decoding took. The rest: see Session.open.

    Raises CheckpointError for a folder that is not there, before anything is imported.
    """
    require_folders(models)
    yield Loading("the engine", 0.0)
    preload_torch()
    yield Loading("the engine", 0.5)
    with lasting():
        from engine.session import Session

    better = with_learnt(models)
    return (yield from Session.open(better, room=room, paces=Paces(paces), threads=threads, weights=weights))


def require_folders(models: ModelSet) -> None:
    """Raise CheckpointError if a folder of ``models`` is not there."""
    for folder in models.models.values():
        if folder.is_file():
            require_folder(folder)  # says what it is, and what to choose instead
        if not folder.is_dir():
            raise CheckpointError(
                f"The folder of {models.name} is not there: {folder}",
                "If it is on a drive, connect it and retry; or choose another folder.",
            )


class EngineWorker(QObject):
    """Owns the session. Every slot runs on the engine's thread and none lets an exception out.

    That includes what is no Exception: a panic in a library written in Rust, such as a tokenizer, derives from
    BaseException alone, and one that got out would leave the window waiting for ever.
    """

    loading = Signal(object)  # Loading
    opened = Signal(object, object)  # Opening, Traits
    not_opened = Signal(object, object)  # Opening, Failure
    event_arrived = Signal(int, object)  # request id, Event
    ended = Signal(int, object)  # request id, Failure or None
    counted = Signal(object)  # Fill
    working = Signal(bool)  # a person waits for what is done, until it is False again
    unloaded = Signal()  # as it was asked to
    described = Signal(object)  # tuple[tuple[str, str], ...]

    def __init__(self, open_session: OpenSession) -> None:
        super().__init__()
        self._open_session = open_session
        self._session: SessionLike | None = None
        self._resting: Iterator[Loading] = iter(())

    @Slot(object)
    def open(self, opening: Opening) -> None:
        """Replace the session by one over ``opening.models``, ready for its preset."""
        self.working.emit(True)
        self._drop()
        try:
            self._session = self._load(self._open_session(opening.models), opening)
            if self._session is not None and opening.preset is not None:
                self._prepare(self._session.prepare(opening.preset), opening)
        except UpdraftError as error:
            self.not_opened.emit(opening, Failure.of(error, down=True))
        except BaseException as error:  # the thread's border: whatever else happens, the window is told
            log.exception("opening %s failed", opening.models.name)
            self._drop()
            self.not_opened.emit(opening, not_loaded(opening.models.name, error))
        else:
            if self._session is not None:
                self.opened.emit(opening, self._session.traits)
        self.working.emit(False)

    def _load(self, loading: Generator[Loading, None, SessionLike], opening: Opening) -> SessionLike | None:
        """Run ``loading`` to its end, once there is room, and return its session; None once abandoned."""
        while not opening.abandoned.is_set():
            try:
                if opening.room.wait(LOOK):
                    self.loading.emit(next(loading))
            except StopIteration as done:
                session: SessionLike = done.value
                return session
        loading.close()
        return None

    def _prepare(self, preparing: Iterator[Loading], opening: Opening) -> None:
        """Run ``preparing`` to its end or until abandoned; that a smaller model does not fit is no reason to fail.

        The target is there and answers through other presets; a question through this one fails with the reason.
        """
        try:
            for loading in preparing:
                self.loading.emit(loading)
                if opening.abandoned.is_set():
                    return
        except UpdraftError as error:
            log.warning("%s is not ready: %s", opening.models.name, error)

    @Slot(object)
    def reply(self, request: Request) -> None:
        """Answer ``request`` event by event; ``ended`` is the last thing heard of it, whatever happens."""
        failure: Failure | None = None
        self.working.emit(True)
        try:
            self._answer(request)
        except UpdraftError as error:
            failure = Failure.of(error)
        except BaseException as error:  # the thread's border: whatever else happens, the window is told
            log.exception("reply %d failed", request.id)
            self._drop()
            failure = not_answered(error)
        self.ended.emit(request.id, failure)
        self.working.emit(False)
        if self._session is not None:
            self._resting = self._session.rest()
            self._rest()

    def _rest(self) -> None:
        """Let the session go on resting, a step at a time: whatever is asked for comes between."""
        try:
            if next(self._resting, None) is not None:
                QTimer.singleShot(0, self._rest)
        except BaseException:  # the thread's border; nobody waits for it
            log.warning("making ready between answers failed", exc_info=True)

    def _answer(self, request: Request) -> None:
        self._resting = iter(())
        if request.stop.is_set():
            return
        if self._session is None:
            raise UpdraftError("No model is loaded.", "Choose a model first.")
        events = self._session.reply(
            request.turns,
            preset=request.preset,
            sampling=request.sampling,
            max_tokens=request.max_tokens,
            opening=request.opening,
            thinking=request.thinking,
        )
        for event in events:
            self.event_arrived.emit(request.id, event)
            if request.stop.is_set():
                break
        if isinstance(events, Generator):
            events.close()  # its finally puts the caches right, before the next request

    @Slot(object)
    def count(self, count: Count) -> None:
        """Emit how full the context would be; nothing where it cannot be counted."""
        session = self._session
        if session is None:
            return
        try:
            found = fit(count.turns, session.context(count.preset), count.room, session.count)
            self.counted.emit(Fill(count.id, *found))
        except UpdraftError as error:
            log.info("not counted: %s", error)
        except BaseException:  # the thread's border; asking, not counting, is where a fault is reported
            log.warning("counting failed", exc_info=True)

    @Slot()
    def describe(self) -> None:
        """Tell about the device and what is loaded on it."""
        try:
            self.described.emit(tuple(self._session.describe()) if self._session is not None else ())
        except BaseException:  # the thread's border
            log.exception("describing the engine failed")
            self.described.emit((("Engine", "did not answer; the log has the details"),))

    @Slot()
    def unload(self) -> None:
        """Give back what the session holds, and tell so."""
        self._drop()
        self.unloaded.emit()

    @Slot()
    def leave(self) -> None:
        """Close the session and end the thread."""
        self._drop()
        QThread.currentThread().quit()

    def _drop(self) -> None:
        session, self._session, self._resting = self._session, None, iter(())
        if session is None:
            return
        try:
            session.close()
        except BaseException:  # a session that cannot even be closed is lost all the same
            log.exception("closing the session failed")
