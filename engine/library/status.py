"""Keeps the state of a job and reports it from a thread of its own, so that a stall is reported too."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from engine.library.faults import LibraryError
from engine.library.manifest import Entry, Manifest
from engine.library.pace import Pace
from engine.library.protocol import FileProgress, Progress, State
from engine.words import duration, size

DONE = "Downloaded and verified."  # what every job says in the end that went well
EVERY = 0.25  # seconds between two tellings


class Status:
    """The state of one job. ``tell`` gets a Progress a few times a second and at every turn of events."""

    def __init__(self, job: str, quiet: float, tell: Callable[[Progress], None]) -> None:
        self._job, self._quiet, self._tell = job, quiet, tell
        self._files: dict[tuple[str, str], FileProgress] = {}
        self._pinned: tuple[tuple[str, str, str], ...] = ()
        self._state: State = "waiting"
        self._say = "Waiting."
        self._again: float | None = None  # when the next attempt is made, by the steady clock
        self._pace = Pace(time.monotonic())
        self._lock, self._telling, self._told_end = threading.Lock(), threading.Lock(), False
        self._closing = threading.Event()
        self._teller = threading.Thread(target=self._keep_telling, name="status", daemon=True)

    def __enter__(self) -> Status:
        self._teller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._teller.join()

    def looking(self) -> None:
        """The Hub is being asked."""
        self._turn("looking", "Asking Hugging Face what there is to fetch.")

    def listed(self, plans: Mapping[str, Manifest], library: Path) -> None:
        """The files are known, by the names they were asked for; those on disk count as far as they go."""
        with self._lock:
            for plan in plans.values():
                folder = plan.folder(library)
                for entry in plan.files:
                    have = min(_size(entry.final(folder)) or _size(entry.part(folder)), entry.size)
                    self._files[plan.repository, entry.path] = FileProgress(
                        plan.repository, entry.path, entry.size, have, "waiting"
                    )
            self._pinned = tuple((asked, plan.repository, plan.revision) for asked, plan in plans.items())
        self._turn("downloading", "Downloading.")

    def without(self, repository: str) -> None:
        """What is in ``repository`` is not fetched after all."""
        with self._lock:
            self._files = {key: file for key, file in self._files.items() if key[0] != repository}
            self._pinned = tuple(pin for pin in self._pinned if repository not in pin[:2])

    def begin(self, repository: str, entry: Entry) -> Callable[[int, bool], None]:
        """One file's turn has come; returns what is to be called with the bytes there are, and if they are old."""
        key, before = (repository, entry.path), 0

        def tick(have: int, checking: bool) -> None:
            nonlocal before
            state: State = "checking" if checking else "downloading"
            with self._lock:
                self._files[key] = replace(self._files[key], have=have, state=state)
                if not checking:
                    self._pace.add(time.monotonic(), max(0, have - before))
                before = have
                self._state = state
                self._say = f"Checking {entry.path}." if checking else f"Downloading {entry.path}."

        return tick

    def has(self, repository: str, entry: Entry) -> None:
        """One file is there and verified."""
        key = (repository, entry.path)
        with self._lock:
            self._files[key] = replace(self._files[key], have=entry.size, state="done")

    def say(self, sentence: str) -> None:
        """Something worth a sentence happened that does not change the state."""
        with self._lock:
            self._say = sentence
        self._emit()

    def stalled(self, reason: str, seconds: float) -> None:
        """Nothing moves, for ``reason``; the next attempt is ``seconds`` away, which are counted down."""
        with self._lock:
            self._again = time.monotonic() + seconds
        self._turn("stalled", reason)

    def resumed(self) -> None:
        """The wait is over."""
        with self._lock:
            self._pace, self._again = Pace(time.monotonic()), None
        self._turn("downloading" if self._files else "looking", "Trying again.")

    def done(self, without: str = "") -> None:
        """Every file is verified; ``without``: what could not be had, and why."""
        self._turn("done", f"{DONE} {without}".strip())

    def failed(self, trouble: LibraryError) -> None:
        """The job ends here; nothing that arrived is lost."""
        with self._lock:
            self._state = "failed"
        self._pass_on(
            replace(self.now(), say=trouble.sentence, hint=trouble.hint, kind=trouble.kind, speed=None, left=None)
        )

    def now(self) -> Progress:
        """Return the job's state at this moment."""
        with self._lock:
            clock = time.monotonic()
            files = tuple(self._files.values())
            have, total = sum(file.have for file in files), sum(file.size for file in files)
            speed = self._pace.speed(clock) if self._state == "downloading" else None
            left = self._pace.left(clock, total - have) if speed else None
            state, say, quiet = self._state, self._say, self._pace.quiet(clock)
            again = None if self._again is None else max(0.0, self._again - clock)
        if state == "downloading" and files and quiet > self._quiet:
            state, speed, left = "stalled", None, None
            say = f"Nothing has arrived for {duration(quiet)}; the connection is renewed if that goes on."
        elif again is not None and state == "stalled":
            say = f"{say}; trying again in {duration(max(1, math.ceil(again)))}."
        elif state == "downloading" and speed:
            rest = "estimating the time left" if left is None else f"{duration(left)} left"
            say = f"{say} {size(have)} of {size(total)}, {size(speed)}/s, {rest}."
        return Progress(
            self._job,
            state,
            say,
            have=have,
            size=total,
            speed=speed,
            left=left,
            files=files,
            pinned=self._pinned,
            again=again,
        )

    def _turn(self, state: State, say: str) -> None:
        with self._lock:
            self._state, self._say = state, say
        self._emit()

    def _emit(self) -> None:
        self._pass_on(self.now())

    def _pass_on(self, progress: Progress) -> None:
        with self._telling:  # nothing is told after the end, however late the other thread is
            if not self._told_end:
                self._told_end = progress.over
                self._tell(progress)

    def _keep_telling(self) -> None:
        while not self._closing.wait(EVERY):
            now = self.now()
            if not now.over:  # the end is reported by the call that brought it about
                self._pass_on(now)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
