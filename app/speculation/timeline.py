"""The latest rounds as bars over time: one lane per level, the target's on top, one bar per pass."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.ink.marks import level_colour
from app.log import wording
from app.log.captions import Caption, captions_of
from app.log.ledger import Ledger
from app.look.label import plain_tip
from app.look.palette import Palette
from engine.events import Pass

ROUNDS = 6  # shown at a time
LANE, BAR = 26, 15  # pixels
THINNEST = 2.0
Spot = tuple[int, int]  # position of a round in the ledger, number of a pass in it


class Timeline(QWidget):
    """Shows some rounds of a ledger. ``chosen`` carries a round and a pass of it; arrow keys, Home and End move."""

    chosen = Signal(int, int)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._ledger = Ledger()
        self._end = 0  # how many rounds there were when it was shown last
        self._last: int | None = None  # the last round in view; None: the newest there is
        self._picked: frozenset[Spot] = frozenset()
        self._at: Spot | None = None
        self._technical = False
        self.setAccessibleName("Timeline of rounds")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def rounds(self) -> range:
        """The positions of the rounds in view."""
        last = self._end - 1 if self._last is None else self._last
        return range(max(last - ROUNDS + 1, 0), last + 1)

    @property
    def picked(self) -> frozenset[Spot]:
        """The passes outlined."""
        return self._picked

    @property
    def caption(self) -> str:
        """Which rounds are in view and how long they took."""
        shown = self.rounds
        if not shown:
            return ""
        count = len(shown)
        which = (
            f"last {count} round{'s' * (count != 1)}"
            if self._last is None
            else f"rounds {shown[0] + 1}–{shown[-1] + 1}"
        )
        first, end = self._span()
        return f"{which} · {wording.milliseconds(1000 * (end - first))}"

    def show_ledger(self, ledger: Ledger) -> None:
        """Show the newest rounds of ``ledger``, or still those a reader went to."""
        grown = ledger is not self._ledger or len(ledger.rounds) != self._end
        if ledger is not self._ledger:
            self._ledger, self._last, self._at, self._picked = ledger, None, None, frozenset()
            self.updateGeometry()
        if grown:
            self._end = len(ledger.rounds)
            self.setAccessibleDescription(self._described())
            self.update()

    def show_technical(self, technical: bool) -> None:
        """Call the levels by their ``technical`` names, or by plain ones."""
        self._technical = technical
        self.setAccessibleDescription(self._described())

    def pick(self, at: int, passes: list[int]) -> None:
        """Outline ``passes`` of the round at ``at`` and bring it into view."""
        self._picked = frozenset((at, number) for number in passes)
        if at == self._end - 1:
            self._last = None
        elif at not in self.rounds:
            self._last = min(max(at + ROUNDS // 2, ROUNDS - 1), self._end - 1)
        self.update()

    def release(self) -> None:
        """Remove the outlines and follow the newest rounds again."""
        self._picked, self._last, self._at = frozenset(), None, None
        self.update()

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """A lane a level."""
        return QSize(120, LANE * max(len(self._ledger.levels), 1))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint lanes, bars, and outlines around what was picked."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for lane in range(1, len(self._ledger.levels)):
            painter.fillRect(QRectF(0, lane * LANE - 0.5, self.width(), 1), QColor(self._palette.line))
        for spot, pass_, box in self._bars():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(level_colour(pass_.level, self._ledger.levels, self._palette)))
            painter.drawRoundedRect(box, 2, 2)
            if spot in self._picked or (spot == self._at and self.hasFocus()):
                painter.setPen(QPen(QColor(self._palette.text), 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(box.adjusted(-2.5, -2.5, 2.5, 2.5), 3, 3)

    def event(self, event: QEvent) -> bool:
        """Show a pass's figures beside the pointer."""
        if isinstance(event, QHelpEvent):
            spot = self._under(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), plain_tip(self.explain(spot)) if spot is not None else "", self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the pass under the pointer."""
        spot = self._under(event.position())
        if spot is not None and event.button() == Qt.MouseButton.LeftButton:
            self._choose(spot)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keyboard is."""
        super().focusInEvent(event)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from pass to pass as they ran, through earlier rounds too."""
        spots = self._spots()
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: len(spots) - 1}
        key = Qt.Key(event.key())
        if not spots or key not in steps | ends:
            super().keyPressEvent(event)
            return
        here = spots.index(self._at) if self._at in spots else len(spots) - (key == Qt.Key.Key_Right)
        self._choose(spots[min(max(ends.get(key, here + steps.get(key, 0)), 0), len(spots) - 1)])

    def explain(self, spot: Spot) -> str:
        """Return a pass in words: level, what it did, its round, what it took."""
        at, number = spot
        pass_ = self._ledger.rounds[at].passes[number]
        verb = {True: ("drafts", "verifies"), False: ("guesses", "checks")}[self._technical][pass_.kind != "draft"]
        return (
            f"{self._captions[pass_.level].subject} {verb}: {wording.milliseconds(1000 * pass_.seconds)}, "
            f"{pass_.tokens} position{'s' * (pass_.tokens != 1)}, round {self._ledger.rounds[at].index + 1}"
        )

    @property
    def _captions(self) -> tuple[Caption, ...]:
        return captions_of(self._ledger.levels, technical=self._technical)

    def _choose(self, spot: Spot) -> None:
        self._at = spot
        self.pick(spot[0], [spot[1]])
        self.setAccessibleDescription(self.explain(spot))
        self.chosen.emit(*spot)

    def _spots(self) -> list[Spot]:
        rounds = self._ledger.rounds
        return [(at, number) for at in range(len(rounds)) for number in _in_time(rounds[at].passes)]

    def _under(self, point: QPointF) -> Spot | None:
        return next((spot for spot, _, box in self._bars() if box.adjusted(-2, -4, 2, 4).contains(point)), None)

    def _bars(self) -> Iterator[tuple[Spot, Pass, QRectF]]:
        """Yield where every pass in view is painted."""
        if not self.rounds:
            return
        first, end = self._span()
        scale = (self.width() - 6) / max(end - first, 1e-9)
        for at in self.rounds:
            for number, pass_ in enumerate(self._ledger.rounds[at].passes):
                lane = len(self._ledger.levels) - 1 - pass_.level
                left, long = 3 + scale * (pass_.start - first), max(scale * pass_.seconds, THINNEST)
                yield (at, number), pass_, QRectF(left, lane * LANE + (LANE - BAR) / 2, long, BAR)

    def _span(self) -> tuple[float, float]:
        """Return when the rounds in view began and ended, in seconds of the reply."""
        shown = [self._ledger.rounds[at] for at in self.rounds]
        return shown[0].start, max(round_.start + round_.seconds for round_ in shown)

    def _described(self) -> str:
        """Return the rounds in view in a sentence."""
        if not self.rounds:
            return "No rounds yet."
        captions, parts = self._captions, list[str]()
        for level in reversed(range(len(self._ledger.levels))):
            own = [p.seconds for at in self.rounds for p in self._ledger.rounds[at].passes if p.level == level]
            parts.append(
                f"{captions[level].noun} {len(own)} pass{'es' * (len(own) != 1)}, "
                f"{wording.milliseconds(1000 * sum(own))}"
            )
        return f"{self.caption.capitalize()}: {'; '.join(parts)}."


def _in_time(passes: tuple[Pass, ...]) -> list[int]:
    return sorted(range(len(passes)), key=lambda number: passes[number].start)
