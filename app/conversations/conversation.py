"""Models a conversation: a tree of messages with one branch shown, and the log of each answer. Frozen, no Qt."""

from __future__ import annotations

import secrets
import time
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from engine.config import Chosen
from engine.events import Event, Finished, PlainPace, Round, Started

Outcome = Literal["finished", "stopped", "failed", "cut"]  # cut: the program ended before the answer did
THEN = ", then "  # between the names of models that wrote one answer
UNKNOWN = "another model"
TITLE = 48  # the most characters of an automatic title
_MARKUP = "#>*-`_~ \t"  # what may stand before the words of a Markdown line


def new_id() -> int:
    """Return a random id small enough for JSON readers that know only doubles."""
    return secrets.randbits(53)


def whole(text: str) -> str:
    """Return ``text`` without lone surrogates, which a paste can bring in and no file accepts."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def title_of(text: str) -> str:
    """Return a title: the first line of ``text`` that has words, without markup, cut at a word if it is long."""
    lines = (" ".join(line.strip(_MARKUP).split()) for line in text.splitlines())
    line = next((line for line in lines if line), "")
    if len(line) <= TITLE:
        return line
    cut = line[: TITLE + 1].rsplit(" ", 1)[0]
    return f"{cut if len(cut) <= TITLE else line[:TITLE]}…"


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
        """Return the text that is final so far."""
        if self.finished is not None:
            return self.finished.text
        return "".join(round_.text for round_ in self.rounds)

    @property
    def events(self) -> tuple[Event, ...]:
        """Return the events a view needs to show the answer again."""
        found = (self.started, *self.rounds, self.pace, self.finished)
        return tuple(event for event in found if event is not None)

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
    """One turn; an answer carries its log. ``parent``: the message it follows; ``created``: seconds since 1970.
    ``told_from``: the message the model's view of the conversation began with for this answer; None: with the first.
    ``model``: the name of the model that wrote this answer, None if unknown; of several in turn, THEN
    between their names.

    An answer read from disk may come with an empty log, which is recalled later; its ``text`` is always whole.
    """

    role: Literal["user", "assistant"]
    text: str
    reply: Reply | None = None
    id: int = field(default_factory=new_id)
    parent: int | None = None
    created: float = field(default_factory=time.time)
    told_from: int | None = None
    model: str | None = None

    def by(self, model: str | None) -> Message:
        """Return the answer as continued by ``model``."""
        last = None if self.model is None else self.model.rpartition(THEN)[2]
        if model is None or model == last:
            return self
        return replace(self, model=model if last is None and not self.text else f"{self.model or UNKNOWN}{THEN}{model}")

    @property
    def unfinished(self) -> bool:
        """Return whether the answer stopped early and can be continued."""
        if self.reply is None or not self.text:
            return False
        ended = self.reply.finished
        return self.reply.outcome != "finished" or (ended is not None and ended.reason == "length")

    @property
    def recalled(self) -> bool:
        """Return whether the log is in memory rather than only on disk."""
        return self.reply is None or not self.text or bool(self.reply.rounds)


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """Says how a conversation is answered: the system prompt, the sampling, the longest answer.

    None means not chosen: the model's own default, and an answer as long as the context holds.
    """

    system: str = ""
    sampling: Chosen = field(default_factory=Chosen)
    max_tokens: int | None = None
    thinking: bool | None = None


@dataclass(frozen=True)
class Conversation:
    """Every message ever kept in ``tree``, oldest first, and the branch shown, which ends at ``leaf``.

    Editing a question or answering it again adds a version beside the old one; nothing is erased.
    ``named``: the title was given by hand.
    """

    tree: tuple[Message, ...] = ()
    leaf: int | None = None
    title: str = ""
    named: bool = False
    chat_settings: ChatSettings = ChatSettings()
    id: int = field(default_factory=new_id)

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """Return the messages of the branch shown, oldest first."""
        return tuple(self._up(self.leaf))[::-1]

    @cached_property
    def _known(self) -> dict[int, Message]:
        return {message.id: message for message in self.tree}

    @cached_property
    def _children(self) -> dict[int | None, list[int]]:
        found: dict[int | None, list[int]] = {}
        for message in self.tree:
            found.setdefault(message.parent, []).append(message.id)
        return found

    def find(self, message: int) -> Message:
        """Return the message of that id; raises KeyError."""
        return self._known[message]

    def plus(self, message: Message) -> Conversation:
        """Return the conversation with ``message`` at the end of the branch shown."""
        message = replace(message, parent=self.leaf)
        title = self.title or (title_of(message.text) if message.role == "user" else "")
        return replace(self, tree=(*self.tree, message), leaf=message.id, title=title)

    def with_message(self, message: Message) -> Conversation:
        """Return the conversation with ``message`` in place of the one of the same id."""
        return replace(self, tree=tuple(message if old.id == message.id else old for old in self.tree))

    def shared_with(self, other: Conversation) -> int:
        """Return how many messages, from the first on, the branch shown has in common with that of ``other``."""
        pairs = zip(self.messages, other.messages, strict=False)
        most = min(len(self.messages), len(other.messages))
        return next((at for at, (a, b) in enumerate(pairs) if a.id != b.id), most)

    def back_to(self, message: int | None) -> Conversation:
        """Return the conversation with the branch shown ending at ``message``; None: before the first one."""
        return replace(self, leaf=message)

    def showing(self, message: int) -> Conversation:
        """Return the conversation showing the newest branch that holds ``message``."""
        passed: set[int] = set()
        while message not in passed and (children := self._children.get(message)):
            passed.add(message)
            message = children[-1]
        return replace(self, leaf=message)

    def versions(self, message: int) -> tuple[int, ...]:
        """Return the alternative versions of ``message``, oldest first."""
        return tuple(self._children[self._known[message].parent])

    def below(self, message: int) -> tuple[int, ...]:
        """Return ``message`` and all that follows from it."""
        found, open_ = dict[int, None](), [message]
        while open_:
            following = open_.pop()
            if following not in found:
                found[following] = None
                open_ += self._children.get(following, [])
        return tuple(found)

    def without(self, message: int) -> Conversation:
        """Return the conversation without ``message`` and all that follows from it; a neighbour version is shown."""
        gone = set(self.below(message))
        others = self.versions(message)
        at = others.index(message)
        left = replace(self, tree=tuple(m for m in self.tree if m.id not in gone))
        if self.leaf not in gone:
            return left
        if len(others) > 1:
            return left.showing(others[at - 1] if at else others[1])
        return left.back_to(self._known[message].parent)

    def turns(self, starts: Container[int] = ()) -> tuple[tuple[str, str], ...]:
        """Return (role, text) pairs, the system's first, with alternating roles: a question left unanswered joins the
        one after it. What stands before the last message of ``starts`` is left out."""
        said = tuple((turn[0].role, "\n\n".join(m.text for m in turn)) for turn in self._turns(starts))
        return ((("system", self.chat_settings.system),) if self.chat_settings.system else ()) + said

    def start_after(self, surplus: int, starts: Container[int] = ()) -> int | None:
        """Return the message ``turns`` would begin with if the oldest ``surplus`` were left out, if any."""
        turns = self._turns(starts)
        return turns[surplus][0].id if surplus < len(turns) else None

    @property
    def told_from(self) -> int | None:
        """The message the model's view began with for the last answer of the branch shown; None: with the first."""
        return next((message.told_from for message in reversed(self.messages) if message.role == "assistant"), None)

    @property
    def model(self) -> str | None:
        """Return the name of the model that wrote last in this conversation; None if unknown."""
        named = (message.model for message in reversed(self.tree) if message.model)
        return next((name.rpartition(THEN)[2] for name in named), None)

    def unread(self, answer: int) -> int:
        """Return how many of the branch's oldest messages were left out of the prompt for ``answer``."""
        first = self._known[answer].told_from
        if first is None:
            return 0
        ids = [message.id for message in self._up(answer)][::-1]
        return ids.index(first) if first in ids else 0

    def first_told(self, starts: Container[int]) -> int | None:
        """Return the last message of ``starts`` on the branch shown: where the model's view of it begins."""
        return next((message.id for message in reversed(self.messages) if message.id in starts), None)

    def _turns(self, starts: Container[int]) -> list[list[Message]]:
        first = self.first_told(starts)
        turns: list[list[Message]] = []
        for message in self.messages:
            if message.id == first:
                turns.clear()
            if turns and turns[-1][0].role == message.role:
                turns[-1].append(message)
            else:
                turns.append([message])
        return turns

    def _up(self, message: int | None) -> Iterator[Message]:
        """Yield ``message`` and its ancestors; stop where a damaged file made them a circle."""
        passed: set[int] = set()
        while message is not None and message not in passed:
            passed.add(message)
            found = self._known[message]
            yield found
            message = found.parent
