"""An answer as flowing text with a line under it that says how it is going."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.conversation import Outcome
from app.palette import Palette
from app.speculation import wording
from app.speculation.marked import MarkedText
from app.speculation.tally import Tally
from app.typeface import tabular
from engine.events import Drafting, Event, Finished, Loading, Prefill, Round, Started, Token

GAP = "\u2003"


class Answer(QWidget):
    """One answer, growing or complete."""

    def __init__(self, palette: Palette, *, marked: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = MarkedText(palette, marked=marked)
        self.text.setAccessibleName("Answer")
        self.status = QLabel("waiting for the model")
        self.status.setObjectName("status")
        self.status.setFont(tabular(self.status.font()))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        rows.addWidget(self.text)
        rows.addWidget(self.status)

    def advance(self, events: Sequence[Event], tally: Tally) -> None:
        """Take in ``events``, which ``tally`` has counted, in one edit of the text."""
        settled: list[Token] = []
        pending: tuple[Token, ...] = ()
        changed = False
        for event in events:
            match event:
                case Started():
                    self.text.begin(event.levels)
                case Drafting():
                    pending, changed = event.tokens, True
                case Round():
                    settled += event.tokens
                    pending, changed = (), True
        if changed:
            self.text.advance(settled, pending)
        match events[-1]:
            case Finished(text=text):
                self.text.trim(text)
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
        """Close the answer: the draft in progress is dropped and the line says how it ended."""
        self.text.advance((), ())
        first = {"finished": (), "stopped": ("stopped",), "failed": ("cut short by an error",)}[outcome]
        self._say(*first, *wording.ending(tally), *wording.line(tally))

    def _say(self, *parts: str) -> None:
        self.status.setText(GAP.join(parts))
