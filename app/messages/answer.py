"""An answer in two views, as text to read and as a trace of its tokens, with a line below that says how it is going."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from PySide6.QtCore import QRect, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.conversations.conversation import Outcome
from app.ink.text_view import TextView
from app.ink.trace import Trace
from app.log import wording
from app.log.ledger import Ledger
from app.look.palette import Palette
from app.messages.announcer import Announcer
from app.messages.clipboard import copy_answer
from app.messages.status_line import GAP, StatusLine
from app.reading.reading import Reading
from engine.events import Drafting, Event, Loading, Prefill, Round
from engine.tally import Tally

View = Literal["reading", "trace"]
SLICE = 500  # tokens of a trace written at a time where nobody waits for it
LETTERS, LINE = 88, 23  # of a line and pixels high, for an answer whose lines nobody has counted yet


class Answer(QWidget):
    """One answer, growing or complete. It writes a view only once that is shown, and brings it up to date then.

    ``reached`` tells where in which text the reader's cursor went; ``token_chosen`` the index in ``ledger`` of a
    token chosen in the trace. A complete answer can show an earlier moment of itself: see ``perform``.
    """

    reached = Signal(object, QRect)  # TextView
    token_chosen = Signal(int)

    def __init__(
        self,
        palette: Palette,
        *,
        marked: bool,
        view: View = "reading",
        moving: bool = True,
        technical: bool = False,
    ) -> None:
        super().__init__()
        self._ledger, self._tally = Ledger(), Tally()
        self._loaded: tuple[str, Sequence[Event]] | None = None  # a text and its log that nobody has counted yet
        self._palette, self._marked, self._moving, self._technical = palette, marked, moving, technical
        self._view, self._over = view, False
        self._outcome: Outcome = "finished"
        self._model: str | None = None
        self._reading: Reading | None = None
        self._trace: Trace | None = None
        self._performed: Trace | None = None  # in place of the views, while an earlier moment is shown
        self._announcer = Announcer(self)
        self.status = StatusLine("waiting for the model")
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(6)
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
    def view(self) -> View:
        """The view shown, or to be shown once there is something to show."""
        return self._view

    @property
    def written(self) -> bool:
        """True once the view is in the document: before that, only its height is guessed."""
        return self._current() is not None

    def behind(self, view: View) -> bool:
        """Tell whether ``view`` is not what is shown, or a complete answer is not shown at all yet."""
        return self._view != view or (self._over and not self.written)

    @property
    def reading(self) -> Reading:
        """The Reading view, made if need be."""
        if self._reading is None:
            self._reading = Reading(self.ledger, self._palette, marked=self._marked)
            self._reading.set_motion(self._moving)
            self._reading.reached.connect(self.reached)
            self._reading.completed.connect(lambda: self.setMinimumHeight(0))
            self._add(self._reading, shown=self._view == "reading")
        return self._reading

    @property
    def trace(self) -> Trace:
        """The Trace view, made if need be."""
        if self._trace is None:
            self._trace = self._make_trace(self.ledger, "Trace of the answer")
            self._add(self._trace, shown=self._view == "trace")
        return self._trace

    @property
    def replayable(self) -> bool:
        """True for a complete answer whose rounds are known."""
        return self._over and any(round_.seconds for round_ in self.ledger.rounds)

    @property
    def lost(self) -> bool:
        """True for a complete answer that plain decoding would have given sooner, beyond doubt."""
        return self._over and self.tally.factor is not None and self.tally.factor.slower

    @property
    def texts(self) -> list[TextView]:
        """The texts shown, in reading order."""
        if not self.written:
            return []
        if self._performed is not None:
            return [self._performed]
        return [self.trace] if self._view == "trace" else [*self.reading.sheets]

    def source(self) -> str:
        """Return the answer as the model wrote it."""
        return self.ledger.text

    def perform(self, ledger: Ledger, *, anew: bool = False) -> None:
        """Show the trace of ``ledger``, the log of an earlier moment of this answer, in the room the answer takes.

        Shows what it has gained or lost since; ``anew``: its last tokens are no longer what they were.
        """
        if self._performed is None:
            self.setMinimumHeight(self.height())  # what stands below stays in place
            self._performed = self._make_trace(ledger, "Replay of the answer")
            self._add(self._performed, shown=True)
            for view in (self._reading, self._trace):
                if view is not None:
                    view.hide()
        if anew:
            self._performed.rebuild()
        self._performed.catch_up()
        self.reached.emit(self._performed, self._performed.end)

    def finish(self) -> None:
        """Show the whole answer again."""
        if self._performed is not None:
            self._rows.removeWidget(self._performed)
            self._performed.hide()
            self._performed.deleteLater()
            self._performed = None
            self.setMinimumHeight(0)
            self.show_view(self._view)
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
        """Hold a complete answer; of one without ``events`` only its ``text`` is known.

        It is counted and written once somebody wants to know.
        """
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
                self.status.say("drafting…" if not tally.plain else "writing…", *wording.line(tally))

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

    def show_view(self, view: View) -> None:
        """Show ``view``, up to date with all that has arrived."""
        self._view = view
        if view == "trace":
            self.trace.catch_up()
        else:
            self.reading.catch_up(final=self._over)
        if view == "trace" or self.reading.complete:
            self.setMinimumHeight(0)
        else:  # what is typeset in slices takes its place from the beginning
            self.setMinimumHeight(max(self.minimumHeight(), self.height()))
        for widget, shown in ((self._reading, view == "reading"), (self._trace, view == "trace")):
            if widget is not None:
                widget.setVisible(shown and self._performed is None)

    def prepare(self) -> bool:
        """Write a little more of the view that is not shown, so that it is there once wanted; False if all is."""
        if not self.written or (self._view == "trace" and not self._over):
            return False  # what is read while it is written is not typeset twice
        if self._view == "reading":
            self.trace.lay_out(self.width())
            self.trace.catch_up(SLICE)
            return self.trace.behind
        self.reading.lay_out(self.width())
        self.reading.catch_up(final=True)
        return False

    def pick(self, indices: Sequence[int]) -> None:
        """Outline tokens of the ledger in the trace."""
        if self._performed is not None:
            self._performed.pick(index for index in indices if index < self._performed.settled)
        elif self._view == "trace" and self.written:
            self.trace.pick(indices)

    def show_marks(self, marked: bool) -> None:
        """Show or hide the marks of the Reading view; the trace is made of them."""
        self._marked = marked
        if self._reading is not None:
            self._reading.show_marks(marked)

    def show_technical(self, technical: bool) -> None:
        """Call the levels by their ``technical`` names on a token's card, or by plain ones."""
        self._technical = technical
        for trace in (self._trace, self._performed):
            if trace is not None:
                trace.show_technical(technical)

    def set_motion(self, moving: bool) -> None:
        """Let marks fade in, or appear at once."""
        self._moving = moving
        for view in (self._reading, self._trace, self._performed):
            if view is not None:
                view.set_motion(moving)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        if self._performed is not None:
            self._performed.set_palette(palette)
        if (shown := self._current()) is not None:
            self._drop_views(but=shown)
            shown.set_palette(palette)

    def offset_of(self, y: int) -> int:
        """Return how many tokens of the answer stand before the line at ``y``."""
        shown = self._current()
        return shown.offset_of(y - shown.y()) if shown is not None else 0

    def y_of(self, offset: int) -> int:
        """Invert ``offset_of``."""
        shown = self._current()
        return round(shown.y() + shown.y_of(offset)) if shown is not None else 0

    def _make_trace(self, ledger: Ledger, name: str) -> Trace:
        trace = Trace(ledger, self._palette)
        trace.setAccessibleName(name)
        trace.set_motion(self._moving)
        trace.show_technical(self._technical)
        trace.reached.connect(lambda spot: self.reached.emit(trace, spot))
        trace.chosen.connect(self.token_chosen)
        trace.copy_wanted.connect(lambda: copy_answer(ledger.text))
        return trace

    def _add(self, view: Reading | Trace, *, shown: bool) -> None:
        view.lay_out(self.width())
        self._rows.insertWidget(0, view)
        view.setVisible(shown)

    def _current(self) -> Reading | Trace | None:
        return self._trace if self._view == "trace" else self._reading

    def _rebuild(self) -> None:
        """Write the views anew: the answer ended before what they show."""
        if self._reading is not None:
            self._reading.rebuild()
        if self._trace is not None:
            self._trace.rebuild()
        self.show_view(self._view)

    def _drop_views(self, but: Reading | Trace | None = None) -> None:
        """Take the views away, all or all ``but`` one; they are made again when they are wanted."""
        for view in (self._reading, self._trace):
            if view is not None and view is not but:
                self._rows.removeWidget(view)
                view.hide()
                view.deleteLater()
        self._reading = self._reading if self._reading is but else None
        self._trace = self._trace if self._trace is but else None

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
    """Return about how many pixels high ``text`` will stand."""
    return LINE * (2 + len(text) // LETTERS + text.count("\n") // 2)
