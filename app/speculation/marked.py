"""Text whose tokens carry marks: appended while an answer grows, only its tail ever replaced."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from PySide6.QtCore import QMimeData, QRectF
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontInfo,
    QFontMetricsF,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextLine,
)
from PySide6.QtWidgets import QMenu, QWidget

from app.palette import Palette
from app.speculation.marks import MARK, OUTSIDE, Mark, inks, mark_of, text_format
from app.speculation.prose import Prose
from engine.events import LevelInfo, Token

LINE_HEIGHT = 165  # per cent; room for marks between the lines
_OUTSIDE = frozenset(mark.value for mark in OUTSIDE)


class MarkedText(Prose):
    """An answer, token by token. Marks can be taken off and put on again at any time.

    Settled tokens are kept in order; what follows them in the document is the draft in progress, which is
    replaced as a whole. A selection of the reader's survives every change.
    """

    def __init__(self, palette: Palette, *, marked: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._marked = marked
        self._levels: Sequence[LevelInfo] = ()
        self._settled: list[Token] = []
        self._pending: tuple[Token, ...] = ()
        self._starts: list[int] = []  # document position of each shown token
        self._marks: list[Mark] = []
        self._tail = 0  # position and number of shown tokens where the draft in progress begins
        self._tail_count = 0
        self._formats, self._inks = self._make_formats(), inks(palette)
        self._set_line_height()

    def begin(self, levels: Sequence[LevelInfo]) -> None:
        """Take tokens of a chain of ``levels``, bottom first, from now on."""
        self._levels = levels

    def advance(self, settled: Iterable[Token], pending: Sequence[Token]) -> None:
        """Append ``settled`` tokens, ghosts included, and show ``pending`` behind them instead of the last draft."""
        fresh = list(settled)
        self._settled += fresh
        self._pending = tuple(pending)
        with _Editing(self) as cursor:
            self._cut_tail(cursor)
            self._write(cursor, fresh)
            self._tail, self._tail_count = cursor.position(), len(self._starts)
            self._write(cursor, self._pending)

    def trim(self, text: str) -> None:
        """End the answer where ``text``, its final form, ends: tokens behind a stop text are taken back."""
        surplus = len(self.answer()) - len(text)
        if surplus <= 0:
            return
        while surplus > 0:
            token = self._settled.pop()
            if token.ghost:
                continue
            if surplus < len(token.text):
                self._settled.append(replace(token, text=token.text[:-surplus]))
            surplus -= len(token.text)
        self._rebuild()

    def show_marks(self, marked: bool) -> None:
        """Show or hide marks, ghosts and the draft in progress."""
        if marked != self._marked:
            self._marked = marked
            self._rebuild()

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        self._formats, self._inks = self._make_formats(), inks(palette)
        self._rebuild()

    def answer(self) -> str:
        """Return the settled text without ghosts."""
        return "".join(token.text for token in self._settled if not token.ghost)

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy what is selected, without ghosts and without the draft in progress."""
        data = QMimeData()
        data.setText(self.selected_answer())
        return data

    def selected_answer(self) -> str:
        """Return the selected text without ghosts and without the draft in progress."""
        selection = self.textCursor()
        first, last = selection.selectionStart(), selection.selectionEnd()
        return "".join(_runs(self.document().findBlock(first), first, last))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to copy the selection or the whole answer."""
        menu = QMenu(self)
        copy = menu.addAction("Copy", self.copy)
        copy.setEnabled(self.textCursor().hasSelection())
        menu.addAction("Copy reply", self.copy_answer)
        menu.addAction("Select all", self.selectAll)
        menu.exec(event.globalPos())

    def copy_answer(self) -> None:
        """Put the whole answer on the clipboard, without ghosts."""
        QGuiApplication.clipboard().setText(self.answer())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the marks of the exposed lines, then the letters over them."""
        if self._marked and self._starts:
            metrics = QFontMetricsF(self.font())
            boxes: dict[Mark, list[QRectF]] = {}
            for block, line in self._lines(QRectF(event.rect())):
                self._add_boxes(boxes, block, line, metrics)
            painter = QPainter(self.viewport())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for mark, where in boxes.items():
                self._inks[mark].paint(painter, where, metrics.descent())
            painter.end()
        super().paintEvent(event)

    def _lines(self, exposed: QRectF) -> Iterator[tuple[QTextBlock, QTextLine]]:
        """Yield the lines that ``exposed`` touches."""
        layout = self.document().documentLayout()
        block = self.document().begin()
        while block.isValid():
            box = layout.blockBoundingRect(block)
            if box.top() > exposed.bottom():
                return
            if box.bottom() >= exposed.top():
                for line in _lines_between(block, exposed.top() - box.top(), exposed.bottom() - box.top()):
                    yield block, line
            block = block.next()

    def _add_boxes(
        self, boxes: dict[Mark, list[QRectF]], block: QTextBlock, line: QTextLine, metrics: QFontMetricsF
    ) -> None:
        """Add where the tokens of ``line`` stand, by mark."""
        origin = self.document().documentLayout().blockBoundingRect(block).topLeft()
        first = block.position() + line.textStart()
        last = first + line.textLength()
        top, height = origin.y() + line.y() + line.ascent() - metrics.ascent(), metrics.height()
        edge = line.naturalTextRect().right()  # spaces at the end of a line hang over
        index = max(bisect_right(self._starts, first) - 1, 0)
        left = _x(line, first - block.position())
        while index < len(self._starts) and self._starts[index] < last:
            end = self._starts[index + 1] if index + 1 < len(self._starts) else last
            right = min(_x(line, min(end, last) - block.position()), edge)
            low, high = sorted((left, right))  # from right to left in some scripts
            if high > low:
                boxes.setdefault(self._marks[index], []).append(QRectF(origin.x() + low, top, high - low, height))
            left = right
            index += 1

    def _make_formats(self) -> dict[Mark, QTextCharFormat]:
        size = QFontInfo(self.font()).pixelSize()
        return {mark: text_format(mark, self._palette, size) for mark in Mark}

    def _set_line_height(self) -> None:
        form = QTextBlockFormat()
        form.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.setBlockFormat(form)

    def _rebuild(self) -> None:
        """Write everything anew."""
        self._tail = self._tail_count = 0
        settled, self._settled = self._settled, []
        self.advance(settled, self._pending)

    def _cut_tail(self, cursor: QTextCursor) -> None:
        cursor.setPosition(self._tail)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        del self._starts[self._tail_count :]
        del self._marks[self._tail_count :]

    def _write(self, cursor: QTextCursor, tokens: Iterable[Token]) -> None:
        for token in tokens:
            mark = mark_of(token, self._levels)
            if mark is None or not token.text or (mark in OUTSIDE and not self._marked):
                continue
            self._starts.append(cursor.position())
            self._marks.append(mark)
            if mark is Mark.REJECTED:
                self._write_ghost(cursor, token.text)
            else:
                cursor.insertText(token.text, self._formats[mark])

    def _write_ghost(self, cursor: QTextCursor, text: str) -> None:
        """Write a rejected token on one line, without striking through the space before it."""
        word = "".join(_visible(character) for character in text.lstrip(" "))
        space = QTextCharFormat(self._formats[Mark.REJECTED])
        space.setFontStrikeOut(False)
        if len(word) < len(text):
            cursor.insertText(" ", space)
        cursor.insertText(word or "␣", self._formats[Mark.REJECTED])


class _Editing:
    """One edit block that leaves the reader's own cursor where it is."""

    def __init__(self, view: MarkedText) -> None:
        self._view = view
        self._cursor = QTextCursor(view.document())
        own = view.textCursor()
        self._anchor, self._position = own.anchor(), own.position()

    def __enter__(self) -> QTextCursor:
        self._cursor.beginEditBlock()
        return self._cursor

    def __exit__(self, *_: object) -> None:
        self._cursor.endEditBlock()
        own = self._view.textCursor()
        if (own.anchor(), own.position()) == (self._anchor, self._position):
            return
        end = self._view.document().characterCount() - 1
        own.setPosition(min(self._anchor, end))
        own.setPosition(min(self._position, end), QTextCursor.MoveMode.KeepAnchor)
        blocked = self._view.blockSignals(True)  # the reader has not moved: nothing to scroll to
        self._view.setTextCursor(own)
        self._view.blockSignals(blocked)


def _runs(block: QTextBlock, first: int, last: int) -> Iterator[str]:
    """Yield the text from ``first`` to ``last`` that belongs to the answer, fragment by fragment."""
    while block.isValid() and block.position() < last:
        if block.position() > first:
            yield "\n"
        fragments = block.begin()
        while not fragments.atEnd():
            fragment = fragments.fragment()
            start = fragment.position()
            if fragment.charFormat().property(MARK) not in _OUTSIDE:
                units = fragment.text().encode("utf-16-le")  # Qt counts UTF-16 units
                cut = units[2 * max(first - start, 0) : 2 * max(last - start, 0)]
                yield cut.decode("utf-16-le", "ignore").replace("\u2028", "\n").replace("\xa0", " ")
            fragments += 1
        block = block.next()


def _lines_between(block: QTextBlock, top: float, bottom: float) -> Iterator[QTextLine]:
    """Yield the lines of ``block`` that touch the band from ``top`` to ``bottom``, in the block's coordinates."""
    lines = block.layout()
    count = lines.lineCount()
    index = bisect_left(range(count), top, key=lambda i: lines.lineAt(i).rect().bottom())
    while index < count and lines.lineAt(index).y() <= bottom:
        yield lines.lineAt(index)
        index += 1


def _visible(character: str) -> str:
    """Return ``character``, or a sign for one that would break or stretch the line."""
    return {"\n": "⏎", "\t": "⇥"}.get(character, character if character.isprintable() else "·")


def _x(line: QTextLine, at: int) -> float:
    """Return the x of a position of the block's text on ``line``."""
    found: object = line.cursorToX(at)  # (x, position), which the stubs do not say
    return float(found[0]) if isinstance(found, tuple) else 0.0
