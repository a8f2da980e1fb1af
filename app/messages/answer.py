"""An answer in two views, as text to read and as a trace of its tokens, with a line below that says how it is going."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from PySide6.QtCore import QRect, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.conversations.conversation import Outcome
from app.look.palette import Palette
from app.look.typeface import tabular
from app.messages.herald import Herald
from app.reading.reading import Reading
from app.speculation import wording
from app.speculation.ledger import Ledger
from app.speculation.prose import Prose
from app.speculation.tally import Tally
from app.speculation.trace import Trace
from engine.events import Drafting, Event, Loading, Prefill, Round

View = Literal["reading", "trace"]
SLICE = 1500  # tokens of a trace written at a time where nobody waits for it
GAP = "\u2003"
LETTERS, LINE = 88, 23  # of a line and pixels high, for an answer whose lines nobody has counted yet


class Answer(QWidget):
    """One answer, growing or complete. It writes a view only once that is shown, and brings it up to date then.

    ``reached`` tells where in which text the reader's cursor went; ``token_chosen`` the index in ``ledger`` of a
    token chosen in the trace.
    """

    reached = Signal(object, QRect)  # Prose
    token_chosen = Signal(int)

    def __init__(self, palette: Palette, *, marked: bool, view: View = "reading", moving: bool = True) -> None:
        super().__init__()
        self.ledger, self.tally = Ledger(), Tally()
        self._palette, self._marked, self._moving = palette, marked, moving
        self._view, self._over = view, False
        self._reading: Reading | None = None
        self._trace: Trace | None = None
        self._herald = Herald(self)
        self.status = QLabel("waiting for the model")
        self.status.setObjectName("status")
        self.status.setFont(tabular(self.status.font()))
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(6)
        self._rows.addWidget(self.status)
        self._rows.addStretch(1)

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
            trace = self._trace = Trace(self.ledger, self._palette)
            trace.setAccessibleName("Trace of the answer")
            trace.set_motion(self._moving)
            trace.reached.connect(lambda spot: self.reached.emit(trace, spot))
            trace.chosen.connect(self.token_chosen)
            self._add(trace, shown=self._view == "trace")
        return self._trace

    @property
    def texts(self) -> list[Prose]:
        """The texts shown, in reading order."""
        if not self.written:
            return []
        return [self.trace] if self._view == "trace" else [*self.reading.sheets]

    def source(self) -> str:
        """Return the answer as the model wrote it."""
        return self.ledger.text

    def load(self, text: str, events: Iterable[Event], outcome: Outcome) -> None:
        """Hold a complete answer; of one without ``events`` only its ``text`` is known."""
        known = list(events)
        self.ledger = Ledger()
        self.tally = Tally()
        if any(isinstance(event, Round) for event in known):
            self.ledger.add(known)
            self.tally.add(known)
        else:
            self.ledger.become(text)
        self._over = True
        self._drop_views()
        self.setMinimumHeight(LINE * (2 + len(text) // LETTERS + text.count("\n") // 2))
        self._say_ended(outcome)

    def resume(self) -> None:
        """Let a complete answer grow again."""
        self._over = False
        self.show_view(self._view)

    def advance(self, events: Sequence[Event], tally: Tally) -> None:
        """Take in ``events``, which ``tally`` has counted, in one edit of the view shown."""
        self.tally = tally
        known = len(self.ledger.tokens)
        shortened = self.ledger.add(events)
        if shortened:
            self._rebuild()
        elif any(isinstance(event, Drafting | Round) for event in events):
            self.show_view(self._view)
        self._herald.tell("".join(token.text for token in self.ledger.tokens[known:] if not token.ghost))
        match events[-1]:
            case Loading():
                self._say(wording.loading(events[-1]))
            case Prefill():
                self._say(wording.reading(events[-1]))
            case _:
                self._say("drafting…" if not tally.plain else "writing…", *wording.line(tally))

    def say_stopping(self, tally: Tally) -> None:
        """Say that the answer is about to end."""
        self._say("stopping…", *wording.line(tally))

    def end(self, outcome: Outcome, tally: Tally) -> None:
        """Close the answer: the draft in progress is dropped, the text typeset, and the line says how it ended."""
        self.tally, self._over = tally, True
        self.ledger.pending = ()
        self.show_view(self._view)
        self._say_ended(outcome)
        self._herald.end(*({"stopped": ("Stopped.",), "failed": ("Cut short by an error.",)}.get(outcome, ())))

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
                widget.setVisible(shown)

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
        if self._view == "trace" and self.written:
            self.trace.pick(indices)

    def show_marks(self, marked: bool) -> None:
        """Show or hide the marks of the Reading view; the trace is made of them."""
        self._marked = marked
        if self._reading is not None:
            self._reading.show_marks(marked)

    def set_motion(self, moving: bool) -> None:
        """Let marks fade in, or appear at once."""
        self._moving = moving
        for view in (self._reading, self._trace):
            if view is not None:
                view.set_motion(moving)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
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

    def _say_ended(self, outcome: Outcome) -> None:
        first = {"stopped": ("stopped",), "failed": ("cut short by an error",), "cut": ("cut short",)}.get(outcome, ())
        self._say(*first, *wording.ending(self.tally), *wording.line(self.tally))

    def _say(self, *parts: str) -> None:
        self.status.setText(GAP.join(parts))
