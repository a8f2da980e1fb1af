"""How much of a conversation the model sees: what was left out to make room stays out until it is asked for."""

from __future__ import annotations

from app.conversations.conversation import Conversation, Message
from app.threads.exchange import Turns


class Trimming:
    """Where the model's view of a conversation begins. It is remembered with each answer, and chosen anew here."""

    def __init__(self) -> None:
        self._starts: set[int] = set()  # messages before which the model is told nothing
        self._reopened: set[int] = set()  # of these and of those of earlier answers, the ones that no longer hold
        self._starts_next = False  # the next question is one of them

    def turns(self, conversation: Conversation, question: str = "") -> Turns:
        """Return (role, text) pairs of what the model would be told now, ``question`` last if there is one."""
        if question.strip():
            conversation = conversation.plus(Message("user", question.strip()))
            if self._starts_next:
                return conversation.turns({conversation.messages[-1].id})
        return conversation.turns(self._holding(conversation))

    def first(self, conversation: Conversation) -> int | None:
        """Return the message the view begins with; None: the model sees all."""
        return conversation.first_told(self._holding(conversation))

    def leave_out(self, conversation: Conversation, surplus: int) -> None:
        """Leave out the oldest ``surplus`` turns of those that are told now."""
        start = conversation.start_after(surplus, self._holding(conversation))
        if start is None:
            self._starts_next = True
        else:
            self._starts.add(start)
            self._reopened.discard(start)

    def tell_all(self, conversation: Conversation) -> None:
        """Leave nothing out any more."""
        self._starts_next = False
        while (start := self.first(conversation)) is not None:
            self._reopened.add(start)

    def asked(self, conversation: Conversation) -> bool:
        """Take note that a question was added to ``conversation``; True if the view begins with it."""
        if not self._starts_next or conversation.leaf is None:
            return False
        self._starts.add(conversation.leaf)
        self._starts_next = False
        return True

    def forget_next(self) -> None:
        """Let the next question be like any other, as another conversation is shown."""
        self._starts_next = False

    def _holding(self, conversation: Conversation) -> set[int]:
        last = conversation.told_from
        return (self._starts | ({last} if last is not None else set())) - self._reopened


def turns_before(conversation: Conversation, answer: Message) -> Turns:
    """Return what the model was told when it began ``answer``."""
    asked = conversation.back_to(answer.parent)
    return asked.turns(() if answer.told_from is None else (answer.told_from,))
