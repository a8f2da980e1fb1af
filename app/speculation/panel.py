"""The right column: how fast, how that compares with plain decoding, and what each level did."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.ink.marks import level_colour
from app.log import wording
from app.log.acceptance_history import AcceptanceHistory
from app.log.ledger import Ledger
from app.log.slowdown import reason
from app.look.label import Label
from app.look.palette import Palette
from app.look.typeface import tabular
from app.speculation.charts import AcceptanceByPosition, AcceptanceOverTime, per_pass
from app.speculation.legend import Legend
from app.speculation.level_card import LevelCard
from app.speculation.timeline import Timeline
from engine import words
from engine.events import LevelInfo
from engine.tally import Tally

EXPLANATION = "Ask something, and you see here which model guessed, what was kept of it, and how long it took."
NOTES = 3  # lines below the figure that are kept free, so that nothing below them moves
SIDE = 16  # pixels beside the cards
TIPS = {
    "LEVELS": "The lowest guesses ahead, the one above checks what it guessed, the highest decides.",
    "MARKS IN THE TEXT": "What the colours and lines in an answer mean.",
    "TIMELINE": "When each level was at work, round by round. Click a bar to see its tokens.",
    "KEPT OVER TIME": "The share of the latest guesses that each level kept, from the beginning of the answer.",
    "BY POSITION": "How often the first, second, third … guess in a row was kept.",
}
BETWEEN = (
    "How many tokens the highest level decides on average each time it runs; and the share of the time in which no "
    "model runs: words are chosen then, and books are kept."
)


class SpeculationPanel(QScrollArea):
    """Shows a tally. Its cards are rebuilt only when the chain of levels changes."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAccessibleName("Speculation")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._palette = palette
        self._levels: tuple[LevelInfo, ...] = ()
        self.cards: list[LevelCard] = []  # bottom first, like the levels
        self.pace, self.unit = _label("–", "bigFigure"), _label("tokens/s on average", "bigUnit")
        self.verdict = _label("", "verdict")
        self.now = _label("", "small")
        self.outcome = _label("", "small")
        self.between = _label("", "small")
        self.reason = _label("", "small")
        self.timeline = Timeline(palette)
        self.replay = QPushButton("Replay")
        self.replay.setObjectName("turnMain")
        self.replay.setAccessibleName("Replay this answer")
        self.replay.setToolTip("Replay how this answer came to be")
        self.caption = _label("", "small")
        self.over_time, self.by_place = (
            AcceptanceOverTime("Acceptance over time", palette),
            AcceptanceByPosition("Acceptance by place", palette),
        )
        self._course: AcceptanceHistory | None = None
        self.legend = Legend(palette)
        for changing in (self.pace, self.verdict, self.now, self.outcome, self.between, self.caption):
            changing.setFont(tabular(changing.font()))
        for long in (self.verdict, self.outcome, self.reason, self.between):
            long.setWordWrap(True)
        self.between.setToolTip(BETWEEN)
        self._notes = QWidget()
        self._head = QWidget()
        self.timeline.chosen.connect(lambda: self.caption.setText(self.timeline.caption))
        self._charts = QWidget()
        self._cards = QVBoxLayout()
        self._cards.setSpacing(12)
        self._hint = _label(EXPLANATION, "small")
        self._hint.setWordWrap(True)
        self._build()
        self.reset()

    def show_tally(self, tally: Tally, *, running: bool) -> None:
        """Show the counts of ``tally``; the large figure is the average, as below the answer."""
        levels = tally.started.levels if tally.started is not None else ()
        if levels and levels != self._levels:
            self._rebuild(levels)
        if not levels and self._levels:
            return  # the next answer has not begun: the last one's figures stay
        self.pace.setText("–" if tally.average is None else words.pace(tally.average))
        self.pace.setAccessibleName("Average speed")
        self.replay.setEnabled(not running)
        self.verdict.setText(wording.verdict(tally) if levels else "")
        self.now.setText(f"now {words.pace(tally.now)}" if tally.now and running else "")
        self.now.setVisible(bool(self.now.text()))
        self.reason.setText("" if running else reason(tally))
        self.reason.setVisible(bool(self.reason.text()))
        self.outcome.setText("" if self.reason.text() else wording.counterfactual(tally))
        self.outcome.setVisible(bool(self.outcome.text()))
        for card, level in zip(self.cards, tally.levels, strict=True):
            card.show_level(level, tally.seconds)
        share = tally.between / tally.seconds if tally.seconds else None
        said = [per_pass(tally.tokens, tally.levels[-1].passes)] if levels and not tally.plain else []
        said += [f"{wording.percent(share)} of the time in between"] if share is not None else []
        self.between.setText(" · ".join(part for part in said if part))

    def show_ledger(self, ledger: Ledger) -> None:
        """Show the rounds of ``ledger`` as they ran and how acceptance went; one without passes shows nothing."""
        if not ledger.levels and self._levels:
            return  # the next answer has not begun: the last one's rounds stay
        if self._course is None or self._course.ledger is not ledger or self._course.taken > len(ledger.rounds):
            self._course = AcceptanceHistory(ledger)
        self._course.catch_up()
        self.timeline.show_ledger(ledger)
        self.caption.setText(self.timeline.caption)
        self._charts.setVisible(len(ledger.levels) > 1)
        for chart in (self.over_time, self.by_place):
            chart.show_course(self._course)

    def point_at(self, at: int, passes: list[int]) -> None:
        """Outline ``passes`` of the round at ``at`` in the timeline."""
        self.timeline.pick(at, passes)
        self.caption.setText(self.timeline.caption)

    def reset(self) -> None:
        """Forget the last answer."""
        self._rebuild(())
        self._course = None
        self.show_tally(Tally(), running=False)
        self.show_ledger(Ledger())

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        for painted in (self.legend, self.timeline, self.over_time, self.by_place):
            painted.set_palette(palette)
        self._paint_cards()

    def _build(self) -> None:
        body = Body(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(SIDE, 12, SIDE, 16)
        rows.setSpacing(3)
        head = QHBoxLayout(self._head)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(8)
        head.addWidget(self.pace, 0, Qt.AlignmentFlag.AlignBaseline)
        head.addWidget(self.unit, 0, Qt.AlignmentFlag.AlignBaseline)
        head.addStretch()
        head.addWidget(self.now, 0, Qt.AlignmentFlag.AlignBaseline)
        notes = QVBoxLayout(self._notes)
        notes.setContentsMargins(0, 0, 0, 0)
        notes.setSpacing(3)
        notes.addWidget(self.outcome)
        notes.addWidget(self.reason)
        notes.setAlignment(Qt.AlignmentFlag.AlignTop)
        for widget in (self._head, self.verdict, self._notes):
            rows.addWidget(widget)
        rows.addWidget(_section("LEVELS"))
        rows.addSpacing(8)
        rows.addWidget(self._hint)
        rows.addLayout(self._cards)
        rows.addSpacing(6)
        rows.addWidget(self.between)
        rows.addSpacing(14)
        rows.addWidget(self._make_legend())
        rows.addWidget(self._make_rounds())
        rows.addWidget(self._charts)
        rows.addStretch(1)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(body)

    def changeEvent(self, event: QEvent) -> None:
        """Keep lines of a new size free."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "_notes"):
            self._keep_free()

    def _keep_free(self) -> None:
        """Keep the lines below the figure free that an answer may end with."""
        self.outcome.ensurePolished()
        self._notes.setMinimumHeight(NOTES * self.outcome.fontMetrics().lineSpacing() + 6)

    def _make_legend(self) -> QWidget:
        """Return the meaning of the marks under their title."""
        box = self._marks = QWidget()
        rows = QVBoxLayout(box)
        rows.setContentsMargins(0, 0, 0, 16)
        rows.setSpacing(8)
        rows.addWidget(_section("MARKS IN THE TEXT"))
        rows.addWidget(self.legend)
        return box

    def _make_rounds(self) -> QWidget:
        """Return the timeline under its title, and fill the charts' place beside each other."""
        rounds = self._rounds = QWidget()
        rows = QVBoxLayout(rounds)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        title = QHBoxLayout()
        title.addWidget(_section("TIMELINE"))
        title.addWidget(self.replay)
        title.addStretch()
        title.addWidget(self.caption)
        rows.addLayout(title)
        rows.addWidget(self.timeline)
        grid = QGridLayout(self._charts)
        grid.setContentsMargins(0, 18, 0, 0)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        grid.addWidget(_section("KEPT OVER TIME"), 0, 0)
        grid.addWidget(_section("BY POSITION"), 0, 1)
        grid.addWidget(self.over_time, 1, 0)
        grid.addWidget(self.by_place, 1, 1)
        return rounds

    def _rebuild(self, levels: tuple[LevelInfo, ...]) -> None:
        """Make a card for each level, the target on top."""
        for card in self.cards:
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._levels = levels
        last = len(levels) - 1
        self.cards = [LevelCard(info, bottom=i == 0, top=i == last) for i, info in enumerate(levels)]
        for card in reversed(self.cards):
            self._cards.addWidget(card)
        self._hint.setVisible(not levels)
        for widget in (self._head, self.verdict, self._notes, self.between, self._rounds):
            widget.setVisible(bool(levels))
        self._keep_free()
        self.legend.show_levels(levels)
        self._marks.setVisible(len(levels) > 1)
        self._paint_cards()

    def _paint_cards(self) -> None:
        for index, card in enumerate(self.cards):
            card.paint_in(level_colour(index, self._levels, self._palette), self._palette)


class Body(QWidget):
    """What scrolls in ``panel``: it leaves the cards as wide as they are although the scroll bar comes or goes."""

    def __init__(self, panel: QWidget) -> None:
        super().__init__()
        self.setObjectName("panelBody")
        self._panel = panel

    def minimumSizeHint(self) -> QSize:
        """Want no width: nothing scrolls sideways, and the margin below would feed on a width that follows from it."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take from the right margin what the scroll bar takes."""
        super().resizeEvent(event)
        taken = self._panel.width() - event.size().width()
        rows = self.layout()
        if rows is not None:
            rows.setContentsMargins(SIDE, 12, max(SIDE - taken, 0), 16)
            rows.activate()


def _section(title: str) -> Label:
    """Return a title whose tooltip explains it."""
    label = _label(title, "section")
    label.setToolTip(TIPS[title])
    return label


def _label(text: str, name: str) -> Label:
    label = Label(text)
    label.setObjectName(name)
    return label
