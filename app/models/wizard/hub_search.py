"""A field to look up any model on the Hub."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.models.library import ModelLibrary, Offer, Task
from app.models.page_parts import button
from app.models.wizard.wizard_page import Plan
from app.threads.failure import Failure

EMPTY = Failure("There is nothing to look up yet.", "Write owner/name, or paste the address of a model's page.")


class HubSearch(QWidget):
    """A field and its button. ``began`` and ``ended`` surround a look-up, ``found`` and ``failed`` are its result."""

    began = Signal()
    ended = Signal()
    found = Signal(object)  # Offer
    failed = Signal(object)  # Failure

    def __init__(self, library: ModelLibrary, plan: Plan, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library, self._plan = library, plan
        self._task: Task | None = None
        self.field, self.go = QLineEdit(), button("Look up")
        self.field.setPlaceholderText("Any other on Hugging Face: owner/name, or its address")
        self.field.setAccessibleName("Model on Hugging Face")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        row.addWidget(self.go)
        self.field.returnPressed.connect(self.look_up)
        self.go.clicked.connect(self.look_up)

    @property
    def text(self) -> str:
        """What is typed, without blanks around it."""
        return self.field.text().strip()

    def look_up(self) -> None:
        """Ask the Hub about the repository typed or pasted."""
        if self._task is not None:
            return
        if not self.text:
            self.field.setFocus()
            self.failed.emit(EMPTY)
            return
        task = self._task = self._library.inspect(self.text, self._plan.context)
        self.go.setEnabled(False)
        self.began.emit()
        task.finished.connect(self._found)
        task.failed.connect(self._failed)

    def stop(self) -> None:
        """Stop waiting for the answer; one that comes later is ignored."""
        if self._task is not None:
            self._task.stop()
            self._task.finished.disconnect(self._found)
            self._task.failed.disconnect(self._failed)
            self._end()

    def _found(self, offer: Offer) -> None:
        self._end()
        self.found.emit(offer)

    def _failed(self, failure: Failure) -> None:
        self._end()
        self.failed.emit(failure)

    def _end(self) -> None:
        self._task = None
        self.go.setEnabled(True)
        self.ended.emit()
