"""The model library as the window sees it: errands on threads of their own, downloads heard on the window's thread.

The only file of the window that imports engine.library; the parts that show it take its names from here.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.library import (
    CATALOGUE,
    CatalogueSet,
    Checked,
    Connection,
    DeviceCode,
    Downloads,
    FileProgress,
    Hardware,
    Installed,
    Library,
    LibraryError,
    Patience,
    Progress,
    SignedIn,
    Step,
    Verdict,
    Wanted,
    inspect,
    judge,
    probe,
    read_address,
    sign_in,
    sign_in_by_browser,
    sign_out,
    token,
    wanted_for,
)
from engine.words import duration, size

__all__ = [
    "Checked",
    "Connection",
    "DeviceCode",
    "Errand",
    "FileProgress",
    "Hardware",
    "Installed",
    "Listing",
    "ModelLibrary",
    "Offer",
    "Patience",
    "Progress",
    "SignedIn",
    "Step",
    "Survey",
    "Trouble",
    "Verdict",
    "Wanted",
    "duration",
    "size",
]

log = logging.getLogger(__name__)

HUB = "https://huggingface.co"
LOOK = 100  # ms between two looks at what the downloads told
LEAVING = 5.0  # seconds an errand has to end when the window closes


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong, as finished sentences; ``kind`` as in LibraryError, or empty."""

    sentence: str
    hint: str = ""
    kind: str = ""

    @classmethod
    def of(cls, error: UpdraftError) -> Trouble:
        """Return what ``error`` says."""
        return cls(error.sentence, error.hint, error.kind if isinstance(error, LibraryError) else "")


@dataclass(frozen=True, slots=True)
class Offer:
    """A model set that can be had: ``download`` in bytes, ``gated`` the repositories that ask for a sign-in."""

    name: str
    title: str
    good_for: str
    download: int
    licences: tuple[str, ...]
    repositories: tuple[str, ...]
    gated: tuple[str, ...]
    verdict: Verdict
    wanted: tuple[Wanted, ...]
    installed: bool = False
    chats: bool = True


@dataclass(frozen=True, slots=True)
class Survey:
    """This machine, and what is on offer for it, the best first."""

    hardware: Hardware
    offers: tuple[Offer, ...]

    @property
    def best(self) -> Offer | None:
        """The set recommended: the first that fits and needs no sign-in."""
        return next((offer for offer in self.offers if offer.verdict.answer != "no" and not offer.gated), None)


@dataclass(frozen=True, slots=True)
class Listing:
    """What the library holds: ``sets`` by catalogue name or repository, ``unfinished`` as (repository, bytes).

    ``connected`` is False while its drive is away.
    """

    folder: Path
    connected: bool
    models: tuple[Installed, ...]
    sets: Mapping[str, ModelSet]
    unfinished: tuple[tuple[str, int], ...]
    free: int


class Errand(QObject):
    """Something that takes a while, on a thread of its own, begun once the event loop runs again.

    ``finished`` carries the result, ``failed`` a Trouble; an errand that yields tells each step by ``stepped``, and
    its result is the tuple of them. Exactly one of finished, failed and stopped is the last, on the window's thread.
    """

    stepped = Signal(object)
    finished = Signal(object)
    failed = Signal(object)  # Trouble
    stopped = Signal()
    over = Signal()
    _told = Signal(str, object)

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self.ended = False
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="errand", daemon=True)
        self._told.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        QTimer.singleShot(0, self, self._thread.start)

    def stop(self) -> None:
        """End at the next step."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread, for ``seconds`` at most."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self._told.emit(*self._result())
        except RuntimeError:
            log.info("an errand came back to a window that is gone")

    def _result(self) -> tuple[str, object]:
        try:
            result = self._work()
            if isinstance(result, Iterator):
                result = tuple(self._steps(result))
        except UpdraftError as error:
            return "failed", Trouble.of(error)
        except OSError as error:
            return "failed", Trouble(f"{error.strerror or error}.", "Check the folder and its drive, then try again.")
        except Exception:  # the thread's border: whatever else happens, the window is told
            log.exception("an errand failed")
            return "failed", Trouble("That failed because of an unexpected fault.", "The log has the details.")
        return ("stopped", None) if self._stop.is_set() else ("finished", result)

    def _steps(self, steps: Iterator[Any]) -> Iterator[Any]:
        for step in steps:
            self._told.emit("stepped", step)
            yield step
            if self._stop.is_set():
                return

    def _deliver(self, what: str, value: object) -> None:
        if what == "stepped":
            self.stepped.emit(value)
            return
        self._thread.join()  # it may still be inside the signal's emit, and this object may soon go
        self.ended = True
        if what == "stopped":
            self.stopped.emit()
        else:
            (self.finished if what == "finished" else self.failed).emit(value)
        self.over.emit()


class ModelLibrary(QObject):
    """What is installed, what could be, and the downloads between. Lives on the window's thread and never blocks it.

    ``connection`` is how the environment lets the Hub be reached; ``offline`` adds the window's own switch.
    """

    listed = Signal(object)  # Listing
    progressed = Signal(object)  # Progress
    offline_changed = Signal(bool)

    def __init__(
        self,
        library: Library,
        connection: Connection,
        patience: Patience | None = None,
        *,
        offline: bool = False,
        spare: int = 1 << 30,
    ) -> None:
        super().__init__()
        self._library, self._given = library, connection
        self._connection = replace(connection, offline=connection.offline or offline)
        self._patience, self._spare = patience, spare
        self._downloads = self._new_downloads()
        self._jobs: dict[str, Progress] = {}
        self._errands: list[Errand] = []
        self._look = QTimer(self, interval=LOOK)
        self._look.timeout.connect(self._hear)

    @classmethod
    def here(cls, *, offline: bool = False) -> ModelLibrary:
        """Open this user's library as the environment says; to be called before the engine is imported."""
        return cls(Library.open(), Connection.from_environment(), offline=offline)

    @property
    def offline(self) -> bool:
        """True while no request may leave this machine."""
        return self._connection.offline

    @property
    def folder(self) -> Path:
        """Where the models lie."""
        return self._library.folder

    @property
    def jobs(self) -> tuple[Progress, ...]:
        """Where every job stands, in the order of the queue."""
        return tuple(self._jobs.values())

    @property
    def downloading(self) -> bool:
        """True while a job is under way or waits for its turn."""
        return any(not job.over for job in self._jobs.values())

    def address(self, repository: str) -> str:
        """Return the address of a model's page."""
        return f"{(self._connection.endpoint or HUB).rstrip('/')}/{repository}"

    def title(self, job: str) -> str:
        """Return what a job is called on its card."""
        return CATALOGUE[job].title if job in CATALOGUE else job

    def set_offline(self, offline: bool) -> None:
        """Allow or forbid the network; a download under way is paused. The environment's switch has the last word."""
        connection = replace(self._given, offline=self._given.offline or offline)
        if connection != self._connection:
            self._connection = connection
            self._downloads.close()
            self._downloads = self._new_downloads()
            self._jobs.clear()
            self.resume_queue()
            self.offline_changed.emit(connection.offline)

    # Errands

    def look(self) -> None:
        """Have the library listed anew; ``listed`` tells."""
        self._errand(self._list).finished.connect(self.listed)

    def survey(self, context: int) -> Errand:
        """Measure this machine and judge every set at ``context`` tokens; finishes with a Survey."""
        return self._errand(lambda: self._survey(context))

    def inspect(self, address: str, context: int) -> Errand:
        """Ask the Hub what the model at ``address`` is; finishes with an Offer."""
        return self._errand(lambda: self._inspect(address, context))

    def signed_in(self) -> Errand:
        """Finishes with True where a token is kept; the keyring may ask its owner first."""
        return self._errand(lambda: token() is not None)

    def sign_in(self, text: str) -> Errand:
        """Have a token checked and kept in the keyring; finishes with the account's name."""
        return self._errand(lambda: sign_in(text, self._connection))

    def sign_in_by_browser(self) -> Errand:
        """Have a sign-in confirmed on the Hub's page; steps are DeviceCode, the last of them SignedIn."""
        return self._errand(lambda: sign_in_by_browser(self._connection))

    def sign_out(self) -> Errand:
        """Forget the token."""
        return self._errand(sign_out)

    def check_access(self, repositories: Sequence[str]) -> Errand:
        """Ask the Hub whether these may be read; finishes with a dict of those that may not, each with its Trouble."""
        return self._errand(lambda: self._refusals(repositories))

    def verify(self, model: Installed) -> Errand:
        """Hash a model's files; steps are Checked. Bad files are removed, so that a download fetches only them."""
        return self._changing(lambda: self._library.verify(model))

    def remove(self, model: Installed) -> Errand:
        """Delete a model."""
        return self._changing(lambda: self._library.remove(model))

    def discard(self, repository: str) -> Errand:
        """Delete what there is of an unfinished download."""
        return self._changing(lambda: self._discard(repository))

    def take_in(self, source: Path) -> Errand:
        """Import a checkpoint folder; steps are Step."""
        return self._changing(lambda: self._library.take_in(source))

    def move(self, target: Path) -> Errand:
        """Move the library; steps are Step. Stopped half way, a second move goes on."""
        return self._changing(lambda: self._library.move(target))

    def mark_used(self, models: ModelSet) -> None:
        """Note that ``models`` were loaded now."""
        folders = [folder for folder in (models.target, models.qualifier, models.draft) if folder is not None]
        self._errand(lambda: self._mark_used(folders)).finished.connect(self.look)

    # Downloads

    def resume_queue(self) -> None:
        """Go on with what an earlier window left."""
        self._errand(self._start_queue).over.connect(self._look.start)

    def get(self, offer: Offer) -> Trouble | None:
        """Queue the download of ``offer``, or resume it; returns what stands against it."""
        return self._try(lambda: self._downloads.add(offer.name, offer.wanted))

    def pause(self, job: str) -> Trouble | None:
        """Stop a job and keep what it has."""
        return self._try(lambda: self._downloads.pause(job))

    def resume(self, job: str) -> Trouble | None:
        """Let a job go on."""
        return self._try(lambda: self._downloads.resume(job))

    def cancel(self, job: str) -> Trouble | None:
        """Drop a job and what of it is not complete."""
        return self._try(lambda: self._downloads.cancel(job))

    def close(self, *, leave_running: bool = False) -> None:
        """End here; the running download goes on by itself, or is resumed by the next window."""
        self._look.stop()
        for errand in self._errands:
            errand.stop()
        self._downloads.close(leave_running)
        for errand in self._errands:
            errand.join(LEAVING)

    # Inside

    def _new_downloads(self) -> Downloads:
        return Downloads(self._library, self._connection, token, self._patience, self._spare)

    def _errand(self, work: Callable[[], Any]) -> Errand:
        errand = Errand(work)
        self._errands = [errand, *(each for each in self._errands if not each.ended)]
        return errand

    def _changing(self, work: Callable[[], Any]) -> Errand:
        errand = self._errand(work)
        errand.over.connect(self.look)
        return errand

    def _try(self, act: Callable[[], None]) -> Trouble | None:
        try:
            act()
        except UpdraftError as error:
            return Trouble.of(error)
        except OSError as error:
            return Trouble(f"{error.strerror or error}.", "Check the folder and its drive, then try again.")
        except KeyError:
            return None  # the job ended a moment ago
        finally:
            self._look.start()
        return None

    def _start_queue(self) -> None:
        if self._library.connected and self._library.folder.is_dir():
            self._downloads.start()

    def _hear(self) -> None:
        ended = False
        while True:
            try:
                progress = self._downloads.events.get_nowait()
            except queue.Empty:
                break
            ended = ended or progress.over
            if progress.state == "cancelled":
                self._jobs.pop(progress.job, None)
            else:
                self._jobs[progress.job] = progress
            self.progressed.emit(progress)
        if ended:
            self.look()
        if not self.downloading:
            self._look.stop()

    def _list(self) -> Listing:
        library = self._library
        models = library.models()
        return Listing(
            folder=library.folder,
            connected=library.connected,
            models=models,
            sets=library.model_sets(),
            unfinished=library.unfinished() if library.connected else (),
            free=probe(library.folder).disk_free,
        )

    def _survey(self, context: int) -> Survey:
        hardware = probe(self._library.folder)
        models = [model for model in self._library.models() if model.present and model.whole]
        names = {model.repository for model in models}
        offers = [_offer(entry, judge(entry.architectures, hardware, context), names) for entry in CATALOGUE.values()]
        listed = {repository for offer in offers for repository in offer.repositories}
        own = [_own(model, hardware, context) for model in models if model.repository not in listed]
        return Survey(hardware, tuple(sorted((*filter(None, own), *offers), key=_rank)))

    def _inspect(self, address: str, context: int) -> Offer:
        name, wanted = wanted_for(read_address(address)[0] if "/" in address else address)
        if name in CATALOGUE:
            return next(offer for offer in self._survey(context).offers if offer.name == name)
        found = inspect(address, self._connection, token())
        names = {model.repository for model in self._library.models()}
        return Offer(
            name=name,
            title=found.repository,
            good_for=f"{found.parameters / 1e9:.1f} billion parameters, {found.form}. One model: it drafts for itself.",
            download=found.download,
            licences=(found.licence or "no licence stated",),
            repositories=(found.repository,),
            gated=(),
            verdict=judge([found.architecture], probe(self._library.folder), context),
            wanted=(replace(wanted[0], revision=found.revision),),
            installed=found.repository in names,
        )

    def _refusals(self, repositories: Sequence[str]) -> dict[str, Trouble]:
        refused = {}
        for repository in repositories:
            try:
                inspect(repository, self._connection, token())
            except UpdraftError as error:
                refused[repository] = Trouble.of(error)
        return refused

    def _mark_used(self, folders: Sequence[Path]) -> None:
        for folder in folders:
            self._library.mark_used(folder)

    def _discard(self, repository: str) -> int:
        with self._library.idle():
            return self._library.discard(repository)


def _offer(entry: CatalogueSet, verdict: Verdict, installed: set[str]) -> Offer:
    repositories = tuple(model.repository for model in entry.models.values())
    return Offer(
        name=entry.name,
        title=entry.title,
        good_for=entry.good_for,
        download=entry.download,
        licences=entry.licences,
        repositories=repositories,
        gated=tuple(model.repository for model in entry.models.values() if model.gated),
        verdict=verdict,
        wanted=wanted_for(entry.name)[1],
        installed=installed.issuperset(repositories),
        chats="hsd" in entry.presets,
    )


def _own(model: Installed, hardware: Hardware, context: int) -> Offer | None:
    """Return a model of the library's that no set has, None where its configuration cannot be read any more."""
    try:
        architecture = model.architecture
    except (UpdraftError, OSError):
        return None
    return Offer(
        name=model.repository,
        title=model.repository.removeprefix("local/"),
        good_for=f"{architecture.parameters / 1e9:.1f} billion parameters. One model: it drafts for itself.",
        download=0,
        licences=(model.licence or "no licence stated",),
        repositories=(model.repository,),
        gated=(),
        verdict=judge([architecture], hardware, context),
        wanted=(),
        installed=True,
    )


def _rank(offer: Offer) -> tuple[bool, bool, bool, int]:
    """Order by what runs here, what chats, what needs no sign-in, and then the larger models, which answer better."""
    fits = offer.verdict.answer != "no"
    return not fits, not offer.chats, bool(offer.gated), -offer.verdict.needed if fits else offer.verdict.needed
