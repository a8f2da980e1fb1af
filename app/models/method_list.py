"""The button that opens the list of methods, where each is explained in a line, and what is missing for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetrics, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

WIDTH, SIDE, ABOVE = 400, 10, 7  # pixels; the width is for text of the usual size
DOT, SIGN = 8, 10
OFFER = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Offer:
    """A method called ``name`` as it is offered: ``why_not`` says what is missing for it, empty where nothing is."""

    name: str
    title: str
    summary: str
    why_not: str
    chosen: bool

    @property
    def line(self) -> str:
        """What stands below the title: what the method does, and in a line of its own what is missing for it."""
        return f"{self.summary}\n{self.why_not}".strip()

    @property
    def spoken(self) -> str:
        """All of it, for screen readers."""
        state = "chosen" if self.chosen else "not available" if self.why_not else ""
        return f"{self.title}{f', {state}' if state else ''}. {self.summary} {self.why_not}".strip()


class MethodButton(QPushButton):
    """Shows the method chosen; opens the list of all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("method")
        self.setAccessibleName("Method")
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the sign stands behind the word
        self.setIconSize(QSize(SIGN, SIGN))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.methods = MethodList(self)
        self.clicked.connect(self.open)

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """Offer these methods."""
        self.methods.show_offers(offers)
        chosen = next((offer for offer in offers if offer.chosen), None)
        self.setText("" if chosen is None else chosen.title)
        self.setAccessibleDescription("" if chosen is None else chosen.spoken)
        self.setToolTip("" if chosen is None else chosen.summary)

    def sizeHint(self) -> QSize:
        """Leave room between the word and the sign, which the sheet's padding does not."""
        return super().sizeHint() + QSize(SIGN, 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open with the arrow keys as well, as any list that drops down."""
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.open()
        else:
            super().keyPressEvent(event)

    def open(self) -> None:
        """Show the list below the button, within the window."""
        window = self.window()
        self.methods.fit(window.width() - 2 * SIDE, window.height() - 2 * SIDE)
        left = self.mapTo(window, QPoint(0, 0)).x()
        right = window.width() - SIDE - self.methods.width()
        corner = QPoint(min(left, right), self.mapTo(window, QPoint(0, self.height() + 4)).y())
        self.methods.move(window.mapToGlobal(corner))
        self.methods.show()
        self.methods.rows.setFocus(Qt.FocusReason.PopupFocusReason)


class MethodList(QFrame):
    """Lists methods. ``chosen`` carries the name of one; ``missed`` that of one for which something is missing."""

    chosen = Signal(str)
    missed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popover")
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.rows = Rows()
        self.rows.setObjectName("methods")
        self.rows.setAccessibleName("Methods")
        self.rows.setItemDelegate(OfferPaint(self.rows))
        self.rows.setMouseTracking(True)
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.rows.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.rows.itemClicked.connect(self._take)
        self.rows.pressed_here.connect(lambda: self._take(self.rows.currentItem()))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(4, 4, 4, 4)
        rows.addWidget(self.rows)

    @property
    def offers(self) -> list[Offer]:
        """What is offered, from the top."""
        return [self.rows.item(row).data(OFFER) for row in range(self.rows.count())]

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """List ``offers``, the keyboard at the one that is chosen."""
        self.rows.clear()
        for offer in offers:
            item = QListWidgetItem(offer.title, self.rows)
            item.setData(OFFER, offer)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, offer.spoken)
            if offer.chosen:
                self.rows.setCurrentItem(item)

    def fit(self, width: int, height: int) -> None:
        """Take the room that all rows need, at most ``width`` and ``height``."""
        growth = QFontInfo(self.rows.font()).pixelSize() / 14
        self.setFixedWidth(min(round(WIDTH * max(growth, 1.0)), width))
        self.rows.setFixedWidth(self.width() - 8)
        self.rows.doItemsLayout()
        needed = sum(self.rows.sizeHintForRow(row) for row in range(self.rows.count())) + 12
        self.rows.setFixedHeight(min(needed, height - 8))
        self.adjustSize()

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        offer: Offer = item.data(OFFER)
        self.hide()
        (self.missed if offer.why_not else self.chosen).emit(offer.name)


class Rows(QListWidget):
    """A list whose current row is taken with Return or Space: ``pressed_here``."""

    pressed_here = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the row the keyboard is at; anything else is as in every list, and Escape for the popup."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_Select):
            self.pressed_here.emit()
        elif event.key() == Qt.Key.Key_Escape:
            event.ignore()
        else:
            super().keyPressEvent(event)


class OfferPaint(QStyledItemDelegate):
    """Paints a method: a dot for the one chosen, its title, and a line or two that explain it."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Be as high as the lines are at the width of the list."""
        view = self.parent()
        width = view.viewport().width() if isinstance(view, QListWidget) else WIDTH
        title = QFontMetrics(_bold(option.font)).height()
        lines = QFontMetrics(_small(option.font)).boundingRect(
            QRect(0, 0, self._inner(QRect(0, 0, width, 0)).width(), 10_000), Qt.TextFlag.TextWordWrap, _line(index)
        )
        return QSize(0, title + lines.height() + 2 * ABOVE + 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        offer: Offer = index.data(OFFER)
        text = option.palette.color(QPalette.ColorGroup.Active, QPalette.ColorRole.Text)
        # The sheet gives the list's own palette one colour for all text.
        muted = QApplication.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
        accent = option.palette.color(QPalette.ColorGroup.Active, QPalette.ColorRole.Accent)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            ground = QColor(text)
            ground.setAlphaF(0.09 if option.state & QStyle.StateFlag.State_Selected else 0.05)
            painter.setBrush(ground)
            painter.drawRoundedRect(QRect(option.rect).adjusted(0, 1, 0, -1), 6, 6)
        inner = self._inner(option.rect)
        title = QFontMetrics(_bold(option.font)).height()
        if offer.chosen:
            painter.setBrush(accent)
            painter.drawEllipse(QRect(inner.left() - DOT - SIDE, inner.top() + (title - DOT) // 2, DOT, DOT))
        painter.setFont(_bold(option.font))
        painter.setPen(muted if offer.why_not else text)
        painter.drawText(
            QRect(inner.left(), inner.top(), inner.width(), title), Qt.TextFlag.TextSingleLine, offer.title
        )
        painter.setFont(_small(option.font))
        painter.setPen(muted)
        painter.drawText(inner.adjusted(0, title + 2, 0, 0), Qt.TextFlag.TextWordWrap, offer.line)
        painter.restore()

    def _inner(self, rect: QRect) -> QRect:
        """Return where the text of a row stands."""
        return rect.adjusted(2 * SIDE + DOT, ABOVE, -SIDE, -ABOVE)


def _line(index: Index) -> str:
    offer: Offer = index.data(OFFER)
    return offer.line


def _bold(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold


def _small(font: QFont) -> QFont:
    small = QFont(font)
    small.setPixelSize(max(round(QFontInfo(font).pixelSize() * 0.86), 8))
    return small
