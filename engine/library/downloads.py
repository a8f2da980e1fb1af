"""The download queue: kept on disk, and carried out by one downloader process at a time."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from engine.errors import CheckpointError
from engine.files import read_value
from engine.library.address import read_address
from engine.library.connection import Connection
from engine.library.faults import LibraryError
from engine.library.installed import Library
from engine.library.manifest import write_json
from engine.library.process import Downloader
from engine.library.protocol import LOCK, OWNER, QUEUE, Failure, Order, Patience, Progress, Told, Wanted

REVIVALS = 5  # a downloader that dies this often in a row without a new byte is not started again


@dataclass(slots=True)
class Job:
    """One entry of the queue."""

    name: str
    wanted: tuple[Wanted, ...]
    latest: Progress
    deaths: int = 0


class Downloads:
    """The queue of one library. Every method returns at once; progress is put on ``events``.

    A job is a set of checkpoints under one name. The queue is written to disk at every change, so the next
    Downloads on the same folder goes on where this one was closed, killed or cut off from power.
    """

    def __init__(
        self,
        library: Library,
        connection: Connection,
        token: Callable[[], str | None],
        patience: Patience | None = None,
        spare: int = 1 << 30,
    ) -> None:
        self._library, self._connection, self._token = library, connection, token
        self._patience, self._spare = patience or Patience(), spare
        self.events: queue.SimpleQueue[Progress] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._running: tuple[str, Downloader] | None = None
        self._closed = False
        self._jobs: dict[str, Job] = {}

    def start(self) -> None:
        """Read the queue from disk and go on with it; a downloader that outlived its window is taken over.

        Raises LibraryError (folder) while the library's drive is not connected.
        """
        folder = self._library.require()
        _take_over(folder)
        with self._lock:
            for name, wanted, paused in _load(folder):
                state = Progress(name, "paused", "Paused.") if paused else Progress(name, "waiting", "Waiting.")
                self._jobs.setdefault(name, Job(name, wanted, state))
                self.events.put(state)
            self._next()

    def jobs(self) -> tuple[Progress, ...]:
        """Return how far every job has got, in the order of the queue."""
        with self._lock:
            return tuple(job.latest for job in self._jobs.values())

    def add(self, name: str, wanted: Sequence[Wanted]) -> None:
        """Queue a job; one of that name that failed or was paused is resumed. Raises LibraryError (offline, folder)."""
        self._connection.require_online()
        self._library.require()
        with self._lock:
            known = self._jobs.get(name)
            if known and not known.latest.over:
                return
            job = Job(name, tuple(wanted), Progress(name, "waiting", "Waiting."))
            self._jobs[name] = job
            self.events.put(job.latest)
            self._save()
            self._next()

    def pause(self, name: str) -> None:
        """Stop a job at once and keep what it has."""
        with self._lock:
            job = self._jobs[name]
            if job.latest.over:
                return
            self._halt(name)
            self._turn(job, replace(job.latest, state="paused", say="Paused.", speed=None, left=None))
            self._save()
            self._next()

    def hurry(self, name: str) -> None:
        """Have a job that waits for its next attempt make it now."""
        with self._lock:
            if self._running and self._running[0] == name:
                self._running[1].hurry()

    def wants(self, repository: str) -> bool:
        """Return whether a job that is under way or waits for its turn wants this model."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if not job.latest.over]
            return any(wanted.repository == repository for job in jobs for wanted in job.wanted)

    def resume(self, name: str) -> None:
        """Let a paused or failed job go on. Raises LibraryError (offline, folder)."""
        with self._lock:
            job = self._jobs[name]
            gone = job.latest.kind == "missing"  # the pinned version; ask for the present one
            self.add(name, [replace(wanted, revision=None) for wanted in job.wanted] if gone else job.wanted)

    def cancel(self, name: str) -> None:
        """Stop a job and remove its incomplete files, unless another job needs them."""
        with self._lock:
            self._halt(name)
            job = self._jobs.pop(name)
            kept = {wanted.repository for other in self._jobs.values() for wanted in other.wanted}
            for repository in {wanted.repository for wanted in job.wanted} - kept:
                self._library.discard(repository)
            self.events.put(replace(job.latest, state="cancelled", say="Cancelled.", hint="", speed=None, left=None))
            self._save()
            self._next()

    def close(self, leave_running: bool = False) -> None:
        """End here: the running job goes on by itself or stops; either way the queue on disk resumes it."""
        with self._lock:
            self._closed = True
            running, self._running = self._running, None
        if running and leave_running:
            running[1].leave()
        elif running:
            running[1].stop()
            running[1].join()

    def _halt(self, name: str) -> None:
        if self._running and self._running[0] == name:
            process, self._running = self._running[1], None
            process.stop()

    def _next(self) -> None:
        if self._running or self._closed:
            return
        for job in self._jobs.values():
            if not job.latest.over and not self._running:
                self._run(job)

    def _run(self, job: Job) -> None:
        order = Order("get", job.name, self._library.folder, job.wanted, patience=self._patience, spare=self._spare)
        # The callbacks name their process, because a stopped one may still have lines in its pipe.
        here: list[Downloader] = []

        def hear(told: Told) -> None:
            if isinstance(told, Failure):
                told = replace(job.latest, state="failed", say=told.sentence, hint=told.hint, kind=told.kind)
            if isinstance(told, Progress):
                self._heard(job, here, told)

        def ended(complaint: str) -> None:
            self._ended(job, here, complaint)

        try:
            started = Downloader(order, self._connection, hear, ended, self._token)
        except LibraryError as error:
            self._turn(job, replace(job.latest, state="paused", say=error.sentence, hint=error.hint, kind=error.kind))
        except OSError as error:
            say = f"The downloader cannot be started: {error.strerror}."
            self._turn(job, replace(job.latest, state="failed", say=say, hint=""))
        else:
            here.append(started)
            self._running = (job.name, started)

    def _is_current(self, here: list[Downloader]) -> bool:
        return self._running is not None and bool(here) and self._running[1] is here[0]

    def _heard(self, job: Job, here: list[Downloader], told: Progress) -> None:
        with self._lock:
            if not self._is_current(here):
                return
            if told.have > job.latest.have:
                job.deaths = 0
            pins = {asked: (name, commit) for asked, name, commit in told.pinned}
            known = [(wanted, pins.get(wanted.repository)) for wanted in job.wanted]
            pinned = tuple(Wanted(wanted.role, *pin) if pin else wanted for wanted, pin in known)
            changed = pinned != job.wanted or told.over
            job.wanted, job.latest = pinned, told
            if changed:
                self._save()
            self.events.put(told)

    def _ended(self, job: Job, here: list[Downloader], complaint: str) -> None:
        with self._lock:
            if not self._is_current(here):
                return
            self._running = None
            if job.latest.state == "done":
                if self._jobs.get(job.name) is job:  # and not one added anew meanwhile
                    del self._jobs[job.name]
            elif not job.latest.over:
                job.deaths += 1
                if job.deaths >= REVIVALS:
                    say = f"The downloader stopped unexpectedly{': ' + complaint if complaint else ''}."
                    self._turn(job, replace(job.latest, state="failed", say=say, hint=""))
            self._save()
            self._next()

    def _turn(self, job: Job, progress: Progress) -> None:
        job.latest = progress
        self.events.put(progress)

    def _save(self) -> None:
        if not self._library.folder.is_dir():
            return  # the drive is gone: its queue is still on it
        jobs = [
            {"name": job.name, "wanted": [asdict(wanted) for wanted in job.wanted], "paused": job.latest.over}
            for job in self._jobs.values()
            if job.latest.state != "done"
        ]
        with contextlib.suppress(OSError):  # a full or lost disk is for the downloader to report
            write_json(self._library.folder / QUEUE, {"jobs": jobs})


def _load(folder: Path) -> list[tuple[str, tuple[Wanted, ...], bool]]:
    try:
        jobs = read_value(folder / QUEUE)["jobs"]
    except (CheckpointError, OSError, ValueError, KeyError, TypeError):
        return []  # no queue yet, or not one of ours
    return list(filter(None, map(_job, jobs if isinstance(jobs, list) else ())))


def _job(value: Any) -> tuple[str, tuple[Wanted, ...], bool] | None:
    """Return a job of the queue's file as (name, models, paused); None for what is none."""
    try:
        wanted = tuple(Wanted(**each) for each in value["wanted"])
        named = all(read_address(each.repository) == (each.repository, None) for each in wanted)
        sound = named and all(isinstance(each.revision, str | None) for each in wanted)
        return (value["name"], wanted, bool(value["paused"])) if sound and isinstance(value["name"], str) else None
    except (LibraryError, KeyError, TypeError, AttributeError):
        return None


def _take_over(folder: Path) -> None:
    """End a downloader whose window is gone, so that its job is seen and steered from here."""
    try:
        with FileLock(folder / LOCK, timeout=0):
            return
    except Timeout:
        pass
    try:
        owner = read_value(folder / OWNER)
        if psutil.pid_exists(owner["client"]):
            return  # another Updraft is at work; adding a job will say so
        process = psutil.Process(owner["process"])
        process.kill()
        process.wait(10)
    except (CheckpointError, OSError, ValueError, KeyError, TypeError, OverflowError, psutil.Error):
        return
