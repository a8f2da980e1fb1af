"""The download queue for the window: takes requests and reports progress on the window's thread."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.models.library.offers import Offer
from app.models.library.task import Tasks
from app.threads.failure import Failure
from engine.config import Role
from engine.errors import UpdraftError
from engine.library import CATALOGUE, Connection, Downloads, Installed, Library, Patience, Progress, Wanted, token

LOOK = 100  # ms between two looks at what the downloads told


class DownloadQueue(QObject):
    """Downloads into ``library``, one after the other. A method that returns a Failure could not do what was asked.

    ``progressed`` carries the Progress of a job. ``ended``: a job ended, so the library may hold other files now.
    """

    progressed = Signal(object)  # Progress
    ended = Signal()

    def __init__(
        self, library: Library, connection: Connection, patience: Patience | None, spare: int, tasks: Tasks
    ) -> None:
        super().__init__()
        self._library, self._patience, self._spare = library, patience, spare
        self._tasks = tasks
        self._downloads = self._new_downloads(connection)
        self._jobs: dict[str, Progress] = {}
        self._before: dict[str, Progress] = {}  # where they stood when the connection was changed
        self._look = QTimer(self, interval=LOOK)
        self._look.timeout.connect(self._hear)

    @property
    def jobs(self) -> tuple[Progress, ...]:
        """The progress of every job, in the order of the queue."""
        return tuple(self._jobs.values())

    @property
    def under_way(self) -> bool:
        """True while a job is under way or waits for its turn."""
        return bool(self.names_under_way)

    @property
    def names_under_way(self) -> set[str]:
        """Which jobs are under way or wait for their turn."""
        return {job.job for job in self._jobs.values() if not job.over}

    def title(self, job: str) -> str:
        """Return the title of a job for its card."""
        return CATALOGUE[job].title if job in CATALOGUE else job

    def go_on(self) -> None:
        """Go on with what an earlier window left."""
        self._tasks.begin(self._start).over.connect(self._look.start)

    def get(self, offer: Offer) -> Failure | None:
        """Queue the download of ``offer``, or resume it."""
        return self._try(lambda: self._downloads.add(offer.name, offer.wanted))

    def get_drafter(self, model: Installed, role: Role, repository: str) -> Failure | None:
        """Queue the download of a drafter for ``model``, which is there and is fetched no second time."""
        wanted = (Wanted("target", model.repository, model.revision), Wanted(role, repository))
        return self._try(lambda: self._downloads.add(model.repository, wanted))

    def pause(self, job: str) -> Failure | None:
        """Stop a job and keep what it has."""
        return self._try(lambda: self._downloads.pause(job))

    def hurry(self, job: str) -> None:
        """Have a job that waits for its next attempt make it now."""
        self._downloads.hurry(job)

    def wants(self, repository: str) -> bool:
        """True while a job that is under way or waits wants this model, which is then not to be deleted."""
        return self._downloads.wants(repository)

    def resume(self, job: str) -> Failure | None:
        """Let a job go on."""
        return self._try(lambda: self._downloads.resume(job))

    def cancel(self, job: str) -> Failure | None:
        """Drop a job and what of it is not complete."""
        return self._try(lambda: self._downloads.cancel(job))

    def reconnect(self, connection: Connection) -> None:
        """Go on over ``connection``; the download under way is paused and begins where it was."""
        self._downloads.close()
        self._downloads = self._new_downloads(connection)
        self._before, self._jobs = self._jobs, {}
        self.go_on()

    def close(self, *, leave_running: bool) -> None:
        """End here; the running download goes on by itself, or is resumed by the next window."""
        self._look.stop()
        self._downloads.close(leave_running)

    def _new_downloads(self, connection: Connection) -> Downloads:
        return Downloads(self._library, connection, token, self._patience, self._spare)

    def _start(self) -> None:
        if self._library.connected and self._library.folder.is_dir():
            self._downloads.start()

    def _try(self, act: Callable[[], None]) -> Failure | None:
        try:
            act()
        except (UpdraftError, OSError) as error:
            return Failure.of(error)
        except KeyError:
            return None  # the job ended a moment ago
        finally:
            self._look.start()
        return None

    def _hear(self) -> None:
        ended = False
        while True:
            try:
                progress = self._downloads.events.get_nowait()
            except queue.Empty:
                break
            progress = self._with_figures(progress)
            ended = ended or progress.over
            if progress.state in {"cancelled", "done"}:  # got again, it is a new job
                self._jobs.pop(progress.job, None)
            else:
                self._jobs[progress.job] = progress
            self.progressed.emit(progress)
        if ended:
            self.ended.emit()
        if not self.under_way:
            self._look.stop()

    def _with_figures(self, progress: Progress) -> Progress:
        """Return ``progress``, where it was not measured yet with what was known of the job before."""
        known = self._jobs.get(progress.job) or self._before.pop(progress.job, None)
        if progress.size or known is None or progress.state == "cancelled":
            return progress
        return replace(progress, have=known.have, size=known.size, files=known.files)
