"""The library page: lists the models on disk and the downloads, with buttons to use, check, rename or delete them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.desktop.folders import as_told
from app.look.choosing import choose_file, choose_folder
from app.look.room import make_room
from app.look.scrolled import Scrolled
from app.models.asking_name import ask_name
from app.models.deletion import Deletion
from app.models.download_card import RESUME
from app.models.download_cards import DownloadCards
from app.models.downloads_at_closing import ClosingChoice
from app.models.drafter_adding import DrafterAdding
from app.models.importing import GGUF_KINDS, GGUF_TITLE, imported
from app.models.library import Installed, Listing, ModelLibrary, Offer, Step, size
from app.models.models_table import ModelsTable
from app.models.page_parts import button, headline, note, row_of
from app.models.task_status import TaskStatus
from app.models.verified import own, verified
from app.talk.chat import Chat
from app.threads.failure import Failure

CONTEXT = 4096  # tokens for which a model is judged that is only fetched anew


class LibraryPage(QDialog):
    """Lists models, unfinished downloads and the queue.

    ``closing``: what happens to a download when the window closes; ``closing_chosen`` carries a new choice.
    ``get_wanted`` asks for the wizard, ``use_wanted`` for a model set to chat with (None: the starter).
    """

    get_wanted = Signal()
    use_wanted = Signal(object)  # ModelSet | None
    closing_chosen = Signal(str)
    teach_wanted = Signal(object)  # ModelSet

    def __init__(self, library: ModelLibrary, chat: Chat, parent: QWidget | None = None, *, closing: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self._library = library
        self.deletion = Deletion(chat, self)
        self._listing: Listing | None = None
        self._asking: QDialog | None = None
        self.place, self.table, self.task_status = note(as_told(library.folder)), ModelsTable(), TaskStatus()
        self.get, self.shift = button("Get a model…"), button("Move the folder…")
        self.take, self.unpack = button("Import a folder…"), button("Import a GGUF file…")
        self.use, self.name, self.check = button("Chat with it"), button("Rename…"), button("Verify")
        self.draft, self.teach = button("Add a drafter…"), button("Teach it to draft…")
        self.delete, self.go_on = button("Delete…"), button(RESUME)
        self.adding = DrafterAdding(library, chat, self.task_status, self)
        self.shut = button("Close")
        self.closing = ClosingChoice(closing)
        self.downloads = DownloadCards(library.downloads)
        self._lay_out()
        self._connect()
        self._enable()
        make_room(self, 860, 600)

    def showEvent(self, event: QShowEvent) -> None:
        """Put the keyboard into the list."""
        super().showEvent(event)
        self.table.setFocus()

    def chosen(self) -> Installed | str | None:
        """Return the model picked, or the repository of an unfinished download."""
        return self.table.chosen()

    # Actions on the model picked

    def chat_with(self) -> None:
        """Load the model picked, by itself."""
        self._leave_with(self.use_wanted)

    def teach_it(self) -> None:
        """Have the model picked taught to draft, on a page of its own."""
        self._leave_with(self.teach_wanted)

    def _leave_with(self, wanted: SignalInstance) -> None:
        model = self.chosen()
        models = self._listing.find(model.key) if self._listing and isinstance(model, Installed) else None
        if models is not None:
            wanted.emit(models)
            self.close()

    def verify(self) -> None:
        """Hash the files of the model picked."""
        model = self.chosen()
        if isinstance(model, Installed):
            task = self.task_status.begin(self._library.verify(model), f"Verifying {model.name}")
            task.stepped.connect(lambda at: self.task_status.step(at.path, at.done, at.total))
            task.finished.connect(lambda files: self.task_status.conclude(verified(files, model)))

    def add_drafter(self) -> None:
        """Ask for a drafter for the model picked."""
        model = self.chosen()
        if isinstance(model, Installed):
            self.adding.ask(model)

    def ask_name(self) -> None:
        """Ask what the model picked is to be called."""
        model = self.chosen()
        if isinstance(model, Installed):
            self._asking = ask_name(self, model, lambda text: self.rename(model, text))

    def rename(self, model: Installed, text: str) -> None:
        """Call ``model`` something else."""
        if text.strip() != model.name:
            task = self.task_status.begin(self._library.rename(model, text), f"Renaming {model.name}")
            task.finished.connect(lambda renamed: self.task_status.say(f"It is now called {renamed.name}."))

    def resume(self) -> None:
        """Download what is missing of the model picked."""
        chosen = self.chosen()
        if chosen is None:
            return
        repository = chosen.repository if isinstance(chosen, Installed) else chosen
        for job in self._library.downloads.jobs:
            if any(file.repository == repository for file in job.files):
                self._tell(self._library.downloads.resume(job.job))
                return
        if isinstance(chosen, Installed) and chosen.drafts:
            self.adding.fetch_again(chosen)
            return
        looked = self._library.inspect(repository, CONTEXT)
        task = self.task_status.begin(looked, f"Asking Hugging Face about {repository}")
        task.finished.connect(self._fetch)

    def ask_delete(self) -> None:
        """Ask, and then delete what is picked."""
        chosen = self.chosen()
        if chosen is not None:
            self.deletion.ask(chosen, self._listing)

    # Actions on the whole library

    def take_in(self, source: Path) -> None:
        """Import a checkpoint folder or a GGUF file, and offer to chat with it."""
        before = {model.key for model in self._listing.models} if self._listing else set()
        task = self.task_status.begin(self._library.take_in(source), f"Importing {source.name}")
        task.stepped.connect(self._copying)
        task.finished.connect(lambda steps: self._taken_in(steps, before))
        task.stopped.connect(lambda: self.task_status.say("The import was stopped; nothing was kept of it."))

    def move_to(self, target: Path) -> None:
        """Move the library to ``target``."""
        task = self.task_status.begin(self._library.move(target), f"Moving the models to {as_told(target)}")
        task.stepped.connect(self._copying)
        task.finished.connect(lambda _: self.task_status.say(f"The models are in {as_told(target)} now."))
        task.stopped.connect(lambda: self.task_status.say("Stopped half way. Moving to the same folder again goes on."))

    # Showing the library's state

    def _show(self, listing: Listing) -> None:
        self._listing = listing
        away = "" if listing.connected else " (its drive is not connected)"
        total = sum(model.size for model in listing.models)
        if not listing.models and not listing.unfinished and self.task_status.idle:
            self.task_status.say(self.task_status.status.text() or "Nothing yet beside the starter.")
        self.place.setText(f"{as_told(listing.folder)}{away}  ·  {size(total)} of models  ·  {size(listing.free)} free")
        self.table.show_listing(listing, self._under_way())
        self._enable()

    def _under_way(self) -> set[str]:
        jobs = (job for job in self._library.downloads.jobs if not job.over)
        return {file.repository for job in jobs for file in job.files}

    def _show_downloads(self) -> None:
        """Leave in the list only what is not being downloaded."""
        self._enable()
        if self._listing is not None:
            self.table.show_listing(self._listing, self._under_way())

    # Tasks

    def _pick(self) -> None:
        self.task_status.forget()
        self._enable()

    def _enable(self) -> None:
        idle, chosen = self.task_status.idle and not self.deletion.waits, self.chosen()
        here = isinstance(chosen, Installed) and chosen.present
        whole = isinstance(chosen, Installed) and here and chosen.whole
        damaged = isinstance(chosen, Installed) and here and not whole
        again = isinstance(chosen, str) or (damaged and not own(chosen))
        drafts = isinstance(chosen, Installed) and chosen.drafts
        self.use.setEnabled(idle and whole and not drafts)
        for each in (self.draft, self.teach):
            each.setEnabled(idle and whole and not drafts)
        self.name.setEnabled(idle and here)
        self.check.setEnabled(idle and here)
        self.delete.setEnabled(idle and (here or isinstance(chosen, str)))
        self.go_on.setEnabled(idle and again)
        self.take.setEnabled(idle)
        self.unpack.setEnabled(idle)
        self.shift.setEnabled(idle and not self._library.downloads.under_way)
        self.shift.setToolTip("Not while a download is under way" if self._library.downloads.under_way else "")

    def _copying(self, step: Step) -> None:
        self.task_status.step(step.what, step.done, step.total)

    def _taken_in(self, steps: tuple[Step, ...], before: set[str]) -> None:
        """Pick what was imported as soon as it is listed, and say what came of it."""

        def pick(listing: Listing) -> None:
            new = next((model for model in listing.models if model.key not in before), None)
            if new is not None:
                self._library.listed.disconnect(pick)
                self.table.pick(new.key)
                self.use.setFocus()
                self.task_status.say(imported(steps))

        self.task_status.say(imported(steps))
        self._library.listed.connect(pick)

    def _fetch(self, offer: Offer) -> None:
        self.task_status.say("")
        self._tell(self._library.downloads.get(offer))

    def _tell(self, failure: Failure | None) -> None:
        if failure is not None:
            self.task_status.complain(failure)

    def _delete(self, chosen: Installed | str) -> None:
        library, name = self._library, chosen.name if isinstance(chosen, Installed) else chosen
        remove = library.remove(chosen) if isinstance(chosen, Installed) else library.discard(chosen)
        task = self.task_status.begin(remove, f"Deleting {name}")
        task.finished.connect(lambda _: self.task_status.say(f"{name} was deleted."))

    # Construction

    def _lay_out(self) -> None:
        area = Scrolled()
        rows, whole = area.rows, QVBoxLayout(self)
        rows.setContentsMargins(24, 20, 24, 4)
        rows.setSpacing(12)
        for part in (headline("Models"), self.place):
            rows.addWidget(part)
        # Buttons stand above whatever comes and goes, so that none moves away from under the pointer.
        rows.addLayout(row_of(self.get, self.take, self.unpack, self.shift))
        rows.addLayout(row_of(self.use, self.draft, self.teach, self.name, self.check, self.delete, self.go_on))
        rows.addWidget(self.table, 1)
        rows.addWidget(self.task_status)
        rows.addLayout(self.downloads)
        foot = QHBoxLayout()
        foot.setContentsMargins(24, 0, 24, 16)
        foot.addWidget(self.closing, 1)
        foot.addWidget(self.shut)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area, 1)
        whole.addLayout(foot)

    def _connect(self) -> None:
        library = self._library
        library.listed.connect(self._show)
        self.downloads.turned.connect(self._show_downloads)
        self.closing.chosen.connect(self.closing_chosen)
        self.deletion.leave_wanted.connect(self.use_wanted)
        self.adding.use_wanted.connect(self.use_wanted)
        self.deletion.begun.connect(self._enable)
        self.deletion.ready.connect(self._delete)
        self.task_status.changed.connect(self._enable)
        self.table.picked.connect(self._pick)
        self.table.itemActivated.connect(lambda *_: self.chat_with())
        acts = (
            (self.get, self.get_wanted.emit),
            (self.use, self.chat_with),
            (self.draft, self.add_drafter),
            (self.teach, self.teach_it),
            (self.name, self.ask_name),
            (self.check, self.verify),
            (self.delete, self.ask_delete),
            (self.go_on, self.resume),
            (self.shut, self.close),
            (self.take, lambda: self._ask_folder("Import a model folder", self.take_in)),
            (self.unpack, self._ask_file),
            (self.shift, lambda: self._ask_folder("Move the models folder to", self.move_to)),
        )
        for pressed, act in acts:
            pressed.clicked.connect(lambda _=False, act=act: act())

    def _ask_file(self) -> None:
        file = choose_file(self, GGUF_TITLE, GGUF_KINDS)
        if file is not None:
            self.take_in(file)

    def _ask_folder(self, title: str, act: Callable[[Path], None]) -> None:
        folder = choose_folder(self, title)
        if folder is not None:
            act(folder)
