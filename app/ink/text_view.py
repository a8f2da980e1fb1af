"""A read-only text widget as tall as its text, for a column that scrolls as a whole."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QResizeEvent, QTextOption, QWheelEvent
from PySide6.QtWidgets import QApplication, QFrame, QTextBrowser, QWidget


class TextView(QTextBrowser):
    """Text that can be selected and copied but not changed; its height follows its document's."""

    reached = Signal(QRect)  # where the text cursor went, for the column to scroll there

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._width = -1  # that the text is laid out for
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(0)
        self.document().setUndoRedoEnabled(False)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.cursorPositionChanged.connect(self._report_cursor)

    def lay_out(self, width: int) -> None:
        """Take ``width`` even while hidden, so that showing the text later costs no layout."""
        self.resize(width, self.height())
        if width != self._width:
            QApplication.sendEvent(self, QResizeEvent(self.size(), QSize()))  # gives the viewport its place
            QApplication.sendEvent(self.viewport(), QResizeEvent(self.viewport().size(), QSize()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to the column."""
        event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take the height that the text needs at a new width; a new height alone need not cost a new layout."""
        if event.size().width() != self._width:
            self._width = event.size().width()
            super().resizeEvent(event)
            self._fit(self.document().size())
        else:
            self.verticalScrollBar().setRange(0, 0)

    def _fit(self, size: QSizeF) -> None:
        margins = self.contentsMargins()
        self.setFixedHeight(max(round(size.height() + 0.49), 1) + margins.top() + margins.bottom())

    def _report_cursor(self) -> None:
        if self.hasFocus():
            self.reached.emit(self.cursorRect())
