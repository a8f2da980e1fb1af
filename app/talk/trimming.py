"""Which part of the conversation is sent to the model: what was left out stays out until it is asked for."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.conversations.conversation import Conversation, Message
from app.conversations.current import CurrentChat
from app.threads.exchange import Turns


class Trimming(QObject):
    """Decides where the part that the model sees of the conversation in ``current`` begins.

    Each answer remembers where that was; here it can be chosen anew. ``changed``: the model sees more or less.
    """

    changed = Signal()

    def __init__(self, current: CurrentChat, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._current = current
        self._starts: set[int] = set()  # messages before which the model sees nothing
        self._reopened: set[int] = set()  # of these and of those of earlier answers, the ones that no longer hold
        self._starts_next = False  # the next question is one of them
        current.cleared.connect(self._forget_next)

    @property
    def first(self) -> int | None:
        """The first message that the model sees; None: it sees all."""
        conversation = self._current.conversation
        return conversation.first_told(self._holding(conversation))

    def turns(self, question: str = "", *, instead_of: int | None = None) -> Turns:
        """Return (role, text) pairs of what would be sent now, ``question`` last if there is one.

        ``instead_of``: the message that the question replaces, with all that followed from it.
        """
        conversation = self._current.conversation
        if instead_of is not None:
            conversation = conversation.back_to(conversation.find(instead_of).parent)
        if question.strip():
            conversation = conversation.plus(Message("user", question.strip()))
            if self._starts_next:
                return conversation.turns({conversation.messages[-1].id})
        return conversation.turns(self._holding(conversation))

    def leave_out(self, surplus: int) -> None:
        """Leave out the oldest ``surplus`` turns of those that are sent now; they stay in the conversation."""
        conversation = self._current.conversation
        start = conversation.start_after(surplus, self._holding(conversation))
        if start is None:
            self._starts_next = True
        else:
            self._starts.add(start)
            self._reopened.discard(start)
        self.changed.emit()

    def send_all(self) -> None:
        """Send the whole conversation again, from the next question on."""
        self._starts_next = False
        while (start := self.first) is not None:
            self._reopened.add(start)
        self.changed.emit()

    def question_added(self) -> None:
        """Note that a question was added to the conversation: what the model sees may begin with it."""
        question = self._current.conversation.leaf
        if self._starts_next and question is not None:
            self._starts.add(question)
            self._starts_next = False
            self.changed.emit()

    def _forget_next(self) -> None:
        self._starts_next = False

    def _holding(self, conversation: Conversation) -> set[int]:
        last = conversation.told_from
        return (self._starts | ({last} if last is not None else set())) - self._reopened


def turns_before(conversation: Conversation, answer: Message) -> Turns:
    """Return what was sent to the model when it began ``answer``."""
    asked = conversation.back_to(answer.parent)
    return asked.turns(() if answer.told_from is None else (answer.told_from,))
