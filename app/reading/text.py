"""The widget for typeset text: read, select, copy, follow links. Subclasses write the text."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QRectF, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QFont, QGuiApplication, QPainter
from PySide6.QtWidgets import QMenu, QWidget

from app.ink.mark_layer import visible_blocks
from app.ink.marked_text import MarkedText
from app.look.palette import Palette
from app.reading.clipping import clipping
from app.reading.decoration import decorate
from app.reading.formats import BAR
from app.reading.formula_drawing import source_at
from app.reading.links import LinkQuestion


class Page(MarkedText):
    """Paints boxes, bars and, where it is ``marked``, marks behind typeset blocks; asks before a link is opened."""

    _small: QFont  # of what is written on boxes

    def __init__(self, palette: Palette, *, marked: bool, parent: QWidget | None = None) -> None:
        super().__init__(palette, parent)
        self._marked = marked
        self.setAccessibleName("Answer")
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._ask)

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        """Load nothing: pictures in a reply are never fetched."""
        return None

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy the selection with its bullets, numbers and table columns."""
        return clipping(self.textCursor())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to copy the selection or a formula, or to open a link."""
        menu = QMenu(self)
        menu.addAction("Copy", self.copy).setEnabled(self.textCursor().hasSelection())
        target = self.anchorAt(event.pos())
        if target:
            menu.addAction("Open link…", lambda: self._ask(QUrl(target)))
        formula = source_at(self.cursorForPosition(event.pos()))
        if formula:
            menu.addAction("Copy formula", lambda: QGuiApplication.clipboard().setText(formula))
        menu.addAction("Select all", self.selectAll)
        menu.exec(event.globalPos())

    def _paint_behind(self, painter: QPainter, exposed: QRectF) -> None:
        """Paint boxes, bars and faint marks."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for block in visible_blocks(self.document(), exposed.adjusted(0, -BAR, 0, BAR)):
            decorate(painter, block, self._palette, self._small)
        if self._marked:
            super()._paint_behind(painter, exposed)

    def _ask(self, target: QUrl) -> None:
        LinkQuestion(target, self.window()).open()
