"""Messages one below another, the way to earlier ones above them, and the welcome where there are none."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QApplication, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.messages.actions import Wishes
from app.messages.answer import Answer
from app.messages.edge import Edge
from app.messages.question import Question
from app.messages.turn import Turn
from app.messages.welcome import Welcome


class Column(QWidget):
    """Holds ``turns``, oldest first, and the ``answers`` among them; ``wishes`` tell what is to be done with one.

    The two lists stay the same objects, for others to look into; only ``add`` and ``remove`` change them.
    ``abandoned``: the keyboard was in a message that is being taken away.
    """

    abandoned = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[Turn] = []
        self.answers: list[Answer] = []
        self.wishes, self.welcome, self.edge = Wishes(), Welcome(), Edge(self)
        self.earlier = QPushButton("Show earlier messages")
        self._locked = False
        self._rows = QVBoxLayout(self)
        self._lay_out()
        self.edge.all_wanted.connect(self.wishes.read_all)
        QApplication.instance().focusChanged.connect(self._focus_moved)  # type: ignore[union-attr]

    def add(self, body: Question | Answer, *, first: bool = False) -> Turn:
        """Put a message at the end, or before all others."""
        turn = Turn(body, self.wishes, asks=isinstance(body, Question))
        turn.lock(locked=self._locked)
        self.turns.insert(0 if first else len(self.turns), turn)
        if isinstance(body, Answer):
            self.answers.insert(0 if first else len(self.answers), body)
        at = self._rows.indexOf(self.welcome) + 1 if first else self._rows.count() - 1
        self._rows.insertWidget(at, turn)
        return turn

    def remove(self, turn: Turn) -> None:
        """Take a message away; first the keyboard, which Qt would give to whatever was made next."""
        focus = QApplication.focusWidget()
        if focus is not None and turn.isAncestorOf(focus):
            self.abandoned.emit()
        self.turns.remove(turn)
        if isinstance(turn.body, Answer):
            self.answers.remove(turn.body)
        self._rows.removeWidget(turn)
        turn.hide()
        turn.deleteLater()

    def turn_of(self, message: int) -> Turn | None:
        """Return what shows ``message``, None where nothing does."""
        return next((turn for turn in self.turns if turn.message == message), None)

    def lock(self, *, locked: bool) -> None:
        """Let nothing be done that changes the conversation, also with messages still to come."""
        self._locked = locked
        for turn in self.turns:
            turn.lock(locked=locked)

    def show_edge(self, message: int | None) -> None:
        """Say above ``message`` that the model does not see what comes before; None: it sees all."""
        turn = self.turn_of(message) if message is not None else None
        self._rows.removeWidget(self.edge)
        self.edge.setVisible(turn is not None)
        if turn is not None:
            self._rows.insertWidget(self._rows.indexOf(turn), self.edge)

    def order_keys(self) -> None:
        """Let Tab go through what is shown from the top to the bottom, in whatever order it was made."""
        stops = [widget for widget in self.findChildren(QWidget) if _is_stop(widget) and widget is not self.earlier]
        for before, stop in pairwise([self.earlier, *sorted(stops, key=self._place_of)]):
            QWidget.setTabOrder(before, stop)

    def _place_of(self, widget: QWidget) -> tuple[int, int]:
        at = widget.mapTo(self, QPoint(0, 0))
        return at.y(), at.x()

    def _lay_out(self) -> None:
        self.earlier.setObjectName("pill")
        self.earlier.setAccessibleName("Show earlier messages")
        # A click makes it go away, which must not take the keyboard along.
        self.earlier.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._rows.setContentsMargins(0, 22, 0, 16)
        self._rows.setSpacing(6)  # below the line of each message
        self._rows.addWidget(self.earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self.earlier.hide()
        self._rows.addWidget(self.welcome, 1000)
        self._rows.addStretch(1)

    def _focus_moved(self, old: QWidget | None, new: QWidget | None) -> None:
        """Let the messages the keyboard left and came to show what can be done with them."""
        for turn in self.turns:
            if any(widget is not None and turn.isAncestorOf(widget) for widget in (old, new)):
                turn.reveal()


def _is_stop(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.isVisible()
