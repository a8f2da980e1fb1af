"""Whether anything on the screen takes foreign text for more than text: what the tests of all windows share."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QAbstractItemModel, QModelIndex
from PySide6.QtCore import Qt as Core
from PySide6.QtGui import Qt, QTextDocument
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMenu,
    QTextEdit,
    QWidget,
)

HOSTILE = "<b>bold</b> <img src=evil.png> <a href=evil>link</a> Q&A"  # a picture, a link, and a key to press
IN_FILE = "<b>bold <img src=evil.png> <a href=evil>link Q&A"  # the same where a file may be called so
OWN = (QInputDialog, QFileDialog)  # Qt's own, whose labels hold its own words


def shown(widgets: list[QWidget]) -> str:
    """Hold that nothing in ``widgets`` is interpreted; return all they show, to see that it was looked at."""
    return "\n".join(text for widget in widgets for text in _of(widget))


def everything() -> list[QWidget]:
    """Return every widget there is."""
    return QApplication.allWidgets()


def _of(widget: QWidget) -> Iterator[str]:
    where = f"{type(widget).__name__} {widget.objectName()!r}"
    yield _tip(widget.toolTip(), where)
    if isinstance(widget, QLabel) and widget.text() and not isinstance(widget.window(), OWN):
        assert widget.textFormat() is Core.TextFormat.PlainText, f"{where} may take for HTML: {widget.text()!r}"
        yield widget.text()
    if isinstance(widget, QAbstractButton):
        yield _name(widget.text(), where)
    if isinstance(widget, QMenu):
        for action in widget.actions():
            yield _name(action.text(), f"{where}, an entry")
            yield _tip(action.toolTip(), f"{where}, an entry")
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        yield from _rows(widget.model(), QModelIndex(), where)
    if isinstance(widget, QTextEdit):
        yield _document(widget.document(), where)


def _rows(model: QAbstractItemModel, parent: QModelIndex, where: str) -> Iterator[str]:
    for row in range(model.rowCount(parent)):
        column = 0
        while model.hasIndex(row, column, parent):
            index = model.index(row, column, parent)
            yield str(index.data(Core.ItemDataRole.DisplayRole) or "")
            yield _tip(str(index.data(Core.ItemDataRole.ToolTipRole) or ""), f"{where}, a row")
            column += 1
        yield from _rows(model, model.index(row, 0, parent), where)


def _tip(text: str, where: str) -> str:
    if not Qt.mightBeRichText(text):
        return text
    document = QTextDocument()
    document.setHtml(text)
    return _document(document, f"the tip of {where}")


def _document(document: QTextDocument, where: str) -> str:
    block = document.begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            form = pieces.fragment().charFormat()
            assert "evil" not in form.anchorHref(), f"{where} makes a link of {block.text()!r}"
            assert not form.isImageFormat() or "evil" not in form.toImageFormat().name(), f"{where} shows a picture"
            pieces += 1
        block = block.next()
    return document.toPlainText()


def _name(text: str, where: str) -> str:
    """Return ``text`` as a menu or a button shows it."""
    assert "Q&A" not in text, f"{where} takes an & for a key: {text!r}"
    return text.replace("&&", "&")
