"""Finds words in the conversation and marks every match in the text, one of them as the current match."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLineEdit, QPushButton, QTextEdit
from shiboken6 import isValid

from app.ink.marks import OUTSIDE_PROPERTY
from app.look.label import Label
from app.look.palette import Palette, blend
from app.look.typeface import tabular

REST = 150  # ms without a key, or without growth of an answer, before it searches
LONGEST = 80  # characters of a selection that are searched for
MOST = 2_000  # matches that are marked; the count goes on


@dataclass(frozen=True, slots=True)
class Match:
    """Where words were found: positions in the document of ``text``."""

    text: QTextEdit
    first: int
    last: int


class FindBar(QFrame):
    """A search field with a count of matches and buttons to step through them. ``shown_wanted`` asks to scroll.

    ``texts`` returns the texts to search, from the top; they are looked at anew with every search. ``more`` writes some
    that are not there yet, and returns False once all are.
    """

    shown_wanted = Signal(QTextEdit, QPoint)
    dismissed = Signal()

    def __init__(self, texts: Callable[[], Sequence[QTextEdit]], more: Callable[[], bool], palette: Palette) -> None:
        super().__init__()
        self.setObjectName("findBar")
        self._texts, self._more, self._palette = texts, more, palette
        self._matches: list[Match] = []
        self._at = -1
        self._heard: set[QTextEdit] = set()
        self.field = QLineEdit()
        self.field.setPlaceholderText("Find in this chat")
        self.field.setAccessibleName("Find in this chat")
        self.field.setClearButtonEnabled(True)
        self.count = Label()
        self.count.setObjectName("small")
        self.count.setFont(tabular(self.count.font()))
        self.back = self._button("↑", "Previous match", lambda: self.step(-1))
        self.next = self._button("↓", "Next match", lambda: self.step(1))
        self.shut = self._button("✕", "Close the search", self.dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 16, 6)
        row.addWidget(self.field, 1)
        for widget in (self.count, self.back, self.next, self.shut):
            row.addWidget(widget)
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._rest.timeout.connect(self._search_again)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._write)
        self.field.textChanged.connect(self._rest.start)
        self.field.installEventFilter(self)
        self.hide()

    @property
    def matches(self) -> Sequence[Match]:
        """What was found, from the top."""
        return self._matches

    @property
    def current(self) -> Match | None:
        """The match the reader is at."""
        return self._matches[self._at] if 0 <= self._at < len(self._matches) else None

    def open(self, words: str = "") -> None:
        """Show the bar and search for ``words``, or again for what was searched for before."""
        self.show()
        if words:
            self.field.setText(words)
        self.field.setFocus()
        self.field.selectAll()
        self._search_again()

    def open_for_selection(self) -> None:
        """Show the bar and search for what is selected, if that is short."""
        chosen = QApplication.focusWidget()
        words = chosen.textCursor().selectedText() if isinstance(chosen, QTextEdit) else ""
        self.open(words if len(words) <= LONGEST else "")

    def dismiss(self) -> None:
        """Hide the bar and take the marks away."""
        self._soon.stop()
        self._forget()
        self.hide()
        self.dismissed.emit()

    def step(self, by: int) -> None:
        """Go ``by`` matches on, around the ends."""
        if self._rest.isActive():
            self._search_again()
        if self._matches:
            self._at = (self._at + by) % len(self._matches)
            self._show_current()

    def refresh(self) -> None:
        """Search again shortly: the conversation has changed."""
        if self.isVisible() and not self._rest.isActive():
            self._rest.start()

    def set_palette(self, palette: Palette) -> None:
        """Repaint the matches in the colours of ``palette``."""
        self._palette = palette
        self._mark()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close with Escape from the buttons, too."""
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In the field, Enter goes on and Shift+Enter back."""
        pressed = event.key() if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress else None
        if isinstance(event, QKeyEvent) and pressed in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
            return True
        return super().eventFilter(watched, event)

    def _write(self) -> None:
        """Have more of the conversation written; it is searched once all of it is there."""
        if self._more():
            self._soon.start()
        else:
            self._search()

    def _search_again(self) -> None:
        """Search what is there now, and all of it as soon as it is written."""
        self._search()
        if self.field.text().strip() and self._more():
            self._soon.start()

    def _search(self) -> None:
        self._rest.stop()
        before = self.current
        self._forget()
        words = self.field.text()
        if words.strip():
            texts = self._texts()
            self._listen(texts)
            self._matches = [match for text in texts for match in find(text, words)]
        if self._matches:
            self._at = self._matches.index(before) if before in self._matches else 0
        if before != self.current:
            self._show_current()
        else:
            self._mark()
            self._say()

    def _listen(self, texts: Sequence[QTextEdit]) -> None:
        """Search again when one of ``texts`` is written anew: the places of its matches are gone then."""
        for text in set(texts) - self._heard:
            text.document().contentsChanged.connect(self.refresh)
        self._heard = set(texts)

    def _show_current(self) -> None:
        self._mark()
        self._say()
        match = self.current
        if match is not None:
            cursor = QTextCursor(match.text.document())
            cursor.setPosition(match.first)
            self.shown_wanted.emit(match.text, match.text.cursorRect(cursor).center())

    def _say(self) -> None:
        found = f"{self._at + 1:,} of {len(self._matches):,}" if self._matches else "no match"
        self.count.setText(found if self.field.text().strip() else "")
        for button in (self.back, self.next):
            button.setEnabled(bool(self._matches))

    def _forget(self) -> None:
        for text in {match.text for match in self._matches}:
            if isValid(text):
                text.setExtraSelections([])
        self._matches, self._at = [], -1

    def _mark(self) -> None:
        by_text: dict[QTextEdit, list[QTextEdit.ExtraSelection]] = {}
        for index, match in enumerate(self._matches):
            current = index == self._at
            if (index < MOST or current) and isValid(match.text):
                by_text.setdefault(match.text, []).append(self._selection(match, current=current))
        for text, marks in by_text.items():
            text.setExtraSelections(marks)

    def _selection(self, match: Match, *, current: bool) -> QTextEdit.ExtraSelection:
        mark: Any = QTextEdit.ExtraSelection()  # the stubs lack its members
        mark.cursor = QTextCursor(match.text.document())
        mark.cursor.setPosition(match.first)
        mark.cursor.setPosition(match.last, QTextCursor.MoveMode.KeepAnchor)
        colour = QColor(self._palette.target if current else blend(self._palette.target, self._palette.background, 0.3))
        mark.format.setBackground(colour)
        mark.format.setForeground(QColor(self._palette.on_accent if current else self._palette.text))
        return mark  # type: ignore[no-any-return]

    def _button(self, sign: str, name: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(sign)
        button.setObjectName("quiet")
        button.setAccessibleName(name)
        button.setToolTip(name)
        button.clicked.connect(act)
        return button


def find(text: QTextEdit, words: str) -> Iterator[Match]:
    """Yield where ``words`` occur in ``text``, ignoring case and rejected or pending tokens between their letters.

    Runs of space match each other, so that what was copied over two lines is found again.
    """
    said, places = _searchable(text.document())
    pattern = r"\s+".join(re.escape(word) for word in words.split())
    for found in re.finditer(pattern, said, re.IGNORECASE):
        yield Match(text, places[found.start()], places[found.end() - 1] + _units(said[found.end() - 1]))


def _searchable(document: QTextDocument) -> tuple[str, list[int]]:
    """Return the text of ``document`` that is part of an answer, and the position of each character."""
    pieces: list[str] = []
    places: list[int] = []
    block = document.begin()
    while block.isValid():
        fragments = block.begin()
        while not fragments.atEnd():
            fragment = fragments.fragment()
            if fragment.charFormat().property(OUTSIDE_PROPERTY) is None:
                piece = fragment.text()
                pieces.append(piece)
                places += accumulate((_units(character) for character in piece[:-1]), initial=fragment.position())
            fragments += 1
        pieces.append("\n")
        places.append(block.position() + block.length() - 1)
        block = block.next()
    return "".join(pieces), places


def _units(character: str) -> int:
    """Return how many positions ``character`` takes in a document."""
    return 2 if ord(character) > 0xFFFF else 1
