"""Paints the rows of the conversation list: headings, titles, and where a search found something."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetrics, QPainter
from PySide6.QtWidgets import QLineEdit, QListWidget, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.look.palette import Palette, blend

CHAT = Qt.ItemDataRole.UserRole  # id of the conversation
HEADING = Qt.ItemDataRole.UserRole + 1
PINNED = Qt.ItemDataRole.UserRole + 2
EXCERPT = Qt.ItemDataRole.UserRole + 3
MESSAGE = Qt.ItemDataRole.UserRole + 4  # where a search found something
ROW, HEAD, INSET = 34, 34, 10  # pixels
MORE = 24  # pixels, of the button at the right end of the row the pointer is on

Index = QModelIndex | QPersistentModelIndex


class ShelfPaint(QStyledItemDelegate):
    """Draws rows in the colours of ``palette``; elides long titles in the middle, as many begin alike."""

    def __init__(self, palette: Palette, view: QListWidget) -> None:
        super().__init__(view)
        self.palette = palette

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Give headings room above, and rows with an excerpt a second line."""
        line = QFontMetrics(option.font).height()
        if index.data(HEADING):
            return QSize(0, max(HEAD, line + 14))
        return QSize(0, max(ROW, line + 16) + (self._line(option) + 2 if index.data(EXCERPT) else 0))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRect(option.rect)
        if index.data(HEADING):
            self._heading(painter, option, rect, str(index.data()).upper())
        else:
            self._ground(painter, option, rect)
            self._chat(painter, option, rect.adjusted(INSET, 0, -INSET, 0), index)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """Make the editor that renames a row in place."""
        editor = super().createEditor(parent, option, index)
        if isinstance(editor, QLineEdit):
            editor.setObjectName("renameChat")
            editor.setAccessibleName("Title")
            editor.setMaxLength(200)
        return editor

    def _ground(self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect) -> None:
        state = option.state
        colours = self.palette
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        over = bool(state & QStyle.StateFlag.State_MouseOver)
        if not (chosen or over):
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.bubble if chosen else blend(colours.text, colours.side, 0.05)))
        painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), 8, 8)
        if chosen and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(colours.target))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(1, 2, -1, -2), 7, 7)

    def _heading(self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, text: str) -> None:
        font = self._small(option)
        font.setPixelSize(max(font.pixelSize() - 1, 8))
        font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.5)
        painter.setFont(font)
        painter.setPen(QColor(self.palette.muted))
        painter.drawText(rect.adjusted(0, 0, 0, -7), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, text)

    def _chat(self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, index: Index) -> None:
        font, excerpt = QFont(option.font), str(index.data(EXCERPT) or "")
        upper = QRect(rect.left(), rect.top(), rect.width(), rect.height())
        if excerpt:
            upper.setHeight(rect.height() - self._line(option) - 2)
        if option.state & QStyle.StateFlag.State_MouseOver:
            upper.setRight(upper.right() - MORE + INSET // 2)
        if index.data(PINNED):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self.palette.muted))
            painter.drawEllipse(upper.right() - 5, upper.center().y() - 2, 6, 6)
            upper.setRight(upper.right() - 14)
        painter.setFont(font)
        painter.setPen(QColor(self.palette.text))
        title = QFontMetrics(font).elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, upper.width())
        painter.drawText(upper, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
        if excerpt:
            self._excerpt(
                painter, option, QRect(rect.left(), upper.bottom() - 4, rect.width(), self._line(option)), excerpt
            )

    def _excerpt(self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, text: str) -> None:
        font = self._small(option)
        painter.setFont(font)
        painter.setPen(QColor(self.palette.muted))
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _small(self, option: QStyleOptionViewItem) -> QFont:
        font = QFont(option.font)
        font.setPixelSize(max(round(QFontInfo(font).pixelSize() * 0.86), 8))
        return font

    def _line(self, option: QStyleOptionViewItem) -> int:
        return QFontMetrics(self._small(option)).height()
