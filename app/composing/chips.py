"""Shows a chip for each attached text, with a button that removes it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QMargins, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.composing.attachment import Attachment
from app.look.flow import FlowLayout
from app.look.label import Label
from app.look.quiet_button import QuietButton
from engine.words import size

NAME = 32  # characters of a name that are shown


class Chips(QWidget):
    """Shows ``attached`` in rows; emits ``changed`` when one is added or removed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: list[Chip] = []
        self._rows = FlowLayout(6, self)
        self._rows.setContentsMargins(QMargins())
        self.hide()

    @property
    def attached(self) -> Sequence[Attachment]:
        """Return the attachments in the order they were added."""
        return [chip.attachment for chip in self._chips]

    def show_all(self, attached: Sequence[Attachment]) -> None:
        """Replace the attachments shown by ``attached``."""
        if attached == self.attached:
            return
        for chip in self._chips:
            self._take(chip)
        self._chips = []
        for attachment in attached:
            chip = Chip(attachment)
            chip.removed.connect(self._remove)
            self._chips.append(chip)
            self._rows.addWidget(chip)
        self.setVisible(bool(attached))
        self.changed.emit()

    def _remove(self) -> None:
        gone = self.sender()
        self.show_all([chip.attachment for chip in self._chips if chip is not gone])

    def _take(self, chip: Chip) -> None:
        self._rows.removeWidget(chip)
        chip.hide()
        chip.deleteLater()


class Chip(QFrame):
    """Shows one attachment: its name, its size, and a button that removes it."""

    removed = Signal()

    def __init__(self, attachment: Attachment) -> None:
        super().__init__()
        self.attachment = attachment
        self.setObjectName("attachment")
        name = attachment.name
        shown = name if len(name) <= NAME else f"{name[: NAME - 12]}…{name[-11:]}"
        label = Label(f"{shown} · {size(len(attachment.text.encode('utf-8', 'replace')))}")
        label.setObjectName("small")
        tip = "Remove this text from the question"
        self.remove = QuietButton("✕", "turnAction", name=f"Remove {name}", tip=tip)
        self.remove.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 2, 2)
        row.setSpacing(2)
        row.addWidget(label)
        row.addWidget(self.remove)
