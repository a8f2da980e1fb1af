"""The Trace view: every token of a reply with its card, walked by keyboard or mouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app.ink.marks import OVERHANG
from app.ink.token_card import TokenCard
from app.ink.token_text import LINE_HEIGHT, TokenText
from app.log.folding import SHOWN, folded, row_at
from app.log.ledger import Ledger
from app.log.token_fate import TokenFate, fate_of
from app.look.palette import Palette

STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
LINES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
OPENS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Trace(TokenText):
    """Shows a ledger's tokens; ``chosen`` carries the index of one the reader went to.

    Arrow keys, Home and End move from token to token, hovering and moving show its card. Of many that were dropped in a
    row the first are written out; a click on the count of the others, or Return there, writes out all of the round's.
    """

    chosen = Signal(int)

    def __init__(self, ledger: Ledger, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(ledger, palette, parent)
        self._at: int | None = None  # the token the reader is at
        self._picked: frozenset[int] = frozenset()
        self._card: TokenCard | None = None
        self._technical = False
        self._opened: set[int] = set()  # positions of rounds whose dropped tokens are all written out
        self.setCursorWidth(0)  # the ring around a token says where the reader is
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)

    @property
    def at(self) -> int | None:
        """The token the reader is at."""
        return self._at

    @property
    def picked(self) -> frozenset[int]:
        """The tokens outlined because they were chosen elsewhere."""
        return self._picked

    def show_technical(self, technical: bool) -> None:
        """Call the levels by their ``technical`` names on the card, or by plain ones."""
        self._technical = technical
        self._hide_card()
        if self._at is not None:
            self.setAccessibleDescription(self._fate(self._at).spoken)

    def pick(self, indices: Iterable[int]) -> None:
        """Outline the tokens at ``indices`` and go to the first of them."""
        self._picked, self._at = frozenset(indices), None
        self._hide_card()
        self.viewport().update()
        if self._picked:
            self.reached.emit(self._box(min(self._picked)).toAlignedRect())

    def rebuild(self) -> None:
        """Write everything anew; the reader is at no token any more, as it may be gone."""
        self._picked, self._at = frozenset(), None
        self._hide_card()
        super().rebuild()

    def open_fold(self, index: int) -> bool:
        """Write out the tokens that the one at ``index`` stands for; returns whether it stood for any."""
        if not self._folded(range(index, index + 1)).get(index):
            return False
        self._opened.add(self._ledger.owners[index])
        self.rebuild()
        self._at = index
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to another token; with a modifier held the keys select text as everywhere."""
        goal = None
        if event.modifiers() == Qt.KeyboardModifier.NoModifier and self._count:
            goal = self._goal(Qt.Key(event.key()))
        if goal is not None:
            self._go(goal)
        elif event.key() in OPENS and self._at is not None and self.open_fold(self._at):
            self._go(self._at)
        elif event.key() == Qt.Key.Key_Escape and self._card is not None and self._card.isVisible():
            self._hide_card()
        elif event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the token under the mouse; a drag selects text."""
        super().mousePressEvent(event)
        index = self._under(event.position())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self.open_fold(index)
            self._at = index
            self._picked = frozenset()
            self.viewport().update()
            self.chosen.emit(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show the card of the token under the mouse."""
        super().mouseMoveEvent(event)
        index = self._under(event.position())
        if index is None or event.buttons():
            self._hide_card()
        else:
            self._show_card(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to the column; the card would stay behind."""
        self._hide_card()
        super().wheelEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Take the card away with the mouse."""
        super().leaveEvent(event)
        self._hide_card()

    def hideEvent(self, event: QHideEvent) -> None:
        """Take the card away with the view."""
        super().hideEvent(event)
        self._hide_card()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin at the token left last, or at the first."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason) and self._count:
            self._go(self._at or 0)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take card and ring away."""
        super().focusOutEvent(event)
        self._hide_card()
        self.viewport().update()

    def _paint_before(self, painter: QPainter, exposed: QRectF) -> None:
        """Paint rings around the token the reader is at and those picked elsewhere."""
        if not self._picked and self._at is None:
            return
        metrics = self._metrics()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        space = metrics.horizontalAdvance(" ")
        for index, box in self._layer.boxes(exposed.adjusted(0, -OVERHANG, 0, OVERHANG), metrics):
            here = index == self._at and self.hasFocus()
            if (here or index in self._picked) and (box.width() > space or box == self._box(index)):
                painter.setPen(QPen(QColor(self._palette.text if here else self._palette.muted), 1.5))
                painter.drawRoundedRect(box.adjusted(-1, -2, 1, 3), 4, 4)

    def _goal(self, key: Qt.Key) -> int | None:
        """Return where ``key`` leads from here."""
        here, last = self._at if self._at is not None else -1, self._count - 1
        if key in STEPS:
            return self._written_out(here + STEPS[key], STEPS[key], last)
        if key in LINES:
            return self._on_next_line(max(here, 0), LINES[key])
        return {Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}.get(key)

    def _written_out(self, index: int, step: int, last: int) -> int:
        """Return the token at ``index``, or the next one in the direction of ``step`` that can be seen."""
        index = min(max(index, 0), last)
        folded = self._folded(range(index, index + 1)).get(index)
        if folded != 0:
            return index
        row = row_at(self._ledger, index)
        return min(row.stop, last) if step > 0 else row.start + SHOWN

    def _on_next_line(self, here: int, direction: int) -> int:
        """Return the token nearest above or below, the same one at the edge."""
        box, metrics = self._box(here), self._metrics()
        step = metrics.lineSpacing() * LINE_HEIGHT / 100
        y = box.center().y() + direction * step
        while 0 <= y <= self.height():
            row = list(self._layer.boxes(QRectF(0, y, self.width(), 1), metrics))
            row = [(i, other) for i, other in row if other.top() <= y <= other.bottom() + 4 and i < self._count]
            if row:
                return min(row, key=lambda found: abs(found[1].center().x() - box.center().x()))[0]
            y += direction * step / 2
        return here

    def _go(self, index: int) -> None:
        self._at = index
        self._picked = frozenset()
        self.viewport().update()
        self.reached.emit(self._box(index).toAlignedRect())
        QTimer.singleShot(0, self, lambda: self._show_card(index))  # once the column has scrolled there
        self.setAccessibleDescription(self._fate(index).spoken)
        self.chosen.emit(index)

    def _under(self, point: QPointF) -> int | None:
        probe = QRectF(point.x(), point.y(), 1, 1)
        for index, box in self._layer.boxes(probe, self._metrics()):
            if box.adjusted(0, -3, 0, 5).contains(point) and index < self._count:
                return index
        return None

    def _show_card(self, index: int) -> None:
        if not self.isVisible() or index >= self._count:
            return
        if self._card is None:
            self._card = TokenCard(self.window())
        box = self._box(index).toAlignedRect()
        corner = self.viewport().mapTo(self.window(), QPoint(box.left(), box.top()))
        self._card.tell(self._fate(index), self._ledger.levels, self._palette, QRect(corner, box.size()))

    def _folded(self, span: range) -> Mapping[int, int]:
        """See TokenText."""
        return folded(self._ledger, span, self._opened)

    def _fate(self, index: int) -> TokenFate:
        return fate_of(self._ledger, index, technical=self._technical)

    def _hide_card(self) -> None:
        if self._card is not None:
            self._card.hide()
