"""Copies an answer to the clipboard, as Markdown without its thoughts and as HTML."""

from __future__ import annotations

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication

from app.conversations.markup import typeset
from app.reading.source import parts


def copy_answer(text: str) -> None:
    """Put the answer of the reply ``text`` on the clipboard; the whole text if it is nothing but thoughts."""
    found = parts(text, final=True)
    answer = text if found.answer is None else text[found.answer.start : found.answer.stop]
    data = QMimeData()
    data.setText(answer)
    data.setHtml(typeset(answer))
    QGuiApplication.clipboard().setMimeData(data)
