"""The table of models on disk, including damaged and unfinished ones and those on a drive that is not connected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from app.look.label import plain_tip
from app.models.library import Installed, Listing, size

COLUMNS = ("Model", "Size", "Licence", "Last used", "State")
ROLE = Qt.ItemDataRole.UserRole
LEAST = 130  # pixels: the names of the columns and a few rows


class ModelsTable(QTreeWidget):
    """One row can be picked. ``picked``: another row is picked now, or the one picked is gone."""

    picked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Models")
        self.setHeaderLabels(list(COLUMNS))
        self.setRootIsDecorated(False)
        self.setAllColumnsShowFocus(True)
        self.setMinimumHeight(LEAST)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(60)
        for column in range(1, len(COLUMNS)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._key: str | None = None
        self.itemSelectionChanged.connect(self._tell)

    def chosen(self) -> Installed | str | None:
        """Return the model picked, or the repository of an unfinished download."""
        items = self.selectedItems()
        found: Installed | str | None = items[0].data(0, ROLE) if items else None
        return found

    def pick(self, wanted: str) -> None:
        """Pick the row with this key, if there is one."""
        for at in range(self.topLevelItemCount()):
            item = self.topLevelItem(at)
            if item is not None and key(item.data(0, ROLE)) == wanted:
                self.setCurrentItem(item)

    def show_listing(self, listing: Listing, under_way: Collection[str]) -> None:
        """List all models but those being downloaded; the row that was picked stays picked."""
        with QSignalBlocker(self):
            self.clear()
            often = Counter(model.name for model in listing.models)
            for model in listing.models:
                name = model.name if often[model.name] == 1 else f"{model.name}  ({_version(model)})"
                texts = (name, size(model.size), model.licence, _when(model.used), state(model))
                self._add(texts, model, listing.larger.get(model.folder, ""))
            for repository, count in listing.unfinished:
                if repository not in under_way:
                    self._add((repository, size(count), "", "", "Not complete"), repository)
            first = self.topLevelItem(0)
            if first is not None and not self.selectedItems():
                self.setCurrentItem(first)
        self._tell()

    def _add(self, texts: tuple[str, ...], value: Installed | str, larger: str = "") -> None:
        item = QTreeWidgetItem(self, list(texts))
        item.setData(0, ROLE, value)
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        whole = f"{value.repository}\n{value.folder}{_serving(value)}" if isinstance(value, Installed) else value
        item.setToolTip(0, plain_tip(f"{whole}\n{larger}".strip()))
        if key(value) == self._key:
            self.setCurrentItem(item)

    def _tell(self) -> None:
        now = key(self.chosen())
        if now != self._key:
            self._key = now
            self.picked.emit()


def key(chosen: Installed | str | None) -> str | None:
    """Return the key that identifies a row."""
    return chosen.key if isinstance(chosen, Installed) else chosen


def state(model: Installed) -> str:
    """Return the state of a model in a word or two."""
    if not model.present:
        return "Drive not connected"
    if not model.whole:
        return "Damaged"
    came = "Imported" if model.source == "folder" else "Verified"
    return f"Drafter, {came.lower()}" if model.drafts else came


def _serving(model: Installed) -> str:
    """Return a line that says which models a drafter guesses ahead for."""
    return f"\nGuesses ahead for {', '.join(model.serves)}" if model.drafts else ""


def _version(model: Installed) -> str:
    """Return date and version, to tell apart models of the same name."""
    return f"{_when(model.added)} · {model.revision[:7]}"


def _when(moment: float | None) -> str:
    return "Never" if moment is None else datetime.fromtimestamp(moment).astimezone().strftime("%d %b %Y, %H:%M")
