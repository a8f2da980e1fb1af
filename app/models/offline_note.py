"""A note that Updraft is offline, with a button to go online."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.look.label import label
from app.models.library import ModelLibrary
from app.models.page_parts import button

CHOSEN = "You chose to stay offline (Settings > Network), so nothing can be downloaded."
FORCED = "The variable HF_HUB_OFFLINE keeps Updraft offline, so nothing can be downloaded."
STILL = "Models in a folder can still be imported."


class OfflineNote(QFrame):
    """Shown while ``library`` is offline. The button is hidden where an environment variable keeps it offline."""

    def __init__(self, library: ModelLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self.setObjectName("card")
        self.sentence = label("", "small")
        self.go = button("Go online")
        self.go.clicked.connect(library.go_online)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 8, 8)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.go, 0, Qt.AlignmentFlag.AlignVCenter)
        library.offline_changed.connect(self.look)
        self.look()

    def look(self) -> None:
        """Show or hide the note."""
        self.sentence.setText(said(self._library))
        self.go.setVisible(self._library.offline_by_choice)
        self.setVisible(self._library.offline)


def said(library: ModelLibrary) -> str:
    """Return why nothing can be downloaded and what still works."""
    return f"{CHOSEN if library.offline_by_choice else FORCED} {STILL}"
