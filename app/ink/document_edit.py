"""Edits a QTextDocument without disturbing the reader's selection, and extracts the answer's own text from it."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtGui import QTextBlock, QTextBlockFormat, QTextCursor, QTextDocument, QTextFormat
from PySide6.QtWidgets import QTextEdit

from app.ink.marks import OUTSIDE_PROPERTY

SOURCE_PROPERTY = QTextFormat.Property.UserProperty + 5  # of a character that stands for a formula: what is copied
_STAND_IN = "\ufffc"  # that character


class DocumentEdit:
    """Groups edits of ``view`` into one, and puts the reader's cursor and selection back afterwards."""

    def __init__(self, view: QTextEdit) -> None:
        self._view = view
        self._cursor = QTextCursor(view.document())
        own = view.textCursor()
        self._anchor, self._position = own.anchor(), own.position()

    def __enter__(self) -> QTextCursor:
        self._cursor.beginEditBlock()
        return self._cursor

    def __exit__(self, *_: object) -> None:
        self._cursor.endEditBlock()
        self._view.document().size()  # lay out to the end now, not after the next painting
        own = self._view.textCursor()
        if (own.anchor(), own.position()) == (self._anchor, self._position):
            return
        end = self._view.document().characterCount() - 1
        own.setPosition(min(self._anchor, end))
        own.setPosition(min(self._position, end), QTextCursor.MoveMode.KeepAnchor)
        blocked = self._view.blockSignals(True)  # the reader has not moved: nothing to scroll to
        self._view.setTextCursor(own)
        self._view.blockSignals(blocked)


def selected_text(view: QTextEdit) -> str:
    """Return what is selected in ``view``, without ghosts and without drafts in progress."""
    selection = view.textCursor()
    first, last = selection.selectionStart(), selection.selectionEnd()
    return "".join(_runs(view.document().findBlock(first), first, last))


def units(text: str) -> int:
    """Return how many positions of a document ``text`` takes: Qt counts UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _runs(block: QTextBlock, first: int, last: int) -> Iterator[str]:
    """Yield the text from ``first`` to ``last`` that belongs to the answer, block by block."""
    while block.isValid() and block.position() < last:
        if block.position() > first:
            yield "\n"
        yield own_text(block, first, last)
        block = block.next()


def own_text(block: QTextBlock, first: int, last: int) -> str:
    """Return the text of ``block`` from ``first`` to ``last`` of its document that belongs to the answer."""
    pieces = list[str]()
    fragments = block.begin()
    while not fragments.atEnd():
        fragment = fragments.fragment()
        start = fragment.position()
        if not fragment.charFormat().hasProperty(OUTSIDE_PROPERTY):
            encoded = fragment.text().encode("utf-16-le")
            cut = encoded[2 * max(first - start, 0) : 2 * max(last - start, 0)]
            text = cut.decode("utf-16-le", "ignore").replace("\u2028", "\n").replace("\xa0", " ")
            source = fragment.charFormat().property(SOURCE_PROPERTY)
            pieces.append(text if source is None else text.replace(_STAND_IN, str(source)))
        fragments += 1
    return "".join(pieces)


def cut_from(cursor: QTextCursor, position: int, form: QTextBlockFormat) -> None:
    """Delete everything behind ``position``, where a block of the format ``form`` ends."""
    cursor.setPosition(position)
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    if cursor.hasSelection():
        cursor.removeSelectedText()
        if cursor.block().length() == 1:
            cursor.setBlockFormat(form)  # an empty block takes on the format of what was behind it


def text_between(document: QTextDocument, first: int, last: int) -> str:
    """Return the characters of ``document`` from position ``first`` to ``last``, as Qt has them."""
    cursor = QTextCursor(document)
    cursor.setPosition(first)
    cursor.setPosition(last, QTextCursor.MoveMode.KeepAnchor)
    return cursor.selectedText()
