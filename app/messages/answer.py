"""An answer of the conversation: it grows with a reply's events, and a line below says how it is going."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.conversations.conversation import Outcome
from app.log import wording
from app.log.ledger import Ledger
from app.messages.announcer import Announcer
from app.messages.answer_views import AnswerStyle, AnswerViews, View
from app.messages.status_line import GAP, StatusLine
from engine.events import Drafting, Event, Loading, Prefill, Round
from engine.tally import Tally

LETTERS, LINE = 88, 23  # of a line and pixels high, for an answer whose lines nobody has counted yet


class Answer(AnswerViews):
    """One answer, growing or complete. The log of a complete one is counted only when it is first asked for."""

    def __init__(self, style: AnswerStyle, view: View = "reading") -> None:
        super().__init__(style, view)
        self._ledger, self._tally = Ledger(), Tally()
        self._loaded: tuple[str, Sequence[Event]] | None = None  # a text and its log that nobody has counted yet
        self._outcome: Outcome = "finished"
        self._model: str | None = None
        self._announcer = Announcer(self)
        self.status = StatusLine("waiting for the model")
        self._rows.addWidget(self.status)
        self._rows.addStretch(1)

    @property
    def ledger(self) -> Ledger:
        """The log, token by token."""
        self._count()
        return self._ledger

    @property
    def tally(self) -> Tally:
        """The counts of the log."""
        self._count()
        return self._tally

    @property
    def replayable(self) -> bool:
        """True for a complete answer whose rounds are known."""
        return self._over and any(round_.seconds for round_ in self.ledger.rounds)

    @property
    def lost(self) -> bool:
        """True for a complete answer that plain decoding would have given sooner, beyond doubt."""
        return self._over and self.tally.factor is not None and self.tally.factor.slower

    def source(self) -> str:
        """Return the answer as the model wrote it."""
        return self.ledger.text

    def finish(self) -> None:
        """Show the whole answer again, after a replay."""
        if self._performed is not None:
            super().finish()
            self._say_ended(self._outcome)

    def say_replay(self, place: str, tally: Tally) -> None:
        """Say that an earlier moment is shown, and what was counted up to it."""
        self.status.say("replay", place, *wording.line(tally))

    def show_model(self, name: str | None) -> None:
        """Say which model wrote the answer, None where nobody knows."""
        if name != self._model:
            self._model = name
            if self._over and self._loaded is None and self._performed is None:
                self._say_ended(self._outcome)

    def load(self, text: str, events: Iterable[Event], outcome: Outcome) -> None:
        """Load a complete answer; without ``events`` only its ``text`` is known."""
        self._loaded = text, list(events)
        self._over, self._outcome = True, outcome
        self._drop_views()
        self.setMinimumHeight(guessed_height(text))
        self.status.say(GAP)  # the line keeps its place

    def resume(self) -> None:
        """Let a complete answer grow again."""
        self._over = False
        self.show_view(self._view)

    def advance(self, events: Sequence[Event], tally: Tally) -> None:
        """Take in ``events``, which ``tally`` has counted, in one edit of the view shown."""
        self._tally = tally
        known = len(self.ledger.tokens)
        shortened = self.ledger.add(events)
        if shortened:
            self._rebuild()
        elif any(isinstance(event, Drafting | Round) for event in events):
            self.show_view(self._view)
        self._announcer.tell("".join(token.text for token in self.ledger.tokens[known:] if not token.ghost))
        match events[-1]:
            case Loading():
                self.status.say(wording.loading(events[-1]))
            case Prefill():
                self.status.say(wording.reading(events[-1]))
            case _:
                ahead = "drafting…" if self._style.technical else "guessing…"
                self.status.say("writing…" if tally.plain else ahead, *wording.line(tally))

    def say_stopping(self, tally: Tally) -> None:
        """Say that the answer is about to end."""
        self.status.say("stopping…", *wording.line(tally))

    def end(self, outcome: Outcome, tally: Tally) -> None:
        """Close the answer: the draft in progress is dropped, the text typeset, and the line says how it ended."""
        self._tally, self._over, self._outcome = tally, True, outcome
        self.ledger.pending = ()
        self.show_view(self._view)
        self._say_ended(outcome)
        self._announcer.end(*({"stopped": ("Stopped.",), "failed": ("Cut short by an error.",)}.get(outcome, ())))

    def _count(self) -> None:
        """Count what was loaded, unless that is done."""
        if self._loaded is None:
            return
        (text, events), self._loaded = self._loaded, None
        self._ledger, self._tally = Ledger(), Tally()
        if any(isinstance(event, Round) for event in events):
            self._ledger.add(events)
            self._tally.add(events)
        else:
            self._ledger.become(text)
        self._say_ended(self._outcome)

    def _say_ended(self, outcome: Outcome) -> None:
        first = {"stopped": ("stopped",), "failed": ("cut short by an error",), "cut": ("cut short",)}.get(outcome, ())
        written = (self._model,) if self._model else ()
        self.status.say(*first, *written, *wording.ending(self.tally), *wording.line(self.tally))


def guessed_height(text: str) -> int:
    """Return about how many pixels high ``text`` will be."""
    return LINE * (2 + len(text) // LETTERS + text.count("\n") // 2)
