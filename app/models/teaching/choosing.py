"""What a model is to be taught, for how long and from which questions, before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.look.label import Label
from app.models.page_parts import button, note, paragraph, row_of, small
from app.models.teaching.order import Order, known
from app.models.teaching.progress import NO_ROOM
from app.notices import Alert
from app.threads.failure import Failure
from engine import words
from engine.teaching.home import Begun
from engine.teaching.offered import OFFERED, Offered

WHAT = (
    "A drafter is small and quick: it guesses the next words, and the model checks several guesses at once. Where "
    "enough of them are right answers come sooner, and they stay exactly the model's own. It learns here, from answers "
    "that the model writes for it; nothing leaves this computer."
)
AFTER = (
    "It works in the background and waits while an answer is written. At the end it is tried against what there was "
    "before, and kept only if answers come faster."
)
OWN = (
    "They are read on this computer only and never leave it. What the course keeps of them is deleted at its end; what "
    "the drafter has learnt by them stays in it."
)
MINUTES: Mapping[int, str] = {
    10: "10 minutes",
    30: "30 minutes",
    60: "1 hour",
    120: "2 hours",
    240: "4 hours",
    480: "8 hours",
}
USUAL = 30


class Choosing(QWidget):
    """Asks all that for one model. ``begin_wanted``: as chosen; ``resume_wanted``: the course that was left.

    ``begin`` is the button for the former; it belongs below.
    """

    begin_wanted = Signal()
    resume_wanted = Signal()
    unload_wanted = Signal()  # so that there is memory to teach in
    unlearn_wanted = Signal(str)  # the role of a drafter that was taught here

    def __init__(self) -> None:
        super().__init__()
        self._order: Order | None = None
        self._left: Begun | None = None
        self.alert, self.unload = Alert(), button("Unload the chat's model and try again")
        self.left_card, self.left, self.resume = QFrame(), paragraph(), button("Go on with it")
        self.taught = QVBoxLayout()
        self.cards = {name: KindCard(offered) for name, offered in OFFERED.items()}
        self._kinds = QButtonGroup(self)
        for card in self.cards.values():
            self._kinds.addButton(card.choice)
        self.minutes = _MinutesBox()
        self.own, self.own_note = QCheckBox(), small(OWN)
        self.further = QCheckBox()
        self.begin = button("Teach it")
        self._lay_out()
        self.begin.clicked.connect(self.begin_wanted)
        self.resume.clicked.connect(self.resume_wanted)
        self.unload.clicked.connect(self.unload_wanted)
        self._kinds.buttonToggled.connect(lambda *_: self._show_known())
        self.cards[next(iter(OFFERED))].choice.setChecked(True)

    @property
    def what(self) -> str:
        """The kind picked."""
        return next(name for name, card in self.cards.items() if card.choice.isChecked())

    def show_model(self, order: Order, left: Begun | None) -> None:
        """Ask for the model of ``order``; ``left``: its course that was begun and is not over."""
        self._order, self._left = order, left
        self.left_card.setVisible(left is not None)
        if left is not None:
            spent, whole = (words.duration(60 * each) for each in (left.spent, left.asked.minutes))
            title = OFFERED[left.asked.what].title.lower() if left.asked.what in OFFERED else left.asked.what
            self.left.setText(f"A course was left: {title}, {spent} of {whole} are done.")
        self._show_known()

    def show_taught(self, roles: Iterable[str]) -> None:
        """Offer to take away again what it has been taught."""
        while (item := self.taught.takeAt(0)) is not None:
            if (card := item.widget()) is not None:
                card.deleteLater()
        for role in roles:
            card, take = QFrame(), button("Take it away…", "quiet")
            card.setObjectName("card")
            take.setAccessibleName(f"Take the {role} away")
            take.clicked.connect(lambda _=False, role=role: self.unlearn_wanted.emit(role))
            row = QHBoxLayout(card)
            row.setContentsMargins(16, 6, 6, 6)
            row.addWidget(paragraph(f"It drafts with a {role} that it was taught here.".replace("a exits", "exits")), 1)
            row.addWidget(take)
            self.taught.addWidget(card)

    def show_questions(self, count: int) -> None:
        """Offer to learn from so many questions of the person's own chats."""
        self.own.setText(f"Also what I asked in my own chats ({count:,})")
        self.own.setEnabled(count > 0)
        self.own.setChecked(self.own.isChecked() and count > 0)

    def refuse(self, failure: Failure | None, *, loaded: bool = False) -> None:
        """Say why it cannot be taught; ``loaded``: the chat has a model, which could make room."""
        self.alert.tell(failure)
        self.unload.setVisible(failure is not None and failure.kind == NO_ROOM and loaded)

    def order(self) -> Order | None:
        """Return what was chosen, None before a model was shown."""
        if self._order is None:
            return None
        before = self._before() if self.further.isChecked() else None
        minutes = self.minutes.currentData() + (round(before.spent, 1) if before else 0)
        target = self._order
        return Order(target.title, target.named, target.target, self.what, minutes, self.own.isChecked())

    @property
    def anew(self) -> bool:
        """True where what was learnt before is to be forgotten."""
        return self._before() is not None and not self.further.isChecked()

    def _before(self) -> Begun | None:
        return known(self._order.target, self.what) if self._order is not None else None

    def _show_known(self) -> None:
        """Offer to go on from what was learnt of this kind before."""
        before = self._before()
        self.further.setVisible(before is not None)
        self.further.setChecked(True)
        if before is not None:
            self.further.setText(f"Go on from what it has learnt so far, in {words.duration(60 * before.spent)}")

    def _lay_out(self) -> None:
        self.left_card.setObjectName("card")
        row = QHBoxLayout(self.left_card)
        row.setContentsMargins(16, 10, 10, 10)
        row.addWidget(self.left, 1)
        row.addWidget(self.resume)
        time = Label("&For how long")
        time.setBuddy(self.minutes)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(10)
        rows.addWidget(note(WHAT))
        rows.addWidget(self.alert)
        rows.addLayout(row_of(self.unload))
        rows.addWidget(self.left_card)
        rows.addLayout(self.taught)
        for card in self.cards.values():
            rows.addWidget(card)
        line = QHBoxLayout()
        line.addWidget(time)
        line.addWidget(self.minutes)
        line.addStretch(1)
        rows.addLayout(line)
        for part in (self.further, self.own, self.own_note, note(AFTER)):
            rows.addWidget(part)
        rows.addStretch(1)


class KindCard(QFrame):
    """Shows one kind; ``choice`` is the radio button that picks it, and a click anywhere does too."""

    def __init__(self, offered: Offered) -> None:
        super().__init__()
        self.setObjectName("card")
        self.choice = QRadioButton(offered.title)
        self.choice.setObjectName("offer")
        self.choice.setAccessibleDescription(f"{offered.sentence} {offered.asks}")
        self.choice.toggled.connect(self._mark)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 10, 16, 10)
        rows.setSpacing(3)
        for part in (self.choice, paragraph(offered.sentence), small(offered.asks)):
            rows.addWidget(part)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Pick it."""
        self.choice.setChecked(True)
        self.choice.setFocus()
        event.accept()

    def _mark(self, chosen: bool) -> None:
        self.setProperty("chosen", chosen)
        self.style().polish(self)


class _MinutesBox(QComboBox):
    """Offers MINUTES."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("For how long")
        for minutes, text in MINUTES.items():
            self.addItem(text, minutes)
        self.setCurrentIndex(self.findData(USUAL))
