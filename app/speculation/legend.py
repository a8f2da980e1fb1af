"""The legend of the marks, each drawn the way it looks in the text."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from app.ink.marks import GHOSTS, OUTSIDE, Mark, colour_of, inks, writer_mark
from app.look.label import Label
from app.look.palette import Palette
from engine.events import LevelInfo

ENTRIES = {  # the word shown with its mark, what follows it, and all of it in a sentence
    Mark.DRAFTED: (
        "guessed",
        "and kept",
        "Guessed ahead by a smaller model, a drafter or the first layers, and kept by all above.",
    ),
    Mark.LOOKED_UP: ("copied", "and kept", "Copied from earlier in this chat, and kept."),
    Mark.CORRECTED: (
        "corrected",
        "on the way",
        "Written by the checker in place of a wrong guess, and kept by the big model.",
    ),
    Mark.WRITTEN: ("written", "by big model", "Written by the big model itself."),
    Mark.REJECTED: ("rejected", "guess", "A wrong guess; what replaces it follows. Shown in the Trace."),
    Mark.PENDING: ("pending", "guess", "A guess that has not been checked yet."),
    Mark.DISCARDED: ("dropped", "guess", "Guessed after a wrong one, and dropped with it. Shown in the Trace."),
}
TECHNICAL = {  # the first two of them where technical words are wanted
    Mark.DRAFTED: ("drafted", "and accepted"),
    Mark.LOOKED_UP: ("looked up", "and accepted"),
    Mark.CORRECTED: ("corrected", "midway"),
    Mark.WRITTEN: ("written", "by target"),
    Mark.REJECTED: ("rejected", "draft"),
    Mark.PENDING: ("pending", "draft"),
    Mark.DISCARDED: ("discarded", "draft"),
}


def marks_of(levels: Sequence[LevelInfo]) -> list[Mark]:
    """Return the marks that can occur where ``levels`` answer, bottom first; none where a single one does."""
    if len(levels) < 2:
        return []
    written = dict.fromkeys(writer_mark(at, levels) for at in range(len(levels)))
    return [*written, Mark.REJECTED, Mark.PENDING, Mark.DISCARDED]


class Legend(QWidget):
    """Two columns of marks and their meaning: those that can occur where some levels answer."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries = {mark: Entry(mark, palette, self) for mark in ENTRIES}
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
        """Explain the marks that can occur where ``levels`` answer."""
        shown = marks_of(levels)
        for entry in self._entries.values():
            self._grid.removeWidget(entry)
            entry.hide()
        for index, mark in enumerate(shown):
            self._grid.addWidget(self._entries[mark], index // 2, index % 2)
            self._entries[mark].show()

    def set_palette(self, palette: Palette) -> None:
        for entry in self._entries.values():
            entry.sample.set_palette(palette)

    def show_technical(self, technical: bool) -> None:
        """Explain in ``technical`` words, or in plain ones."""
        for entry in self._entries.values():
            entry.show_technical(technical)


class Entry(QWidget):
    """One mark with its meaning beside it; the tool tip says it in a sentence."""

    def __init__(self, mark: Mark, palette: Palette, parent: QWidget) -> None:
        super().__init__(parent)
        self._mark = mark
        self.sample, self.meaning = Sample(mark, "", palette), Label()
        self.meaning.setObjectName("legend")
        for explained in (self, self.sample, self.meaning):
            explained.setToolTip(ENTRIES[mark][2])
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        row.addWidget(self.sample)
        row.addWidget(self.meaning)
        row.addStretch()
        self.show_technical(False)

    def show_technical(self, technical: bool) -> None:
        """Explain in ``technical`` words, or in plain ones."""
        word, rest = TECHNICAL[self._mark] if technical else ENTRIES[self._mark][:2]
        self.sample.show_word(word)
        self.meaning.setText(rest)
        self.setAccessibleName(f"{word} {rest}")


class Sample(QWidget):
    """One word with its mark."""

    def __init__(self, mark: Mark, word: str, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("legend")
        self._mark, self._word, self._palette = mark, word, palette

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        self.update()

    def show_word(self, word: str) -> None:
        """Show ``word`` with the mark."""
        self._word = word
        self.updateGeometry()
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
