"""The column of questions and answers; it follows a growing answer only while the reader is at its end."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.answer import Answer
from app.conversation import Outcome
from app.palette import Palette
from app.question import Question
from app.speculation.prose import Prose
from app.speculation.tally import Tally
from app.welcome import Welcome
from engine.events import Event

COLUMN = 720  # the widest a line of text gets, in pixels
EDGE = 24  # free pixels on both sides of the column
NEAR_END = 4


class Transcript(QScrollArea):
    """Shows a conversation. ``example_chosen`` carries a question picked from the welcome page."""

    example_chosen = Signal(str)

    def __init__(self, palette: Palette, *, marked: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._marked = marked
        self._following = True
        self._answers: list[Answer] = []
        self.welcome = Welcome()
        self.welcome.chosen.connect(self.example_chosen)
        self.setObjectName("transcript")
        self.setAccessibleName("Conversation")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._body = QWidget()
        self._column = self._make_column()
        self._pill = QPushButton("↓  Jump to latest", self)
        self._pill.setObjectName("pill")
        self._pill.setAccessibleName("Jump to latest")
        self._pill.clicked.connect(self.jump_to_latest)
        self._pill.hide()
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._grown)
        bar.actionTriggered.connect(lambda _: QTimer.singleShot(0, self, self._reconsider))

    @property
    def following(self) -> bool:
        """True while the end is kept in view."""
        return self._following

    @property
    def answers(self) -> Sequence[Answer]:
        """The answers shown, oldest first."""
        return self._answers

    def add_question(self, text: str) -> None:
        """Show a question at the end."""
        self.welcome.hide()
        question = Question(text)
        question.text.reached.connect(lambda spot: self._show_spot(question.text, spot))
        self._append(question)
        self.jump_to_latest()

    def begin_answer(self) -> None:
        """Show an answer that has no text yet."""
        answer = Answer(self._palette, marked=self._marked)
        answer.text.reached.connect(lambda spot: self._show_spot(answer.text, spot))
        self._answers.append(answer)
        self._append(answer)

    def advance(self, events: Sequence[Event], tally: Tally) -> None:
        """Let the last answer grow by ``events``."""
        self._answers[-1].advance(events, tally)

    def say_stopping(self, tally: Tally) -> None:
        """Say under the last answer that it is about to end."""
        self._answers[-1].say_stopping(tally)

    def end_answer(self, outcome: Outcome, tally: Tally) -> None:
        """Close the last answer; one that failed before its first word is taken away."""
        self._answers[-1].end(outcome, tally)
        if outcome == "failed" and not self._answers[-1].text.answer():
            self.withdraw()

    def withdraw(self) -> None:
        """Take away the last answer."""
        if self._answers:
            self._remove(self._answers.pop())

    def clear(self) -> None:
        """Take away everything and welcome the reader again."""
        self._answers.clear()
        for index in reversed(range(self._column.count())):
            item = self._column.itemAt(index)
            widget = item.widget() if item is not None else None
            if isinstance(widget, Question | Answer):
                self._remove(widget)
        self.welcome.show()
        self._following = True

    def show_marks(self, marked: bool) -> None:
        """Show or hide the marks of all answers."""
        self._marked = marked
        for answer in self._answers:
            answer.text.show_marks(marked)

    def set_palette(self, palette: Palette) -> None:
        """Paint all answers in the colours of ``palette``."""
        self._palette = palette
        for answer in self._answers:
            answer.text.set_palette(palette)

    def jump_to_latest(self) -> None:
        """Go to the end and follow what comes."""
        self._following = True
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())
        self._pill.hide()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll, and decide anew whether to follow."""
        super().wheelEvent(event)
        self._reconsider()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the pill at the bottom's middle."""
        super().resizeEvent(event)
        self._place_pill()

    def _make_column(self) -> QVBoxLayout:
        column = QWidget()
        self._body.setObjectName("transcriptBody")
        column.setMaximumWidth(COLUMN)
        column.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        rows = QVBoxLayout(column)
        rows.setContentsMargins(0, 22, 0, 16)
        rows.setSpacing(22)
        rows.addWidget(self.welcome, 1000)
        rows.addStretch(1)
        sides = self._sides = QHBoxLayout(self._body)
        sides.setContentsMargins(EDGE, 0, EDGE, 0)
        sides.addStretch()
        sides.addWidget(column, 1000)
        sides.addStretch()
        self.setWidget(self._body)
        return rows

    def _append(self, widget: QWidget) -> None:
        self._column.insertWidget(self._column.count() - 1, widget)

    def _remove(self, widget: QWidget) -> None:
        self._column.removeWidget(widget)
        widget.hide()
        widget.deleteLater()

    def _grown(self) -> None:
        bar = self.verticalScrollBar()
        taken = bar.sizeHint().width() if bar.maximum() > 0 else 0
        self._sides.setContentsMargins(EDGE, 0, EDGE - taken, 0)  # the column stays put when the bar appears
        if self._following:
            bar.setValue(bar.maximum())
        self._show_pill()

    def _reconsider(self) -> None:
        """Follow exactly if the reader is at the end."""
        bar = self.verticalScrollBar()
        self._following = bar.value() >= bar.maximum() - NEAR_END
        self._show_pill()

    def _show_pill(self) -> None:
        self._pill.setVisible(not self._following)
        self._place_pill()

    def _place_pill(self) -> None:
        self._pill.adjustSize()
        port = self.viewport().geometry()
        left = port.center().x() - self._pill.width() // 2
        self._pill.move(left, port.bottom() - self._pill.height() - 8)
        self._pill.raise_()

    def _show_spot(self, text: Prose, spot: QRect) -> None:
        """Scroll to where the reader's cursor or selection went."""
        at = text.viewport().mapTo(self._body, spot.center())
        self.ensureVisible(at.x(), at.y(), 0, 24)
        self._reconsider()
