"""What the marks mean, each shown the way it looks in the text."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from app.ink.marks import GHOSTS, OUTSIDE, Mark, colour_of, inks
from app.look.label import Label
from app.look.palette import Palette
from engine.events import LevelInfo

ENTRIES = {  # the word shown with its mark, what follows it, and all of it in a sentence
    Mark.DRAFTED: (
        "guessed",
        "and kept",
        "Guessed ahead by a smaller model or the first layers, and kept by all above.",
    ),
    Mark.LOOKED_UP: ("copied", "and kept", "Copied from earlier in this chat, and kept."),
    Mark.CORRECTED: (
        "corrected",
        "on the way",
        "Written by the level in the middle in place of a wrong guess, and kept.",
    ),
    Mark.WRITTEN: ("written", "by the top", "Written by the highest level, the model itself."),
    Mark.REJECTED: ("rejected", "guess", "A wrong guess; what stands in its place follows it. Shown in the Trace."),
    Mark.PENDING: ("pending", "guess", "A guess that has not been checked yet."),
    Mark.DISCARDED: ("dropped", "guess", "Guessed after a wrong one, and dropped with it. Shown in the Trace."),
}


def marks_of(levels: Sequence[LevelInfo]) -> list[Mark]:
    """Return the marks that can occur where ``levels`` answer, bottom first; none where a single one does."""
    if len(levels) < 2:
        return []
    first = Mark.LOOKED_UP if levels[0].kind == "lookup" else Mark.DRAFTED
    between = [Mark.CORRECTED] if len(levels) > 2 else []
    return [first, *between, Mark.WRITTEN, Mark.REJECTED, Mark.PENDING, Mark.DISCARDED]


class Legend(QWidget):
    """Two columns of marks and their meaning: those that can occur where some levels answer."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._samples: list[Sample] = []
        self._entries = {mark: self._make_entry(mark, palette) for mark in ENTRIES}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(8)
        self.show_levels(())

    @property
    def marks(self) -> list[Mark]:
        """The marks explained."""
        return [mark for mark, entry in self._entries.items() if entry.isVisibleTo(self)]

    def show_levels(self, levels: Sequence[LevelInfo]) -> None:
        """Explain what can occur where ``levels`` answer."""
        shown = marks_of(levels)
        for entry in self._entries.values():
            self._grid.removeWidget(entry)
            entry.hide()
        for index, mark in enumerate(shown):
            self._grid.addWidget(self._entries[mark], index // 2, index % 2)
            self._entries[mark].show()

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        for sample in self._samples:
            sample.set_palette(palette)

    def _make_entry(self, mark: Mark, palette: Palette) -> QWidget:
        word, rest, sentence = ENTRIES[mark]
        entry, sample, meaning = QWidget(self), Sample(mark, word, palette), Label(rest)
        entry.setAccessibleName(f"{word} {rest}")
        entry.setToolTip(sentence)
        meaning.setObjectName("legend")
        row = QHBoxLayout(entry)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        row.addWidget(sample)
        row.addWidget(meaning)
        row.addStretch()
        self._samples.append(sample)
        return entry


class Sample(QWidget):
    """One word with its mark."""

    def __init__(self, mark: Mark, word: str, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("legend")
        self._mark, self._word, self._palette = mark, word, palette

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the word and what lies around it."""
        metrics = QFontMetricsF(self._letters())
        return QSize(round(metrics.horizontalAdvance(self._word)) + 4, round(metrics.height()) + 6)

    def minimumSizeHint(self) -> QSize:
        """Never less than the word."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the mark and the word over it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._letters()
        metrics = QFontMetricsF(font)
        baseline = 3 + metrics.ascent()
        width = metrics.horizontalAdvance(self._word)
        palette = self._palette
        box = QRectF(0, 3, width + 4, metrics.height())
        inks(palette)[self._mark].paint(painter, [box], metrics.descent())
        painter.setPen(QColor(colour_of(self._mark, palette) if self._mark in OUTSIDE else palette.text))
        painter.setFont(font)
        painter.drawText(2, round(baseline), self._word)

    def _letters(self) -> QFont:
        font = QFont(self.font())
        font.setStrikeOut(self._mark in GHOSTS)
        font.setItalic(self._mark in (Mark.PENDING, Mark.DISCARDED))
        return font
