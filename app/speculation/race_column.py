"""One side of a race: the text as it is written, who wrote each token, a clock and the speed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCharFormat
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.ink.marks import GHOSTS, Mark
from app.ink.token_text import TokenText
from app.log.ledger import Ledger
from app.look.label import Label
from app.look.palette import Palette
from app.look.typeface import tabular
from engine import words
from engine.tally import Tally

NEAR = 4  # pixels from the end, within which it is followed


class RaceColumn(QFrame):
    """Shows a reply called ``title``; ``note`` says in a few words what it is."""

    def __init__(self, title: str, note: str, palette: Palette, *, moving: bool) -> None:
        super().__init__()
        self.setObjectName("lane")
        self.setAccessibleName(title)
        self._name, self._palette, self._moving = title, palette, moving
        self._ledger = Ledger()
        self.text: RaceText | None = None
        self.heading = _label(title, "cardTitle")
        self.note = _label(note, "small")
        self.run = Run()
        self.clock, self.pace = _label("–", "code"), _label("", "small")
        self.state = _label("", "small")
        self._arrange()
        self.show_moment(self._ledger, Tally(), 0.0)

    def show_moment(self, ledger: Ledger, tally: Tally, seconds: float, *, anew: bool = False) -> None:
        """Show ``ledger`` and ``tally`` as they stand after ``seconds``.

        ``anew``: the last tokens are no longer what they were.
        """
        if self.text is None or ledger is not self._ledger:
            self._ledger = ledger
            self._renew()
        elif anew:
            self.text.rebuild()
        if self.text is not None:
            self.text.catch_up()
        end = tally.finished
        self.clock.setText(words.seconds(end.seconds if end is not None else seconds))
        pace = tally.average if end is not None or not seconds else tally.tokens / seconds
        self.pace.setText(f"{words.tokens(tally.tokens)} · {words.pace(pace)} tokens/s" if pace else "")
        if end is not None:
            cut = {"length": f"cut after {words.tokens(end.tokens)}", "context": "the context is full"}
            self.say(cut.get(end.reason, "finished"))

    def say(self, state: str) -> None:
        """Say how the reply is going."""
        self.state.setText(state)

    def set_palette(self, palette: Palette) -> None:
        """Take on other colours."""
        self._palette = palette
        if self.text is not None:
            self.text.set_palette(palette)

    def _renew(self) -> None:
        """Begin a text for another ledger."""
        self.text = RaceText(self._ledger, self._palette)
        self.text.setAccessibleName(f"Answer of {self._name}")
        self.text.set_motion(self._moving)
        self.run.show_text(self.text)

    def _arrange(self) -> None:
        self.clock.setFont(tabular(self.clock.font()))
        self.pace.setFont(tabular(self.pace.font()))
        rows, head, foot = QVBoxLayout(self), QHBoxLayout(), QGridLayout()
        rows.setContentsMargins(14, 12, 14, 12)
        rows.setSpacing(8)
        head.setSpacing(8)
        head.addWidget(self.heading)
        head.addWidget(self.note, 1)
        foot.setSpacing(2)
        foot.setColumnStretch(0, 1)
        foot.addWidget(self.clock, 0, 0)
        foot.addWidget(self.state, 0, 1, Qt.AlignmentFlag.AlignRight)
        foot.addWidget(self.pace, 1, 0, 1, 2)
        rows.addLayout(head)
        rows.addWidget(self.run, 1)
        rows.addLayout(foot)


class RaceText(TokenText):
    """Shows the tokens of a reply without those that were rejected: the words of both sides stand alike."""

    def _pieces(self, text: str, mark: Mark) -> Sequence[tuple[str, QTextCharFormat]]:
        """See TokenText."""
        return () if mark in GHOSTS else super()._pieces(text, mark)


class Run(QScrollArea):
    """Scrolls a text, and keeps its growing end in view while the reader is there."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("run")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._following = True
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._moved)
        bar.rangeChanged.connect(self._grown)

    def show_text(self, text: QWidget) -> None:
        """Show ``text`` in place of the one before, from its end."""
        body = QWidget()
        body.setObjectName("run")
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 4, 6, 4)
        rows.addWidget(text)
        rows.addStretch(1)
        self.setWidget(body)
        self._following = True  # whatever the bar did meanwhile

    def _moved(self, value: int) -> None:
        self._following = value >= self.verticalScrollBar().maximum() - NEAR

    def _grown(self, _low: int, high: int) -> None:
        if self._following:
            self.verticalScrollBar().setValue(high)


def _label(text: str, name: str) -> Label:
    made = Label(text)
    made.setObjectName(name)
    return made
