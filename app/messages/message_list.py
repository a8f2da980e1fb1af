"""Stacks the messages of a conversation, below a button for earlier ones; the welcome page if there are none."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QApplication, QSizePolicy, QVBoxLayout, QWidget

from app.look.quiet_button import QuietButton
from app.messages.actions import MessageActions
from app.messages.answer import Answer
from app.messages.context_edge import ContextEdge
from app.messages.message_row import MessageRow
from app.messages.question import Question
from app.messages.welcome import Welcome


class MessageList(QWidget):
    """Holds ``rows``, oldest first, and the ``answers`` among them; ``message_actions`` has the clicks.

    The two lists stay the same objects, for others to look into; only ``add`` and ``remove`` change them.
    ``abandoned``: the focused message is about to be removed.
    """

    abandoned = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[MessageRow] = []
        self.answers: list[Answer] = []
        self.message_actions, self.welcome, self.edge = MessageActions(), Welcome(), ContextEdge(self)
        self.earlier = QuietButton("Show earlier messages", "pill")
        self._locked, self._no_race = False, ""
        self._layout = QVBoxLayout(self)
        self._lay_out()
        self.edge.all_wanted.connect(self.message_actions.read_all)
        QApplication.instance().focusChanged.connect(self._focus_moved)  # type: ignore[union-attr]

    def add(self, body: Question | Answer, *, first: bool = False) -> MessageRow:
        """Put a message at the end, or before all others."""
        row = MessageRow(body, self.message_actions, asks=isinstance(body, Question))
        row.lock(locked=self._locked)
        row.show_race(self._no_race)
        self.rows.insert(0 if first else len(self.rows), row)
        if isinstance(body, Answer):
            self.answers.insert(0 if first else len(self.answers), body)
        at = self._layout.indexOf(self.welcome) + 1 if first else self._layout.count() - 1
        self._layout.insertWidget(at, row)
        return row

    def remove(self, row: MessageRow) -> None:
        """Remove a message; the focus leaves it first, or Qt would give it to the widget made next."""
        focus = QApplication.focusWidget()
        if focus is not None and row.isAncestorOf(focus):
            self.abandoned.emit()
        self.rows.remove(row)
        if isinstance(row.body, Answer):
            self.answers.remove(row.body)
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()

    def row_of(self, message: int) -> MessageRow | None:
        """Return what shows ``message``, None where nothing does."""
        return next((row for row in self.rows if row.message == message), None)

    def lock(self, *, locked: bool) -> None:
        """Disable the actions that change the conversation, for messages added later too."""
        self._locked = locked
        for row in self.rows:
            row.lock(locked=locked)

    def show_race(self, why_not: str) -> None:
        """Let questions be raced, or say ``why_not``; for messages added later too."""
        self._no_race = why_not
        for row in self.rows:
            row.show_race(why_not)

    def show_edge(self, message: int | None) -> None:
        """Say above ``message`` that the model does not see what comes before; None: it sees all."""
        row = self.row_of(message) if message is not None else None
        self._layout.removeWidget(self.edge)
        self.edge.setVisible(row is not None)
        if row is not None:
            self._layout.insertWidget(self._layout.indexOf(row), self.edge)

    def order_keys(self) -> None:
        """Let Tab go through what is shown from the top to the bottom, in whatever order it was made."""
        stops = [widget for widget in self.findChildren(QWidget) if _is_stop(widget) and widget is not self.earlier]
        for before, stop in pairwise([self.earlier, *sorted(stops, key=self._place_of)]):
            QWidget.setTabOrder(before, stop)

    def _place_of(self, widget: QWidget) -> tuple[int, int]:
        at = widget.mapTo(self, QPoint(0, 0))
        return at.y(), at.x()

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._layout.setContentsMargins(0, 22, 0, 16)
        self._layout.setSpacing(6)  # below the line of each message
        self._layout.addWidget(self.earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self.earlier.hide()
        self._layout.addWidget(self.welcome, 1000)
        self._layout.addStretch(1)

    def _focus_moved(self, old: QWidget | None, new: QWidget | None) -> None:
        """Let the messages that lost and got the focus hide or show their buttons."""
        for row in self.rows:
            if any(widget is not None and row.isAncestorOf(widget) for widget in (old, new)):
                row.reveal()


def _is_stop(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.isVisible()
