"""The model library for the window: every question and change runs as a background task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.models.library.download_queue import DownloadQueue
from app.models.library.listing import Listing
from app.models.library.offers import look_up, survey
from app.models.library.task import Task, Tasks
from app.threads.failure import Failure
from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.library import (
    Connection,
    Drafter,
    Installed,
    Library,
    LibraryError,
    Patience,
    drafters_of,
    inspect,
    newest,
    read_address,
    sign_in,
    sign_in_by_browser,
    sign_out,
    token,
)

HUB = "https://huggingface.co"


class ModelLibrary(QObject):
    """The installed models, those on offer, and the downloads. Lives on the window's thread and never blocks it.

    ``connection`` is how the environment lets the Hub be reached; ``offline`` adds the window's own switch.
    """

    listed = Signal(object)  # Listing
    offline_changed = Signal(bool)
    online_wanted = Signal()  # a person no longer wants to stay offline

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
        self._library, self._given, self._spare = library, connection, spare
        self._connection = replace(connection, offline=connection.offline or offline)
        self._tasks = Tasks()
        self._looks, self._last_told = 0, 0  # each look is a thread of its own, and may be overtaken
        self.downloads = DownloadQueue(library, self._connection, patience, spare, self._tasks)
        self.downloads.ended.connect(self.look)

    @classmethod
    def here(cls, *, offline: bool = False) -> ModelLibrary:
        """Open this user's library as the environment says; to be called before the engine is imported."""
        return cls(Library.open(), Connection.from_environment(), offline=offline)

    @property
    def offline(self) -> bool:
        """True while no request may leave this machine."""
        return self._connection.offline

    @property
    def offline_by_choice(self) -> bool:
        """True while the window's own switch keeps it offline, not the environment's."""
        return self.offline and not self._given.offline

    def go_online(self) -> None:
        """Ask for the network to be allowed again: the setting is kept elsewhere, and ``online_wanted`` reaches it."""
        self.online_wanted.emit()

    @property
    def folder(self) -> Path:
        """Where the models lie."""
        return self._library.folder

    def address(self, repository: str) -> str:
        """Return the address of a model's page."""
        return f"{(self._connection.endpoint or HUB).rstrip('/')}/{repository}"

    def name_in(self, address: str) -> str:
        """Return the owner/name that ``address`` means, or ``address`` itself where it means none."""
        try:
            return read_address(address)[0]
        except LibraryError:
            return address

    def set_offline(self, offline: bool) -> None:
        """Allow or forbid the network; a download under way is paused. The environment's switch has the last word."""
        connection = replace(self._given, offline=self._given.offline or offline)
        if connection != self._connection:
            self._connection = connection
            self.downloads.reconnect(connection)
            self.offline_changed.emit(connection.offline)

    def close(self, *, leave_running: bool = False) -> None:
        """End here; the running download goes on by itself, or is resumed by the next window."""
        self._tasks.stop()
        self.downloads.close(leave_running=leave_running)
        self._tasks.join()

    # What there is

    def look(self) -> None:
        """List the library again; ``listed`` carries the result, unless a later one came first."""
        self._looks += 1
        number = self._looks
        self._tasks.begin(lambda: Listing.of(self._library)).finished.connect(lambda found: self._tell(number, found))

    def _tell(self, number: int, found: Listing) -> None:
        if number > self._last_told:
            self._last_told = number
            self.listed.emit(found)

    def survey(self, context: int) -> Task:
        """Measure this machine and judge every set at ``context`` tokens; finishes with a Survey."""
        return self._tasks.begin(lambda: survey(self._library, context))

    def inspect(self, address: str, context: int) -> Task:
        """Ask the Hub what the model at ``address`` is; finishes with an Offer."""
        return self._tasks.begin(lambda: look_up(address, self._library, self._connection, context))

    def newest(self, address: str) -> Task:
        """Ask whether a newer Updraft is announced at ``address``; finishes with a Release, or None."""
        return self._tasks.begin(lambda: newest(self._connection, address))

    # Who may have it

    def signed_in(self) -> Task:
        """Finishes with True where a token is kept; the keyring may ask its owner first."""
        return self._tasks.begin(lambda: token() is not None)

    def sign_in(self, text: str, *, for_now: bool = False) -> Task:
        """Have a token checked and kept in the keyring, or ``for_now`` until the end; finishes with whose it is."""
        return self._tasks.begin(lambda: sign_in(text, self._connection, for_now=for_now))

    def sign_in_by_browser(self, *, for_now: bool = False) -> Task:
        """Have a sign-in confirmed on the Hub's page; steps are DeviceCode, the last of them SignedIn."""
        return self._tasks.begin(lambda: sign_in_by_browser(self._connection, for_now=for_now))

    def sign_out(self) -> Task:
        """Forget the token."""
        return self._tasks.begin(sign_out)

    def check_access(self, repositories: Sequence[str]) -> Task:
        """Ask the Hub whether these may be read; finishes with a dict of those that may not, each with its Failure."""
        return self._tasks.begin(lambda: self._refusals(repositories))

    # What is done to it

    def verify(self, model: Installed) -> Task:
        """Hash a model's files; steps are Checked. Bad files are removed, so that a download fetches only them."""
        return self._changing(lambda: self._library.verify(model))

    def remove(self, model: Installed) -> Task:
        """Delete a model; refused while a download wants it."""
        return self._changing(lambda: self._remove(model))

    def discard(self, repository: str) -> Task:
        """Delete what there is of an unfinished download."""
        return self._changing(lambda: self._discard(repository))

    def take_in(self, source: Path) -> Task:
        """Import a checkpoint folder; steps are Step."""
        return self._changing(lambda: self._library.take_in(source))

    def add_drafter(self, source: Path, model: Installed) -> Task:
        """Take the drafter in ``source`` in and pair it with ``model``; steps are Step."""
        return self._changing(lambda: self._library.add_drafter(source, model.key))

    def drafters_of(self, model: Installed) -> tuple[Drafter, ...]:
        """Return the drafters that the catalogue knows for ``model``, the best first."""
        return drafters_of(model.repository)

    def rename(self, model: Installed, name: str) -> Task:
        """Call a model something else; conversations find it by its former name too."""
        return self._changing(lambda: self._library.rename(model, name))

    def bytes_to_move(self, target: Path) -> Task:
        """Finishes with the bytes that a move to ``target`` has to copy: 0 on the same disk."""
        return self._tasks.begin(lambda: self._library.bytes_to_move(target))

    def move(self, target: Path) -> Task:
        """Move the library; steps are Step, over all models. Stopped half way, a second move goes on."""
        return self._changing(lambda: self._library.move(target, self._spare))

    def mark_used(self, models: ModelSet) -> None:
        """Note that ``models`` were loaded now; a model loaded by itself is offered by itself from then on."""
        folders = list(models.models.values())
        self._tasks.begin(lambda: self._mark_used(folders)).finished.connect(self.look)

    def _changing(self, work: Callable[[], Any]) -> Task:
        task = self._tasks.begin(work)
        task.over.connect(self.look)
        return task

    def _refusals(self, repositories: Sequence[str]) -> dict[str, Failure]:
        refused = {}
        for repository in repositories:
            try:
                inspect(repository, self._connection, token())
            except UpdraftError as error:
                refused[repository] = Failure.of(error)
        return refused

    def _mark_used(self, folders: Sequence[Path]) -> None:
        for folder in folders:
            self._library.mark_used(folder, alone=len(folders) == 1)

    def _remove(self, model: Installed) -> None:
        if self.downloads.wants(model.repository):
            raise LibraryError("busy", f"A download needs {model.name}.", "Wait until it is done, or cancel it first.")
        self._library.remove(model)

    def _discard(self, repository: str) -> int:
        with self._library.idle():
            return self._library.discard(repository)
