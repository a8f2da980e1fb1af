"""The fourth page: shows the models folder and its free space, and lets the user move it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QProgressBar

from app.desktop.folders import as_told
from app.look.choosing import choose_folder
from app.look.label import Label
from app.models.confirm import confirm
from app.models.library import Listing, ModelLibrary, Step, Task, size
from app.models.page_parts import button, card, paragraph, row_of, small
from app.models.wizard.wizard_page import Plan, WizardPage
from app.threads.failure import Failure

SPARE = 1 << 30  # bytes of the disk the downloads leave to others
HALF_WAY = Failure("The move was stopped half way.", "Choose the same folder again to go on with it.")


class FolderPage(WizardPage):
    """Shows the folder, what is free there and what the download takes; changing it moves what is there already."""

    step = "folder"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(plan, "Where the models go", "One folder holds all models; nothing is kept twice.")
        self._library = library
        self._room = False
        self._target = library.folder  # of a move
        self._failure: Failure | None = None  # of a move
        self._move: Task | None = None
        self._listing: Listing | None = None
        frame, rows = card()
        self.folder = Label()
        self.folder.setWordWrap(True)
        self.folder.setAccessibleName("Models folder")
        self.free, self.takes = paragraph(), small()
        for label in (self.folder, self.free, self.takes):
            rows.addWidget(label)
        self.change = button("Choose another folder…")
        self.halt = button("Stop", "quiet")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Moving the models")
        self.change.clicked.connect(self._ask_folder)
        self.halt.clicked.connect(self._stop)
        for widget in (self.bar, self.halt):
            widget.hide()
        self.rows.addWidget(frame)
        self.rows.addWidget(self.bar)
        self.rows.addLayout(row_of(self.change, self.halt))
        self.rows.addStretch()
        library.listed.connect(self._show)

    def initializePage(self) -> None:
        """Measure the disk."""
        self.folder.setText(as_told(self._library.folder))
        self._library.look()

    def isComplete(self) -> bool:
        """True when the download fits on the disk."""
        return self._room and self._move is None

    def cleanupPage(self) -> None:
        """Stop a move when the page is left."""
        self._stop()

    def ask_move(self, target: Path) -> None:
        """Make ``target`` the models folder; where that brings models along, only after saying so."""
        self._target = target
        task = self._library.bytes_to_move(target)
        task.finished.connect(self._weigh)
        task.failed.connect(self.alert.tell)

    def move_to(self, target: Path) -> None:
        """Make ``target`` the models folder; models that are there already come along."""
        self.alert.tell(None)
        self.change.setEnabled(False)
        self.bar.setValue(0)
        for widget in (self.bar, self.halt):
            widget.show()
        self._move = self._library.move(target)
        self._move.stepped.connect(self._step)
        self._move.failed.connect(self._not_moved)
        self._move.stopped.connect(self._stopped)
        self._move.over.connect(self._moved)
        self.completeChanged.emit()

    def _weigh(self, count: int) -> None:
        target = self._target
        models = len(self._listing.models) if self._listing else 0
        if not models and not count:
            self.move_to(target)
            return
        those = "The model that is" if models == 1 else f"All {models} models that are"
        copied = f"{size(count)} will be copied to the other disk; 1 GB of it stays free." if count else ""
        more = f"{those} in {as_told(self._library.folder)} will be moved. {copied} Nothing is kept twice.".strip()
        confirm(
            self,
            f"Move the models to {as_told(target)}?",
            more,
            yes="Move them",
            no="Keep the present folder",
            act=lambda: self.move_to(target),
        )

    def _stop(self) -> None:
        if self._move is not None:
            self._move.stop()

    def _show(self, listing: Listing) -> None:
        self._listing = listing
        offer = self.plan.offer
        needed = offer.download if offer else 0
        self._room = listing.connected and listing.free - SPARE >= needed
        self.folder.setText(as_told(listing.folder))
        self.free.setText(f"{size(listing.free)} free")
        self.takes.setText(f"The download takes {size(needed)}; files already there are not downloaded again.")
        if not listing.connected:
            self.alert.tell(Failure("The models folder is not there.", "Connect its drive, or choose another folder."))
        elif not self._room:
            lacking = size(needed + SPARE - listing.free)
            hint = "Choose a folder on another disk, or free some space. 1 GB is left to other programs."
            self.alert.tell(Failure(f"This download needs {lacking} more than the disk has free.", hint))
        elif self._failure is None:
            self.alert.tell(None)
        if self._failure is not None:
            self.alert.tell(self._failure)
            self._failure = None
        self.completeChanged.emit()

    def _step(self, step: Step) -> None:
        self.bar.setValue(round(1000 * step.done / max(1, step.total)))
        self.takes.setText(f"Moving the models: {step.what}")

    def _stopped(self) -> None:
        self._not_moved(HALF_WAY)

    def _not_moved(self, failure: Failure) -> None:
        self._failure = failure  # told once the folder is listed anew

    def _moved(self) -> None:
        self._move = None
        self.change.setEnabled(True)
        if self.halt.hasFocus():
            self.change.setFocus()
        for widget in (self.bar, self.halt):
            widget.hide()

    def _ask_folder(self) -> None:
        folder = choose_folder(self, "Models folder")
        if folder is not None:
            self.ask_move(folder)
