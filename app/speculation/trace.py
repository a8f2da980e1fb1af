"""The Trace view: every token of a reply with its mark, ghosts in place, one of them under the reader's cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFontInfo,
    QFontMetricsF,
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from app.palette import Palette
from app.speculation.card import TokenCard
from app.speculation.editing import Editing, selected_text, units
from app.speculation.fade import Fade
from app.speculation.fate import fate_of, visible
from app.speculation.layer import MarkLayer
from app.speculation.ledger import Ledger
from app.speculation.marks import GHOSTS, OUTSIDE, Mark, inks, mark_of, text_format
from app.speculation.prose import Prose
from engine.events import Token

LINE_HEIGHT = 165  # per cent; room for marks between the lines
STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
LINES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class Trace(Prose):
    """Shows ``ledger`` token by token; ``chosen`` carries the index of a token the reader went to.

    Tokens of finished rounds are only ever appended; behind them stands the draft in progress, which is replaced as
    a whole. A selection of the reader's survives every change. Arrow keys, Home and End move from token to token.
    """

    chosen = Signal(int)

    def __init__(self, ledger: Ledger, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ledger, self._palette = ledger, palette
        self._layer = MarkLayer(self.document())
        self._fade = Fade(self, lambda index: self._box(index).top())
        self._tail = self._count = 0  # position and number of the tokens before the draft in progress
        self._at: int | None = None  # the token the reader is at
        self._picked: frozenset[int] = frozenset()
        self._card: TokenCard | None = None
        self.setCursorWidth(0)  # the ring around a token says where the reader is
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self._known: dict[tuple[int, int, bool, bool], Mark] = {}  # marks by what decides them
        self._dress()
        self._set_line_height()

    @property
    def at(self) -> int | None:
        """The token the reader is at."""
        return self._at

    @property
    def picked(self) -> frozenset[int]:
        """The tokens outlined because they were chosen elsewhere."""
        return self._picked

    @property
    def shown(self) -> list[tuple[str, Mark]]:
        """Text and mark of every token in the document, in order; for ghosts the text as it is written there."""
        whole = self.toPlainText().encode("utf-16-le")
        ends = pairwise([*self._layer.starts, len(whole)])
        texts = [whole[2 * first : 2 * last].decode("utf-16-le") for first, last in ends]
        return list(zip(texts, self._layer.marks, strict=True))

    @property
    def behind(self) -> bool:
        """True while the ledger holds settled tokens that are not in the document."""
        return self._count < len(self._ledger.tokens)

    def catch_up(self, most: int | None = None) -> None:
        """Append what the ledger has gained, in one edit; at ``most`` so many tokens of it."""
        fresh = self._count
        tokens = self._ledger.tokens[fresh : None if most is None else fresh + most]
        with Editing(self) as cursor:
            self._cut_tail(cursor)
            self._write(cursor, tokens)
            self._tail, self._count = cursor.position(), fresh + len(tokens)
            if not self.behind:
                self._write(cursor, self._ledger.pending)
        self._fade.begin(fresh, self._count)

    def rebuild(self) -> None:
        """Write everything anew."""
        self._tail = self._count = 0
        self._known.clear()
        self.catch_up()

    def set_motion(self, moving: bool) -> None:
        """Let marks fade in, or appear at once."""
        self._fade.moving = moving

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        self._dress()
        self.rebuild()

    def pick(self, indices: Iterable[int]) -> None:
        """Outline the tokens at ``indices`` and go to the first of them."""
        self._picked, self._at = frozenset(indices), None
        self._hide_card()
        self.viewport().update()
        if self._picked:
            self.reached.emit(self._box(min(self._picked)).toAlignedRect())

    def offset_of(self, y: float) -> int:
        """Return how many tokens of the answer, ghosts apart, stand before the line at ``y``."""
        index = self._layer.first_below(y, self._metrics())
        return sum(mark not in GHOSTS for mark in self._layer.marks[:index])

    def y_of(self, offset: int) -> float:
        """Invert ``offset_of``."""
        kept = [i for i, mark in enumerate(self._layer.marks) if mark not in GHOSTS]
        return self._box(kept[min(offset, len(kept) - 1)]).top() if kept else 0.0

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy what is selected, without ghosts and without the draft in progress."""
        data = QMimeData()
        data.setText(selected_text(self))
        return data

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to copy the selection or the whole answer."""
        menu = QMenu(self)
        copy = menu.addAction("Copy", self.copy)
        copy.setEnabled(self.textCursor().hasSelection())
        menu.addAction("Copy reply", lambda: QGuiApplication.clipboard().setText(self._ledger.text))
        menu.addAction("Select all", self.selectAll)
        menu.exec(event.globalPos())

    # The reader's way from token to token

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to another token; with a modifier held the keys select text as everywhere."""
        goal = None
        if event.modifiers() == Qt.KeyboardModifier.NoModifier and self._count:
            goal = self._goal(Qt.Key(event.key()))
        if goal is not None:
            self._go(goal)
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

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the marks of the exposed lines, then the letters over them."""
        painter = QPainter(self.viewport())
        exposed, metrics = QRectF(event.rect()), self._metrics()
        self._layer.paint(painter, exposed, metrics, self._inks, self._fade.first, self._fade.shade)
        if self._picked or self._at is not None:
            self._paint_rings(painter, exposed, metrics)
        painter.end()
        super().paintEvent(event)

    def _paint_rings(self, painter: QPainter, exposed: QRectF, metrics: QFontMetricsF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        space = metrics.horizontalAdvance(" ")
        for index, box in self._layer.boxes(exposed, metrics):
            here = index == self._at and self.hasFocus()
            if (here or index in self._picked) and (box.width() > space or box == self._box(index)):
                painter.setPen(QPen(QColor(self._palette.text if here else self._palette.muted), 1.5))
                painter.drawRoundedRect(box.adjusted(-1, -2, 1, 3), 4, 4)

    def _goal(self, key: Qt.Key) -> int | None:
        """Return where ``key`` leads from here."""
        here, last = self._at if self._at is not None else -1, self._count - 1
        if key in STEPS:
            return min(max(here + STEPS[key], 0), last)
        if key in LINES:
            return self._on_next_line(max(here, 0), LINES[key])
        return {Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}.get(key)

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
        self.setAccessibleDescription(fate_of(self._ledger, index).spoken)
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
        self._card.tell(fate_of(self._ledger, index), self._ledger.levels, self._palette, QRect(corner, box.size()))

    def _hide_card(self) -> None:
        if self._card is not None:
            self._card.hide()

    def _box(self, index: int) -> QRectF:
        return self._layer.box_of(index, self._metrics())

    def _metrics(self) -> QFontMetricsF:
        return QFontMetricsF(self.font())

    # Writing

    def changeEvent(self, event: QEvent) -> None:
        """Write ghosts in the size that belongs to a new font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._count:
            self._dress()
            self.rebuild()

    def _dress(self) -> None:
        """Take colours and sizes from palette and font."""
        size = QFontInfo(self.font()).pixelSize()
        self._inks = inks(self._palette)
        self._formats = {mark: text_format(mark, self._palette, size) for mark in Mark}
        self._space = QTextCharFormat(self._formats[Mark.REJECTED])  # before a ghost, not struck through
        self._space.setFontStrikeOut(False)

    def _set_line_height(self) -> None:
        form = QTextBlockFormat()
        form.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        QTextCursor(self.document()).setBlockFormat(form)

    def _cut_tail(self, cursor: QTextCursor) -> None:
        cursor.setPosition(self._tail)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._layer.cut(self._count)

    def _write(self, cursor: QTextCursor, tokens: Sequence[Token]) -> None:
        """Append ``tokens``, as many as look alike at a time: layout costs by the piece."""
        position, run = cursor.position(), list[str]()
        look = self._formats[Mark.BARE]
        for token in tokens:
            mark = self._mark_of(token)
            self._layer.starts.append(position)
            self._layer.marks.append(mark)
            for text, form in self._pieces(token.text, mark):
                if form is not look:
                    cursor.insertText("".join(run), look)
                    look, run = form, []
                run.append(text)
                position += units(text)
        cursor.insertText("".join(run), look)

    def _mark_of(self, token: Token) -> Mark:
        kind = (token.level, token.reached, token.rejected_by is None, token.discarded)
        mark = self._known.get(kind)
        if mark is None:
            mark = self._known[kind] = mark_of(token, self._ledger.levels)
        return mark

    def _pieces(self, text: str, mark: Mark) -> Sequence[tuple[str, QTextCharFormat]]:
        """Return the text of a token in pieces of one look; all that are part of the answer look alike."""
        if mark in GHOSTS:
            word = text.lstrip(" ")
            shown = (word if word.isprintable() else "".join(map(visible, word))) or "␣"
            ghost = (shown, self._formats[mark])
            return ((" ", self._space), ghost) if len(word) < len(text) else (ghost,)
        return ((text.replace("\r", ""), self._formats[mark if mark in OUTSIDE else Mark.BARE]),)
