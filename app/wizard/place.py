"""Fourth page: where the models go, and whether there is room."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QLabel

from app.desktop.folders import as_told
from app.library import Listing, ModelLibrary, Step, Trouble, size
from app.look.choosing import choose_folder
from app.wizard.labels import button, card, paragraph, row_of, small
from app.wizard.page import Page, Plan

SPARE = 1 << 30  # bytes of the disk the downloads leave to others


class PlacePage(Page):
    """Shows the folder, what is free there and what the download takes; changing it moves what is there already."""

    step = "place"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(plan, "Where the models go", "One folder holds all models; nothing is kept twice.")
        self._library = library
        self._room = False
        self._moving = False
        frame, rows = card()
        self.folder = QLabel()
        self.folder.setWordWrap(True)
        self.folder.setAccessibleName("Models folder")
        self.free, self.takes = paragraph(), small()
        for label in (self.folder, self.free, self.takes):
            rows.addWidget(label)
        self.change = button("Choose another folder…")
        self.change.clicked.connect(self._ask_folder)
        self.rows.addWidget(frame)
        self.rows.addLayout(row_of(self.change))
        self.rows.addStretch()
        library.listed.connect(self._show)

    def initializePage(self) -> None:
        """Measure the disk."""
        self.folder.setText(as_told(self._library.folder))
        self._library.look()

    def isComplete(self) -> bool:
        """True when the download fits on the disk."""
        return self._room and not self._moving

    def move_to(self, target: Path) -> None:
        """Make ``target`` the models folder; models that are there already come along."""
        self._moving = True
        self.alert.tell(None)
        self.change.setEnabled(False)
        errand = self._library.move(target)
        errand.stepped.connect(self._step)
        errand.failed.connect(self.alert.tell)
        errand.over.connect(self._moved)

    def _show(self, listing: Listing) -> None:
        offer = self.plan.offer
        needed = offer.download if offer else 0
        self._room = listing.connected and listing.free - SPARE >= needed
        self.folder.setText(as_told(listing.folder))
        self.free.setText(f"{size(listing.free)} free")
        self.takes.setText(f"The download takes {size(needed)}; files that are there already are not fetched again.")
        if not listing.connected:
            self.alert.tell(
                Trouble("The models folder is not there.", "Connect its drive, or choose another folder.", "folder")
            )
        elif not self._room:
            lacking = size(needed + SPARE - listing.free)
            hint = "Choose a folder on another disk, or free some space. 1 GB is left to other programs."
            self.alert.tell(Trouble(f"This download needs {lacking} more than the disk has free.", hint, "space"))
        else:
            self.alert.tell(None)
        self.completeChanged.emit()

    def _step(self, step: Step) -> None:
        self.takes.setText(f"Moving {step.path}")

    def _moved(self) -> None:
        self._moving = False
        self.change.setEnabled(True)

    def _ask_folder(self) -> None:
        folder = choose_folder(self, "Models folder")
        if folder is not None:
            self.move_to(folder)
