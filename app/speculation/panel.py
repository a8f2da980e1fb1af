"""The right column: how fast an answer came, what each level did for it, and its rounds."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.ink.marks import level_colour
from app.log import wording
from app.log.captions import captions_of
from app.log.ledger import Ledger
from app.look.label import label
from app.look.palette import Palette
from app.speculation.caption_label import CaptionLabel
from app.speculation.charts import per_pass
from app.speculation.legend import Legend
from app.speculation.level_card import LevelCard
from app.speculation.pace import Pace
from app.speculation.plan_note import PlanNote
from app.speculation.rounds import Rounds
from engine.events import LevelInfo, guesses
from engine.tally import Tally

EXPLANATION = "Ask something, and you see here which model guessed, what was kept of it, and how long it took."
SIDE = 16  # pixels beside the cards
LEVELS = "The lowest one guesses ahead, the one above checks what it guessed, the highest decides."
MARKS = "What the colours and lines in an answer mean."
BETWEEN = (
    "How many tokens the highest one decides on average each time it runs; and the share of the time in which no "
    "model runs: words are chosen then, and books are kept."
)


class SpeculationPanel(QScrollArea):
    """Shows a tally and a ledger. Its cards are rebuilt only when the chain of levels or the words for it change."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAccessibleName("Speculation")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._palette, self._technical = palette, False
        self._levels: tuple[LevelInfo, ...] = ()
        self._shown: tuple[Tally, bool] = Tally(), False
        self.cards: list[LevelCard] = []  # bottom first, like the levels
        self.pace, self.rounds = Pace(), Rounds(palette)
        self.between = CaptionLabel("", "small", BETWEEN, figures=True, wrapped=True)
        self.plan = PlanNote()
        self.legend = Legend(palette)
        self._heading = CaptionLabel("", "section", LEVELS)
        self._marks = QWidget()
        self._cards = QVBoxLayout()
        self._cards.setSpacing(12)
        self._hint = label(EXPLANATION, "small")
        self._arrange()
        self.show_technical(False)
        self.reset()

    def show_tally(self, tally: Tally, *, running: bool) -> None:
        """Show the counts of ``tally``, those of an answer still ``running`` or of a complete one."""
        levels = tally.started.levels if tally.started is not None else ()
        if levels and levels != self._levels:
            self._rebuild(levels)
        if not levels and self._levels:
            return  # the next answer has not begun: the last one's figures stay
        self._shown = tally, running
        self.plan.show_tally(tally, technical=self._technical)
        self.pace.show_tally(tally, running=running, technical=self._technical)
        self.rounds.replay.setEnabled(not running)
        for card, level in zip(self.cards, tally.levels, strict=True):
            card.show_level(level, tally.seconds)
        share = tally.between / tally.seconds if tally.seconds else None
        said = [per_pass(tally.tokens, tally.levels[-1].passes)] if levels and not tally.plain else []
        said += [f"{wording.percent(share)} of the time in between"] if share is not None else []
        self.between.setText(" · ".join(part for part in said if part))

    def show_ledger(self, ledger: Ledger) -> None:
        """Show the rounds of ``ledger``; one that has not begun leaves the last one's rounds in place."""
        if ledger.levels or not self._levels:
            self.rounds.show_ledger(ledger)

    def show_technical(self, technical: bool) -> None:
        """Call the levels by their ``technical`` names, or by words of people first."""
        self._technical = technical
        self._heading.setText("LEVELS" if technical else "WHO DID WHAT")
        self.legend.show_technical(technical)
        self.rounds.show_technical(technical)
        tally, running = self._shown
        self._rebuild(self._levels)
        self.show_tally(tally, running=running)

    def point_at(self, at: int, passes: list[int]) -> None:
        """Outline ``passes`` of the round at ``at`` in the timeline."""
        self.rounds.point_at(at, passes)

    def reset(self) -> None:
        """Forget the last answer."""
        self._rebuild(())
        self.rounds.forget()
        self.show_tally(Tally(), running=False)
        self.show_ledger(Ledger())

    def set_palette(self, palette: Palette) -> None:
        """Repaint the cards, the legend and the rounds in the colours of ``palette``."""
        self._palette = palette
        self.legend.set_palette(palette)
        self.rounds.set_palette(palette)
        self._paint_cards()

    def _arrange(self) -> None:
        marks = QVBoxLayout(self._marks)
        marks.setContentsMargins(0, 0, 0, 16)
        marks.setSpacing(8)
        marks.addWidget(CaptionLabel("MARKS IN THE TEXT", "section", MARKS))
        marks.addWidget(self.legend)
        body = Body(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(SIDE, 12, SIDE, 16)
        rows.setSpacing(3)
        rows.addWidget(self.pace)
        rows.addWidget(self.plan)  # above the levels, of which there may be more than a small window shows
        rows.addWidget(self._heading)
        rows.addSpacing(8)
        rows.addWidget(self._hint)
        rows.addLayout(self._cards)
        rows.addSpacing(6)
        rows.addWidget(self.between)
        rows.addSpacing(14)
        rows.addWidget(self._marks)
        rows.addWidget(self.rounds)
        rows.addStretch(1)
        self.setWidget(body)

    def _rebuild(self, levels: tuple[LevelInfo, ...]) -> None:
        """Make a card for each level, the target on top."""
        for card in self.cards:
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._levels = levels
        last, captions = len(levels) - 1, captions_of(levels, technical=self._technical)
        self.cards = [
            LevelCard(info, captions[at], bottom=at == 0 or guesses(levels, at), top=at == last)
            for at, info in enumerate(levels)
        ]
        for card in reversed(self.cards):
            self._cards.addWidget(card)
        self._hint.setVisible(not levels)
        for widget in (self.pace, self.between, self.rounds):
            widget.setVisible(bool(levels))
        self.pace.keep_free()
        self.plan.keep_free()
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
