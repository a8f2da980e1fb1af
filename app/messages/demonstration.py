"""Shows a first answer at the very first start, and explains each kind of mark in it with a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.ink.marks import Mark, mark_of
from app.look.announce import announce
from app.look.label import Label, label
from app.look.palette import Palette
from app.look.quiet_button import QuietButton
from app.messages.answer import Answer
from app.messages.answer_views import AnswerStyle
from app.messages.question import Question
from app.speculation.legend import Sample
from engine.events import Event
from engine.tally import Tally

TITLE = "This is how answers are made here"
CAPTIONS = {  # the word shown with its mark, and what it says
    Mark.DRAFTED: ("guessed", "Green: a small model guessed ahead, and was right."),
    Mark.REJECTED: ("wrong", "Red, crossed out: it guessed wrong. What follows takes its place."),
    Mark.WRITTEN: ("written", "Blue line: the big model wrote this itself."),
}


class Demonstration(QWidget):
    """Shows ``question`` and the trace of the answer of ``model`` as it grows; ``explain`` adds a sentence about it.

    ``skipped``: the reader wants to go on.
    """

    skipped = Signal()

    def __init__(self, question: str, model: str, palette: Palette, *, moving: bool) -> None:
        super().__init__()
        self.setAccessibleName(TITLE)
        self._style = AnswerStyle(palette, moving=moving)
        self.answer = Answer(self._style, "trace")
        self.answer.show_model(model)
        self.captions = {mark: (Sample(mark, word, palette), Label(said)) for mark, (word, said) in CAPTIONS.items()}
        self.skip = QuietButton("Skip", "quiet", tip="Esc, a click or typing does so, too")
        self.skip.clicked.connect(self.skipped)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(label(TITLE, "headline"), 1)
        head.addWidget(self.skip, 0, Qt.AlignmentFlag.AlignTop)
        rows.addLayout(head)
        rows.addWidget(Question(question))
        rows.addWidget(self.answer)
        rows.addLayout(self._explanations())
        rows.addStretch(1)
        announce(self, f"{TITLE}. A first question, asked by itself: {question}")

    def advance(self, events: Sequence[Event], tally: Tally) -> None:
        """Let the answer grow by ``events``."""
        self.answer.advance(events, tally)

    def explain(self, *, complete: bool) -> bool:
        """Explain the next kind of mark; False if there is nothing to explain now. ``complete``: nothing more comes.

        Until then a kind that is not there yet is waited for, so that the sentences keep their order.
        """
        ledger = self.answer.ledger
        there = {mark_of(token, ledger.levels) for token in ledger.tokens}
        waiting = [mark for mark, (_, sentence) in self.captions.items() if sentence.isHidden()]
        mark = next((mark for mark in waiting if mark in there or not complete), None)
        if mark is None or mark not in there:
            return False
        for widget in self.captions[mark]:
            widget.show()
        announce(self, self.captions[mark][1].text())
        return True

    def set_palette(self, palette: Palette) -> None:
        """Repaint the answer and the samples in the colours of ``palette``."""
        self.answer.dress(replace(self._style, palette=palette))
        for sample, _ in self.captions.values():
            sample.set_palette(palette)

    def _explanations(self) -> QGridLayout:
        """Lay the sentences out below each other, in room that is kept while they wait."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row, (sample, sentence) in enumerate(self.captions.values()):
            sentence.setWordWrap(True)
            for column, widget in enumerate((sample, sentence)):
                kept = widget.sizePolicy()
                kept.setRetainSizeWhenHidden(True)
                widget.setSizePolicy(kept)
                widget.hide()
                grid.addWidget(widget, row, column)
        return grid
