"""Shows a conversation: its messages as they were saved, and the last answer as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from PySide6.QtCore import QPoint, QRect, QSize, QTimer, Signal

from app.conversations.conversation import Conversation, Message, Outcome
from app.ink.text_view import TextView
from app.look.palette import Palette
from app.messages.answer import Answer, guessed_height
from app.messages.answer_views import AnswerStyle, View
from app.messages.autoscroll import AutoscrollArea
from app.messages.message_list import MessageList
from app.messages.message_row import MessageRow
from app.messages.question import Question
from app.messages.view_switch import ViewSwitch, settle_layouts
from engine.events import Event
from engine.tally import Tally

SEARCHED = 400  # messages, at most, that are built to be searched
FEW = 4  # of them at a time, so that the window answers meanwhile
SLICE = 0.012  # seconds of writing them
BREATH = 20  # ms between two lots of messages built ahead: time to paint
FIRST = 8  # messages built before a conversation is first painted, at most
STEP = 4  # messages built ahead at a time
BATCH = 40  # messages of a long conversation built without being asked for, or at a time


class Transcript(AutoscrollArea):
    """Shows a conversation; ``message_actions`` carries what the reader asks for.

    ``example_chosen`` carries a question picked from the welcome page, ``token_chosen`` an answer and the index in its
    ledger of a token the reader went to. ``abandoned``: the focused message is about to be removed.
    """

    example_chosen = Signal(str)
    token_chosen = Signal(object, int)  # Answer
    earlier_shown = Signal()  # messages were added above
    abandoned = Signal()

    def __init__(self, palette: Palette, *, marked: bool, view: View = "reading") -> None:
        shown = MessageList()
        super().__init__(shown)
        self._list, self.message_actions, self.welcome = shown, shown.message_actions, shown.welcome
        self._style = AnswerStyle(palette, marked=marked)
        self._waiting: Sequence[Message] = ()  # the oldest of very many, not built before somebody looks
        self._switch = ViewSwitch(self, shown.answers, view)
        self.setObjectName("transcript")
        self.setAccessibleName("Conversation")
        self._middle.setObjectName("transcriptBody")
        self.welcome.chosen.connect(self.example_chosen)
        shown.abandoned.connect(self.abandoned)
        shown.earlier.clicked.connect(lambda _: self.show_earlier())
        self.moved.connect(self._switch.let_go)
        self.top_reached.connect(self.show_earlier)

    @property
    def moving(self) -> bool:
        """True if marks may fade in."""
        return self._style.moving

    @property
    def answers(self) -> Sequence[Answer]:
        """The answers shown, oldest first."""
        return self._list.answers

    @property
    def rows(self) -> Sequence[MessageRow]:
        """The messages shown, oldest first."""
        return self._list.rows

    # The conversation as it is kept

    def show_messages(self, stands: int, messages: Sequence[Message]) -> None:
        """Show ``messages``, of which the first ``stands`` are shown already; of very many only the newest at first."""
        stands = stands if stands >= len(self._waiting) else 0
        for row in self.rows[stands - len(self._waiting) if stands else 0 :]:
            self._list.remove(row)
        if not stands:
            self._waiting = messages[: -self._at_first(messages)]
        for message in messages[max(stands, len(self._waiting)) :]:
            self._list.add(self._body_of(message))
        self._list.earlier.setVisible(bool(self._waiting))
        self.welcome.setVisible(not messages)
        self.jump_to_latest()
        self._switch.tend()  # before the first painting, so that no empty page flashes up
        settle_layouts()
        self._switch.later()
        QTimer.singleShot(BREATH, self, self._fill_up)

    def show_versions(self, conversation: Conversation, *, locked: bool) -> None:
        """Tell each row its message, its versions and its buttons; ``locked``: an answer is in flight."""
        shown = conversation.messages[len(self._waiting) :]
        for row, message in zip(self.rows, shown, strict=False):
            row.show_message(message, conversation.versions(message.id), last=message is shown[-1])
            row.show_unread(conversation.unread(message.id))
        self._list.lock(locked=locked)

    def show_race(self, why_not: str) -> None:
        """Let questions be raced, or say ``why_not``."""
        self._list.show_race(why_not)

    def show_edge(self, message: int | None) -> None:
        """Say above ``message`` that the model does not see what comes before; None: it sees all."""
        self._list.show_edge(message)

    def show_edited(self, message: int | None) -> None:
        """Mark the question that is being edited; None: there is none."""
        for row in self.rows:
            if isinstance(row.body, Question):
                row.body.show_edited(edited=message is not None and row.message == message)

    def recall(self, message: Message) -> None:
        """Give an answer its log, once it has been read from the disk."""
        self._waiting = [message if old.id == message.id else old for old in self._waiting]
        row = self._list.row_of(message.id)
        if row is not None and isinstance(row.body, Answer):
            _load(row.body, message)
            row.reveal()
            self._switch.later()

    def show_earlier(self, count: int = BATCH) -> None:
        """Build the next ``count`` of the oldest messages above, if there are any; what is read stays where it is."""
        if not self._waiting:
            return
        self.hold()
        later, self._waiting = self._waiting[-count:], self._waiting[:-count]
        for message in reversed(later):
            row = self._list.add(self._body_of(message), first=True)
            row.show_message(message, (message.id,), last=False)
        self._list.earlier.setVisible(bool(self._waiting))
        self._switch.later()
        self.earlier_shown.emit()

    def go_to(self, message: int) -> None:
        """Scroll to a message."""
        while self._waiting and self._list.row_of(message) is None:
            self.show_earlier()
        row = self._list.row_of(message)
        if row is not None:
            self.show_top(row)

    def texts(self) -> Sequence[TextView]:
        """Return the texts of the conversation from the top that are written, for searching; questions in full."""
        found: list[TextView] = []
        for row in self.rows:
            body = row.body
            if isinstance(body, Answer) and not body.behind(self.view):
                found += body.texts
            elif isinstance(body, Question):
                body.show_all(whole=True)
                found.append(body.text)
        return found

    def write_more(self) -> bool:
        """Write a little more of what is to be searched; False once all of it is there.

        Of a very long conversation that is SEARCHED messages, the last ones.
        """
        until = perf_counter() + SLICE
        for row in reversed(self.rows):
            if isinstance(row.body, Answer) and row.body.behind(self.view):
                row.body.show_view(self.view)
                if perf_counter() > until:
                    return True
        if self._waiting and len(self.rows) < SEARCHED:
            self.show_earlier(FEW)
            return True
        return False

    def order_keys(self) -> None:
        """Let Tab go through the messages from the top to the bottom, in whatever order they were made and written."""
        self._list.order_keys()

    def show_place(self, text: TextView, spot: QPoint) -> None:
        """Scroll to ``spot`` in ``text``."""
        self.show_spot(text, QRect(spot, QSize(1, 1)))

    def clear(self) -> None:
        """Take away everything and welcome the reader again."""
        self._waiting = ()
        self._list.earlier.hide()
        for row in list(self.rows):
            self._list.remove(row)
        self.welcome.show()
        self.jump_to_latest()

    # The conversation as it goes on

    def add_question(self, text: str) -> None:
        """Show a question at the end."""
        self.welcome.hide()
        self._list.add(self._make_question(text))
        self.jump_to_latest()

    def begin_answer(self) -> None:
        """Show an answer that has no text yet."""
        self._list.add(self._make_answer())

    def resume_answer(self) -> None:
        """Let the last answer grow again."""
        self.answers[-1].resume()
        self.jump_to_latest()

    def advance(self, events: Sequence[Event], tally: Tally) -> None:
        """Let the last answer grow by ``events``."""
        self.answers[-1].advance(events, tally)
        settle_layouts()  # scroll before painting: once a frame is enough

    def say_stopping(self, tally: Tally) -> None:
        """Say under the last answer that it is about to end."""
        self.answers[-1].say_stopping(tally)

    def end_answer(self, outcome: Outcome, tally: Tally) -> None:
        """Close the last answer; one that ended before its first word is taken away."""
        self.answers[-1].end(outcome, tally)
        self.rows[-1].reveal()
        if not self.answers[-1].source():
            self._list.remove(self.rows[-1])

    # How answers look

    @property
    def view(self) -> View:
        """The view answers are shown in."""
        return self._switch.view

    def show_view(self, view: View) -> None:
        """Show all answers in ``view``; what is being read stays in place."""
        self._switch.choose(view, following=self.following)

    def show_marks(self, marked: bool) -> None:
        """Show or hide the marks of all answers."""
        self._dress(replace(self._style, marked=marked))

    def show_technical(self, technical: bool) -> None:
        """Call the levels by their ``technical`` names on tokens' cards, or by plain ones."""
        self._dress(replace(self._style, technical=technical))

    def set_motion(self, moving: bool) -> None:
        """Let marks fade in, or appear at once."""
        self._dress(replace(self._style, moving=moving))

    def set_palette(self, palette: Palette) -> None:
        """Repaint all answers in the colours of ``palette``."""
        self._dress(replace(self._style, palette=palette))

    def _dress(self, style: AnswerStyle) -> None:
        self._style = style
        for answer in self.answers:
            answer.dress(style)

    # Making messages

    def _make_answer(self) -> Answer:
        answer = Answer(self._style, self.view)
        answer.reached.connect(self.show_spot)
        answer.token_chosen.connect(lambda index: self.token_chosen.emit(answer, index))
        return answer

    def _make_question(self, text: str) -> Question:
        question = Question(text)
        question.text.reached.connect(lambda spot: self.show_spot(question.text, spot))
        return question

    def _body_of(self, message: Message) -> Question | Answer:
        """Return a message as it is shown when nothing is in flight."""
        if message.role == "user":
            return self._make_question(message.text)
        answer = self._make_answer()
        _load(answer, message)
        return answer

    def _at_first(self, messages: Sequence[Message]) -> int:
        """Return how many of the newest of ``messages`` fill what is in view, or FIRST; at least 1."""
        count = room = 0
        for message in reversed(messages[-FIRST:]):
            count += 1
            room += guessed_height(message.text)
            if room > self.viewport().height():
                break
        return max(count, 1)

    def _fill_up(self) -> None:
        """Build more messages above what is in view, a few at a time, so that the window never freezes."""
        if self._waiting and len(self.rows) < BATCH:
            self.show_earlier(STEP)
            QTimer.singleShot(BREATH, self, self._fill_up)


def _load(answer: Answer, message: Message) -> None:
    """Let ``answer`` show ``message``; while its log is still on disk, the bare text."""
    reply = message.reply
    events = reply.events if reply is not None else ()
    answer.load(message.text, events, (reply.outcome if reply is not None else None) or "finished")
