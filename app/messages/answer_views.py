"""The two views of an answer, as text to read and as a trace of its tokens, and the trace of an earlier moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QRect, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ink.text_view import TextView
from app.ink.trace import Trace
from app.log.ledger import Ledger
from app.look.palette import Palette
from app.messages.clipboard import copy_answer
from app.reading.reading import Reading

View = Literal["reading", "trace"]
SLICE = 500  # tokens of a trace written at a time where nobody waits for it


@dataclass(frozen=True, slots=True)
class AnswerStyle:
    """How answers look: ``marked`` is for the Reading view alone, a trace is made of marks.

    ``moving``: marks fade in. ``technical``: levels go by their technical names.
    """

    palette: Palette
    marked: bool = True
    moving: bool = True
    technical: bool = False


class AnswerViews(QWidget):
    """Shows a ledger in one of two views. It writes a view only once that is shown, and brings it up to date then.

    ``reached`` says where in which text the reader's cursor went; ``token_chosen`` the index in ``ledger`` of a
    token chosen in the trace. A complete answer can show an earlier moment of itself: see ``perform``.
    """

    reached = Signal(object, QRect)  # TextView
    token_chosen = Signal(int)

    def __init__(self, style: AnswerStyle, view: View) -> None:
        super().__init__()
        self._style, self._view = style, view
        self._over = False  # the answer is complete
        self._reading: Reading | None = None
        self._trace: Trace | None = None
        self._performed: Trace | None = None  # in place of the views, while an earlier moment is shown
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(6)

    @property
    def ledger(self) -> Ledger:
        """The log, token by token."""
        raise NotImplementedError

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
            self._reading = Reading(self.ledger, self._style.palette, marked=self._style.marked)
            self._reading.set_motion(self._style.moving)
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
    def texts(self) -> list[TextView]:
        """The texts shown, in reading order."""
        if not self.written:
            return []
        if self._performed is not None:
            return [self._performed]
        return [self.trace] if self._view == "trace" else [*self.reading.sheets]

    def perform(self, ledger: Ledger, *, anew: bool = False) -> None:
        """Show the trace of ``ledger``, the log of an earlier moment of this answer, in the room the answer takes.

        Shows what it has gained or lost since; ``anew``: its last tokens are no longer what they were.
        """
        if self._performed is None:
            self.setMinimumHeight(self.height())  # what is below stays in place
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

    def dress(self, style: AnswerStyle) -> None:
        """Look as ``style`` says."""
        before, self._style = self._style, style
        if style.palette != before.palette:
            self._repaint(style.palette)
        if self._reading is not None and style.marked != before.marked:
            self._reading.show_marks(style.marked)
        for view in (self._reading, self._trace, self._performed):
            if view is not None and style.moving != before.moving:
                view.set_motion(style.moving)
            if isinstance(view, Trace) and style.technical != before.technical:
                view.show_technical(style.technical)

    def offset_of(self, y: int) -> int:
        """Return how many tokens of the answer come before the line at ``y``."""
        shown = self._current()
        return shown.offset_of(y - shown.y()) if shown is not None else 0

    def y_of(self, offset: int) -> int:
        """Return the y of the line that token ``offset`` is on: the inverse of ``offset_of``."""
        shown = self._current()
        return round(shown.y() + shown.y_of(offset)) if shown is not None else 0

    def _make_trace(self, ledger: Ledger, name: str) -> Trace:
        trace = Trace(ledger, self._style.palette)
        trace.setAccessibleName(name)
        trace.set_motion(self._style.moving)
        trace.show_technical(self._style.technical)
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

    def _repaint(self, palette: Palette) -> None:
        """Take on new colours; the view that is not shown is made again once it is wanted."""
        if self._performed is not None:
            self._performed.set_palette(palette)
        if (shown := self._current()) is not None:
            self._drop_views(but=shown)
            shown.set_palette(palette)

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
