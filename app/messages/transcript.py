"""The column of questions and answers; it follows a growing answer only while the reader is at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.conversations.conversation import Conversation, Message, Outcome
from app.look.palette import Palette
from app.messages.answer import Answer, View, guessed_height
from app.messages.edge import Edge
from app.messages.question import Question
from app.messages.turn import Turn
from app.messages.views import Views, settle_layouts
from app.messages.welcome import Welcome
from app.speculation.prose import Prose
from app.speculation.tally import Tally
from engine.events import Event

COLUMN = 720  # the widest a line of text gets, in pixels
EDGE = 24  # free pixels on both sides of the column
NEAR_END = 4
SEARCHED = 400  # messages, at most, that are built to be searched
BREATH = 20  # ms between two lots of messages built ahead: time to paint
FIRST = 8  # messages built before a conversation is first painted, at most
STEP = 4  # messages built ahead at a time
BATCH = 40  # messages of a long conversation built without being asked for, or at a time


class Transcript(QScrollArea):
    """Shows a conversation. ``example_chosen`` carries a question picked from the welcome page, ``token_chosen`` an
    answer and the index in its ledger of a token the reader went to."""

    example_chosen = Signal(str)
    token_chosen = Signal(object, int)  # Answer
    copy_wanted = Signal(object)  # the id of a message, too large for a C int; as in all that follow
    edit_wanted = Signal(object)
    again_wanted = Signal(object)
    continue_wanted = Signal(object)
    remove_wanted = Signal(object)
    version_wanted = Signal(object)
    replay_wanted = Signal(object)  # Answer
    earlier_shown = Signal()  # messages were added above
    all_wanted = Signal()  # the model is to see the messages above the edge again

    def __init__(self, palette: Palette, *, marked: bool, view: View = "reading") -> None:
        super().__init__()
        self._moving = True
        self._palette = palette
        self._marked = marked
        self._following = True
        self._answers: list[Answer] = []
        self._turns: list[Turn] = []
        self._locked = False
        self._waiting: Sequence[Message] = ()  # the oldest of very many, not built before somebody looks
        self._views = Views(self, self._answers, view)
        self.welcome = Welcome()
        self.welcome.chosen.connect(self.example_chosen)
        self.setObjectName("transcript")
        self.setAccessibleName("Conversation")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._body = QWidget()
        self._earlier = QPushButton("Show earlier messages")
        self._earlier.setObjectName("pill")
        self._earlier.setAccessibleName("Show earlier messages")
        self._earlier.clicked.connect(lambda _: self.show_earlier())
        self._edge = Edge(self._body)
        self._edge.all_wanted.connect(self.all_wanted)
        self._column = self._make_column()
        self._pill = QPushButton("↓  Jump to latest", self)
        self._pill.setObjectName("pill")
        self._pill.setAccessibleName("Jump to latest")
        self._pill.clicked.connect(self.jump_to_latest)
        self._pill.hide()
        QApplication.instance().focusChanged.connect(self._focus_moved)  # type: ignore[union-attr]
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._grown)
        bar.actionTriggered.connect(lambda _: QTimer.singleShot(0, self, self._reconsider))

    @property
    def following(self) -> bool:
        """True while the end is kept in view."""
        return self._following

    @property
    def moving(self) -> bool:
        """True unless things are to stand still."""
        return self._moving

    @property
    def answers(self) -> Sequence[Answer]:
        """The answers shown, oldest first."""
        return self._answers

    @property
    def turns(self) -> Sequence[Turn]:
        """The messages shown, oldest first."""
        return self._turns

    def show_messages(self, stands: int, messages: Sequence[Message]) -> None:
        """Show ``messages``, of which the first ``stands`` are shown already; of very many only the newest at first."""
        stands = stands if stands >= len(self._waiting) else 0
        for turn in self._turns[stands - len(self._waiting) if stands else 0 :]:
            self._remove(turn.body)
        if not stands:
            self._waiting = messages[: -self._at_first(messages)]
        for message in messages[max(stands, len(self._waiting)) :]:
            self._append(self._body_of(message))
        self._earlier.setVisible(bool(self._waiting))
        self.welcome.setVisible(not messages)
        self.jump_to_latest()
        self._views.tend()  # before the first painting, so that no empty page flashes up
        settle_layouts()
        self._views.later()
        QTimer.singleShot(BREATH, self, self._fill_up)

    def show_versions(self, conversation: Conversation, *, locked: bool) -> None:
        """Let every message say which it is and what can be done with it; ``locked``: an answer is in flight."""
        shown = conversation.messages[len(self._waiting) :]
        for turn, message in zip(self._turns, shown, strict=False):
            turn.show_message(message, conversation.versions(message.id), last=message is shown[-1])
            turn.show_unread(conversation.unread(message.id))
        self._locked = locked
        for turn in self._turns:
            turn.lock(locked=locked)

    def recall(self, message: Message) -> None:
        """Let an answer have its log, now that it is there."""
        self._waiting = [message if old.id == message.id else old for old in self._waiting]
        for turn in self._turns:
            if turn.message == message.id and isinstance(turn.body, Answer):
                _load(turn.body, message)
                turn.reveal()
                self._views.later()

    def go_to(self, message: int) -> None:
        """Scroll to a message."""
        while self._waiting and all(turn.message != message for turn in self._turns):
            self.show_earlier()
        turn = next((turn for turn in self._turns if turn.message == message), None)
        if turn is not None:
            self._following = False
            QTimer.singleShot(0, turn, lambda: self._show_top(turn))

    def show_earlier(self, count: int = BATCH) -> None:
        """Build the next ``count`` of the oldest messages above; what is read stays where it is."""
        bar = self.verticalScrollBar()
        below = bar.maximum() - bar.value()
        later, self._waiting = self._waiting[-count:], self._waiting[:-count]
        for message in reversed(later):
            self._append(self._body_of(message), first=True)
            self._turns[0].show_message(message, (message.id,), last=False)
        self._earlier.setVisible(bool(self._waiting))
        if not self._following:
            QTimer.singleShot(0, self, lambda: bar.setValue(bar.maximum() - below))
        self._views.later()
        self.earlier_shown.emit()

    def _fill_up(self) -> None:
        """Build some more above what is in view, a few at a time, so that the window never stands still."""
        if self._waiting and len(self._turns) < BATCH:
            self.show_earlier(STEP)
            QTimer.singleShot(BREATH, self, self._fill_up)

    def _at_first(self, messages: Sequence[Message]) -> int:
        """Return how many of the newest of ``messages`` fill what is in view, or FIRST; at least 1."""
        count = room = 0
        for message in reversed(messages[-FIRST:]):
            count += 1
            room += guessed_height(message.text)
            if room > self.viewport().height():
                break
        return max(count, 1)

    def add_question(self, text: str) -> None:
        """Show a question at the end."""
        self.welcome.hide()
        self._append(self._make_question(text))
        self.jump_to_latest()

    def begin_answer(self) -> None:
        """Show an answer that has no text yet."""
        self._append(self._make_answer())

    def add_answer(self, text: str, events: Iterable[Event], outcome: Outcome) -> None:
        """Show a complete answer; it is written once it comes near what is in view."""
        answer = self._make_answer()
        answer.load(text, events, outcome)
        self._append(answer)
        self._views.later()

    def resume_answer(self) -> None:
        """Let the last answer grow again."""
        self._answers[-1].resume()
        self.jump_to_latest()

    @property
    def view(self) -> View:
        """The view answers are shown in."""
        return self._views.view

    def show_view(self, view: View) -> None:
        """Show all answers in ``view``; what is being read stays in place."""
        self._views.choose(view, following=self._following)

    def set_motion(self, moving: bool) -> None:
        """Let marks fade in, or appear at once."""
        self._moving = moving
        for answer in self._answers:
            answer.set_motion(moving)

    def advance(self, events: Sequence[Event], tally: Tally) -> None:
        """Let the last answer grow by ``events``."""
        self._answers[-1].advance(events, tally)
        settle_layouts()  # scroll before painting: once a frame is enough

    def say_stopping(self, tally: Tally) -> None:
        """Say under the last answer that it is about to end."""
        self._answers[-1].say_stopping(tally)

    def end_answer(self, outcome: Outcome, tally: Tally) -> None:
        """Close the last answer; one that ended before its first word is taken away."""
        self._answers[-1].end(outcome, tally)
        self._turns[-1].reveal()
        if not self._answers[-1].source():
            self.withdraw()

    def withdraw(self) -> None:
        """Take away the last answer."""
        if self._answers:
            self._remove(self._answers[-1])

    def clear(self) -> None:
        """Take away everything and welcome the reader again."""
        self._waiting = ()
        self._earlier.hide()
        for turn in list(self._turns):
            self._remove(turn.body)
        self.welcome.show()
        self._following = True

    def show_marks(self, marked: bool) -> None:
        """Show or hide the marks of all answers."""
        self._marked = marked
        for answer in self._answers:
            answer.show_marks(marked)

    def set_palette(self, palette: Palette) -> None:
        """Paint all answers in the colours of ``palette``."""
        self._palette = palette
        for answer in self._answers:
            answer.set_palette(palette)

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
        rows.setSpacing(6)  # below the line of each message
        rows.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self._earlier.hide()
        rows.addWidget(self.welcome, 1000)
        rows.addStretch(1)
        sides = self._sides = QHBoxLayout(self._body)
        sides.setContentsMargins(EDGE, 0, EDGE, 0)
        sides.addStretch()
        sides.addWidget(column, 1000)
        sides.addStretch()
        self.setWidget(self._body)
        return rows

    def _make_answer(self) -> Answer:
        answer = Answer(self._palette, marked=self._marked, view=self.view, moving=self._moving)
        answer.reached.connect(self._show_spot)
        answer.token_chosen.connect(lambda index: self.token_chosen.emit(answer, index))
        self._answers.append(answer)
        return answer

    def _make_question(self, text: str) -> Question:
        question = Question(text)
        question.text.reached.connect(lambda spot: self._show_spot(question.text, spot))
        return question

    def _body_of(self, message: Message) -> Question | Answer:
        """Return a message as it is shown when nothing is in flight."""
        if message.role == "user":
            return self._make_question(message.text)
        answer = self._make_answer()
        _load(answer, message)
        return answer

    def _append(self, body: Question | Answer, *, first: bool = False) -> None:
        """Put a message at the end, or before all others."""
        turn = Turn(body, asks=isinstance(body, Question))
        for told, tells in (
            (turn.copy_wanted, self.copy_wanted),
            (turn.edit_wanted, self.edit_wanted),
            (turn.again_wanted, self.again_wanted),
            (turn.continue_wanted, self.continue_wanted),
            (turn.remove_wanted, self.remove_wanted),
            (turn.version_wanted, self.version_wanted),
        ):
            told.connect(tells)
        turn.replay_wanted.connect(lambda: self.replay_wanted.emit(body))
        turn.lock(locked=self._locked)
        self._turns.insert(0 if first else len(self._turns), turn)
        if first and isinstance(body, Answer):
            self._answers.insert(0, self._answers.pop())  # it was made last
        at = self._column.indexOf(self.welcome) + 1 if first else self._column.count() - 1
        self._column.insertWidget(at, turn)

    def _remove(self, body: QWidget) -> None:
        turn = next(turn for turn in self._turns if turn.body is body)
        self._turns.remove(turn)
        if isinstance(body, Answer):
            self._answers.remove(body)
        self._column.removeWidget(turn)
        turn.hide()
        turn.deleteLater()

    def texts(self) -> Sequence[Prose]:
        """Return the texts of the conversation from the top, for searching: those not written yet are written now.

        Of a very long conversation only as much as SEARCHED messages.
        """
        while self._waiting and len(self._turns) < SEARCHED:
            self.show_earlier()
        found: list[Prose] = []
        for turn in self._turns:
            body = turn.body
            if isinstance(body, Answer):
                if body.behind(self.view):
                    body.show_view(self.view)
                found += body.texts
            elif isinstance(body, Question):
                found.append(body.text)
        return found

    def show_place(self, text: Prose, spot: QPoint) -> None:
        """Scroll to ``spot`` in ``text``."""
        self._following = False
        self._show_spot(text, QRect(spot, QSize(1, 1)))

    def show_edge(self, message: int | None) -> None:
        """Say above ``message`` that the model does not see what comes before; None: it sees all."""
        turn = next((turn for turn in self._turns if turn.message == message), None) if message is not None else None
        self._column.removeWidget(self._edge)
        self._edge.setVisible(turn is not None)
        if turn is not None:
            self._column.insertWidget(self._column.indexOf(turn), self._edge)

    def _show_top(self, turn: Turn) -> None:
        self.verticalScrollBar().setValue(turn.mapTo(self._body, turn.rect().topLeft()).y() - EDGE)
        self._reconsider()

    def _focus_moved(self, old: QWidget | None, new: QWidget | None) -> None:
        """Let the messages the keyboard left and came to show what can be done with them."""
        for turn in self._turns:
            if any(widget is not None and turn.isAncestorOf(widget) for widget in (old, new)):
                turn.reveal()

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
        self._views.let_go()
        self._following = bar.value() >= bar.maximum() - NEAR_END
        if self._waiting and bar.value() == 0:
            self.show_earlier()
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


def _load(answer: Answer, message: Message) -> None:
    """Let ``answer`` show ``message``; while its log is still on disk, the bare text."""
    reply = message.reply
    events = reply.events if reply is not None else ()
    answer.load(message.text, events, (reply.outcome if reply is not None else None) or "finished")
