"""What was said, and the log of how each answer came to be. Frozen values, no Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.events import Event, Finished, PlainPace, Round, Started

Outcome = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The log of one answer, complete or still growing; ``outcome`` is None while it grows."""

    started: Started | None = None
    rounds: tuple[Round, ...] = ()
    pace: PlainPace | None = None
    finished: Finished | None = None
    outcome: Outcome | None = None

    @property
    def text(self) -> str:
        """What has become final so far."""
        if self.finished is not None:
            return self.finished.text
        return "".join(round_.text for round_ in self.rounds)

    def after(self, events: Iterable[Event]) -> Reply:
        """Return the log with ``events`` added; those that leave no trace (loading, prefill, drafting) are skipped."""
        reply, rounds = self, list(self.rounds)
        for event in events:
            match event:
                case Started():
                    reply = replace(reply, started=event)
                case Round():
                    rounds.append(event)
                case PlainPace():
                    reply = replace(reply, pace=event)
                case Finished():
                    reply = replace(reply, finished=event)
        return replace(reply, rounds=tuple(rounds))

    def ended(self, outcome: Outcome) -> Reply:
        """Return the log closed with ``outcome``."""
        return replace(self, outcome=outcome)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn; an answer carries its log."""

    role: Literal["user", "assistant"]
    text: str
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns so far, oldest first."""

    messages: tuple[Message, ...] = field(default=())

    def plus(self, message: Message) -> Conversation:
        """Return the conversation with ``message`` at its end."""
        return Conversation((*self.messages, message))

    def without_answer(self) -> Conversation:
        """Return the conversation up to the last question."""
        messages = self.messages
        while messages and messages[-1].role == "assistant":
            messages = messages[:-1]
        return Conversation(messages)

    def turns(self) -> tuple[tuple[str, str], ...]:
        """Return (role, text) pairs with alternating roles: a question left unanswered joins the one after it."""
        turns: list[tuple[str, str]] = []
        for message in self.messages:
            if turns and turns[-1][0] == message.role:
                turns[-1] = (message.role, f"{turns[-1][1]}\n\n{message.text}")
            else:
                turns.append((message.role, message.text))
        return tuple(turns)
