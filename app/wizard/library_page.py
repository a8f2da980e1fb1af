"""The library page: what is on disk, what is under way, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QProgressBar,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.desktop.folders import as_told
from app.library import Checked, Errand, Installed, Listing, ModelLibrary, Progress, Step, Trouble, size
from app.look.choosing import choose_folder
from app.wizard.job import JobView
from app.wizard.labels import Alert, announce, button, headline, note
from app.wizard.sets import imported

COLUMNS = ("Model", "Size", "Licence", "Last used", "State")
ROLE = Qt.ItemDataRole.UserRole
CLOSING = {"": "Ask", "leave": "Keep downloading", "pause": "Pause it"}


class LibraryPage(QDialog):
    """Lists models, unfinished downloads and the queue; ``get_wanted`` asks for the wizard.

    ``closing``: what becomes of a download when the window closes, one of CLOSING; ``closing_chosen`` tells another.
    """

    get_wanted = Signal()
    closing_chosen = Signal(str)

    def __init__(self, library: ModelLibrary, parent: QWidget | None = None, *, closing: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self._library = library
        self._errand: Errand | None = None
        self._question: QMessageBox | None = None
        self.jobs: dict[str, JobView] = {}
        self.place, self.status, self.alert = note(), note(), Alert()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress")
        self.table = self._make_table()
        self.get, self.check = button("Get a model…"), button("Verify")
        self.delete, self.take, self.shift = button("Delete…"), button("Import a folder…"), button("Move the folder…")
        self.halt = button("Stop", "quiet")
        self.closing = self._make_closing(closing)
        self._queue = QVBoxLayout()
        self._lay_out()
        self._connect()
        self._rest()
        self.resize(860, 600)

    def chosen(self) -> Installed | str | None:
        """Return the model picked, or the repository of an unfinished download."""
        items = self.table.selectedItems()
        found: Installed | str | None = items[0].data(0, ROLE) if items else None
        return found

    def verify(self) -> None:
        """Hash the files of the model picked."""
        model = self.chosen()
        if isinstance(model, Installed):
            errand = self._begin(self._library.verify(model), f"Verifying {model.repository}…")
            errand.stepped.connect(self._checking)
            errand.finished.connect(lambda files: self._checked(files, imported=_own(model)))

    def ask_delete(self) -> None:
        """Ask, and then delete what is picked."""
        chosen = self.chosen()
        if chosen is None:
            return
        name = chosen.repository if isinstance(chosen, Installed) else chosen
        freed = f"{size(chosen.size)} are free again afterwards." if isinstance(chosen, Installed) else ""
        again = "The folder it was imported from is not touched." if _own(chosen) else "It can be downloaded again."
        box = QMessageBox(QMessageBox.Icon.Question, "Delete", f"Delete {name} from disk?", parent=self)
        box.setInformativeText(f"{freed} {again}".strip())
        yes = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton("Keep", QMessageBox.ButtonRole.RejectRole))
        yes.clicked.connect(lambda: self._delete(chosen))
        self._question = box
        box.open()

    def take_in(self, source: Path) -> None:
        """Import a checkpoint folder."""
        errand = self._begin(self._library.take_in(source), f"Importing {source.name}…")
        errand.stepped.connect(self._copying)
        errand.finished.connect(lambda steps: self._say(imported(steps)))
        errand.stopped.connect(lambda: self._say("The import was stopped; nothing was kept of it."))

    def move_to(self, target: Path) -> None:
        """Move the library to ``target``."""
        errand = self._begin(self._library.move(target), f"Moving the models to {target}…")
        errand.stepped.connect(self._copying)
        errand.finished.connect(lambda _: self._say(f"The models are in {target} now."))
        errand.stopped.connect(lambda: self._say("Stopped half way. Moving to the same folder again goes on."))

    # What the library says

    def _show(self, listing: Listing) -> None:
        away = "" if listing.connected else " (its drive is not connected)"
        total = sum(model.size for model in listing.models)
        if not listing.models and not listing.unfinished and self._errand is None:
            self.status.setText(self.status.text() or "Nothing yet. The starter models always work.")
            self.status.show()
        self.place.setText(f"{as_told(listing.folder)}{away}  ·  {size(total)} of models  ·  {size(listing.free)} free")
        before = self.chosen()
        key = before.repository if isinstance(before, Installed) else before
        self.table.clear()
        for model in listing.models:
            texts = (model.repository, size(model.size), model.licence, _when(model.used), _state(model))
            self._add(texts, model, model.repository == key)
        for repository, count in listing.unfinished:
            if not self._under_way(repository):
                self._add((repository, size(count), "", "", "Not complete"), repository, repository == key)
        first = self.table.topLevelItem(0)
        if first is not None and not self.table.selectedItems():
            first.setSelected(True)
        self._enable()

    def _under_way(self, repository: str) -> bool:
        files = (file for job in self._library.downloads.jobs if not job.over for file in job.files)
        return any(file.repository == repository for file in files)

    def _add(self, texts: tuple[str, ...], value: Installed | str, selected: bool) -> None:
        item = QTreeWidgetItem(self.table, list(texts))
        item.setData(0, ROLE, value)
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setToolTip(0, str(value.folder) if isinstance(value, Installed) else value)
        item.setSelected(selected)

    def _hear(self, progress: Progress) -> None:
        view = self.jobs.get(progress.job)
        if progress.state in {"done", "cancelled"}:
            if view is not None:
                del self.jobs[progress.job]
                self._queue.removeWidget(view)
                view.hide()
                view.deleteLater()
        elif view is None:
            downloads = self._library.downloads
            view = JobView(downloads, progress.job, downloads.title(progress.job), files=False)
            self.jobs[progress.job] = view
            self._queue.addWidget(view)

    # Errands

    def _begin(self, errand: Errand, text: str) -> Errand:
        self._errand = errand
        self.alert.tell(None)
        self._say(text)
        self.bar.setValue(0)
        self.bar.show()
        self.halt.show()
        errand.failed.connect(self._complain)
        errand.over.connect(self._rest)
        self._enable()
        return errand

    def _rest(self) -> None:
        self._errand = None
        self.bar.hide()
        self.halt.hide()
        self.status.setVisible(bool(self.status.text()))
        self._enable()

    def _enable(self) -> None:
        idle, chosen = self._errand is None, self.chosen()
        here = isinstance(chosen, Installed) and chosen.present
        self.check.setEnabled(idle and here)
        self.delete.setEnabled(idle and (here or isinstance(chosen, str)))
        self.take.setEnabled(idle)
        self.shift.setEnabled(idle and not self._library.downloads.under_way)

    def _checking(self, checked: Checked) -> None:
        self.bar.setValue(round(1000 * checked.done / max(1, checked.total)))
        self.status.setText(f"Checked {checked.path}")

    def _checked(self, files: tuple[Checked, ...], *, imported: bool) -> None:
        bad = [checked.path for checked in files if not checked.good]
        if not bad:
            came = "imported" if imported else "downloaded"
            self._say(f"All {len(files)} files are what they were when they were {came}.")
            return
        self._say("")
        names = ", ".join(bad)
        self._complain(
            Trouble(
                f"Damaged: {names}. {'It was' if len(bad) == 1 else 'They were'} removed.",
                "Delete it and import its folder again."
                if imported
                else "Get the model again: only what is missing is downloaded.",
                "damaged",
            )
        )

    def _copying(self, step: Step) -> None:
        self.bar.setValue(round(1000 * step.done / max(1, step.total)))
        self.status.setText(f"Done with {step.path}")

    def _delete(self, chosen: Installed | str) -> None:
        if isinstance(chosen, Installed):
            errand = self._begin(self._library.remove(chosen), f"Deleting {chosen.repository}…")
            name = chosen.repository
        else:
            errand = self._begin(self._library.discard(chosen), f"Deleting {chosen}…")
            name = chosen
        errand.finished.connect(lambda _: self._say(f"{name} was deleted."))

    def _stop(self) -> None:
        if self._errand is not None:
            self._errand.stop()

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))
        if text:
            announce(self, text)

    def _complain(self, trouble: Trouble) -> None:
        self._say("")
        self.alert.tell(trouble)

    # Construction

    def _make_table(self) -> QTreeWidget:
        table = QTreeWidget()
        table.setAccessibleName("Models")
        table.setHeaderLabels(list(COLUMNS))
        table.setRootIsDecorated(False)
        table.setAllColumnsShowFocus(True)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = table.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(COLUMNS)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        return table

    def _lay_out(self) -> None:
        acts, foot = QHBoxLayout(), QHBoxLayout()
        acts.setSpacing(8)
        for widget in (self.get, self.take, self.shift):
            acts.addWidget(widget)
        acts.addStretch()
        for widget in (self.check, self.delete):
            acts.addWidget(widget)
        foot.addWidget(self.status, 1)
        foot.addWidget(self.halt)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 20, 24, 16)
        rows.setSpacing(12)
        for part in (headline("Models"), self.place, self.alert):
            rows.addWidget(part)
        rows.addWidget(self.table, 1)
        rows.addLayout(acts)
        rows.addWidget(self.bar)
        rows.addLayout(foot)
        rows.addLayout(self._queue)
        rows.addLayout(self._closing_row())

    def _closing_row(self) -> QHBoxLayout:
        row, label = QHBoxLayout(), QLabel("If a download is under way when the &window closes")
        label.setObjectName("small")
        label.setBuddy(self.closing)
        row.setSpacing(8)
        row.addWidget(label)
        row.addWidget(self.closing)
        row.addStretch()
        return row

    def _make_closing(self, chosen: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName("If a download is under way when the window closes")
        for answer, text in CLOSING.items():
            box.addItem(text, answer)
        box.activated.connect(lambda at: self.closing_chosen.emit(box.itemData(at)))
        box.setCurrentIndex(max(0, box.findData(chosen)))
        return box

    def _connect(self) -> None:
        library = self._library
        library.listed.connect(self._show)
        library.downloads.progressed.connect(self._hear)
        for job in library.downloads.jobs:
            self._hear(job)
        self.table.itemSelectionChanged.connect(self._enable)
        self.get.clicked.connect(self.get_wanted)
        self.check.clicked.connect(self.verify)
        self.delete.clicked.connect(self.ask_delete)
        self.take.clicked.connect(lambda: self._ask_folder("Import a model folder", self.take_in))
        self.shift.clicked.connect(lambda: self._ask_folder("Move the models folder to", self.move_to))
        self.halt.clicked.connect(self._stop)

    def _ask_folder(self, title: str, act: Callable[[Path], None]) -> None:
        folder = choose_folder(self, title)
        if folder is not None:
            act(folder)


def _own(chosen: Installed | str) -> bool:
    return isinstance(chosen, Installed) and chosen.source == "folder"


def _when(used: float | None) -> str:
    return "Never" if used is None else datetime.fromtimestamp(used).astimezone().strftime("%d %b %Y, %H:%M")


def _state(model: Installed) -> str:
    if not model.present:
        return "Drive not connected"
    if not model.whole:
        return "Damaged"
    return "Imported" if model.source == "folder" else "Verified"
