"""Shows downloads in the main window: a line while one runs, and a message when a model is ready."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject

from app.models.library import DONE, DownloadQueue, Listing, ModelLibrary, Progress
from app.models.sign_line import SignLine
from app.notices import Toast
from engine.config import ModelSet

WORDS = {
    "paused": "paused",
    "failed": "stopped",
    "stalled": "nothing arrives",
    "waiting": "waiting",
    "looking": "begins",
}


class DownloadLine(SignLine):
    """Names the running download and its progress; hidden while there is none."""

    def __init__(self, downloads: DownloadQueue) -> None:
        super().__init__("↓", "Download", "Models")
        self._downloads = downloads
        downloads.progressed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the job that is under way, or the first of those that stopped."""
        jobs = self._downloads.jobs
        job = next((job for job in jobs if not job.over), jobs[0] if jobs else None)
        self.setVisible(job is not None)
        if job is not None:
            self.tell(self._downloads.title(job.job), how_far(job))


class DownloadNews(QObject):
    """Says in ``toast`` that a model is ready and offers to ``use`` it, unless ``told`` says the wizard does."""

    def __init__(
        self, library: ModelLibrary, toast: Toast, use: Callable[[ModelSet], object], told: Callable[[], bool]
    ) -> None:
        super().__init__(toast)
        self._library, self._toast, self._use, self._told = library, toast, use, told
        self._ready: dict[str, str] = {}  # jobs that are done, but not listed yet, and what they went without
        library.downloads.progressed.connect(self._hear)
        library.listed.connect(self._list)

    def _hear(self, progress: Progress) -> None:
        if progress.state == "done" and not self._told():
            self._ready[progress.job] = progress.say.removeprefix(DONE)

    def _list(self, listing: Listing) -> None:
        for job in tuple(self._ready):
            models = listing.find(job)
            if models is not None:
                without = self._ready.pop(job)
                title = self._library.downloads.title(job)
                self._toast.offer(f"{title} is ready.{without}", "Use it", partial(self._use, models))


def how_far(progress: Progress) -> str:
    """Return the progress of a job as a word, a percentage or both."""
    share = f"{100 * progress.have // progress.size} %" if progress.size else ""
    word = WORDS.get(progress.state, "")
    return ", ".join(filter(None, (word, share))) or "begins"
