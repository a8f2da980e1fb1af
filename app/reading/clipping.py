"""Copies selected typeset Markdown as plain text, with numbers, bullets and columns, and as HTML."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import (
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextList,
    QTextListFormat,
)

from app.ink.document_edit import SOURCE_PROPERTY, own_text
from app.ink.marks import OUTSIDE_PROPERTY
from app.reading.formats import KIND, QUOTED
from app.reading.links import OPENABLE

_ORDERED = QTextListFormat.Style.ListDecimal


def clipping(selection: QTextCursor) -> QMimeData:
    """Return ``selection`` for the clipboard; text within one block is copied without bullet or number."""
    data = QMimeData()
    data.setText("".join(_pieces(selection)))
    data.setHtml(_html(selection))
    return data


def _pieces(selection: QTextCursor) -> Iterator[str]:
    """Yield the selected text block by block, with the separators between."""
    first, last = selection.selectionStart(), selection.selectionEnd()
    document = selection.document()
    block, above = document.findBlock(first), QTextBlock()
    alone = document.findBlock(last) == block
    while block.isValid() and block.position() < max(last, first + 1):
        if block.blockFormat().property(KIND) != "spare":
            if above.isValid():
                yield _between(above, block)
            whole = not alone and block.position() >= first
            text = own_text(block, first, last)
            yield _dressed(block, text) if whole else text
            above = block
        block = block.next()


def _between(above: QTextBlock, below: QTextBlock) -> str:
    """Return the separator between two blocks: a tab between the cells of a row."""
    table = QTextCursor(above).currentTable()
    if table is None or table != QTextCursor(below).currentTable():
        return "\n"
    same = table.cellAt(QTextCursor(above)).row() == table.cellAt(QTextCursor(below)).row()
    return "\t" if same else "\n"


def _dressed(block: QTextBlock, text: str) -> str:
    """Return ``text`` with what is drawn beside ``block``: its bullet or number, its quote bars."""
    form = block.blockFormat()
    listed: QTextList | None = block.textList()  # None for a block of no list, which the stubs do not say
    sign = ""
    if listed is not None:
        number = listed.format().start() + listed.itemNumber(block)
        sign = "  " * (listed.format().indent() - 1) + (f"{number}. " if listed.format().style() == _ORDERED else "- ")
        sign += {QTextBlockFormat.MarkerType.Unchecked: "[ ] ", QTextBlockFormat.MarkerType.Checked: "[x] "}.get(
            form.marker(), ""
        )
    elif form.property(KIND) == "rule":
        sign = "---"
    quotes = "> " * int(form.property(QUOTED) or 0)
    hanging = "\n" + quotes + " " * (len(sign) if listed is not None else 2 * form.indent())
    return quotes + (sign or "  " * form.indent()) + text.replace("\n", hanging)


def _html(selection: QTextCursor) -> str:
    """Return the selection as HTML without this window's colours and what is not part of the answer."""
    document = QTextDocument()
    QTextCursor(document).insertFragment(selection.selection())
    for position, length, form in reversed(list(_runs(document))):
        cursor = QTextCursor(document)
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        source = form.property(SOURCE_PROPERTY)
        if form.hasProperty(OUTSIDE_PROPERTY):
            cursor.removeSelectedText()
        elif source is not None:
            cursor.insertText(str(source) * length, QTextCharFormat())
        else:
            cursor.setCharFormat(_bare(form))
    block = document.begin()
    while block.isValid():
        QTextCursor(block).setBlockCharFormat(QTextCharFormat())
        block = block.next()
    return document.toHtml()


def _runs(document: QTextDocument) -> Iterator[tuple[int, int, QTextCharFormat]]:
    block = document.begin()
    while block.isValid():
        fragments = block.begin()
        while not fragments.atEnd():
            fragment = fragments.fragment()
            yield fragment.position(), fragment.length(), fragment.charFormat()
            fragments += 1
        block = block.next()


def _bare(form: QTextCharFormat) -> QTextCharFormat:
    """Return ``form`` without this window's colours and without unsafe links."""
    plain = QTextCharFormat(form)
    plain.clearForeground()
    plain.clearBackground()
    if form.isAnchor() and QUrl(form.anchorHref()).scheme().lower() not in OPENABLE:
        plain.setAnchor(False)
        plain.setAnchorHref("")
        plain.setFontUnderline(False)
    plain.clearProperty(QTextCharFormat.Property.TextToolTip)
    return plain
