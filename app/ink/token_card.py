"""The card beside a token: what happened to it, and the probability and cost at each level."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from app.ink.marks import level_colour
from app.log.token_fate import TokenFate
from app.look.label import Label
from app.look.palette import Palette
from app.look.typeface import tabular
from engine.events import LevelInfo

GAP = 8  # pixels between token and card
WIDTH = 300  # pixels; more where a row needs them
SIDE = 14
LABELS = ("cardTitle", "cardCounts", "cardCost", "cardCost")  # of title, probability, rank and cost


class TokenCard(QFrame):
    """Floats over ``window``, above the token where there is room; lets the mouse through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("tokenCard")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._window = window
        self._token, self._story, self._round = _label("tokenCardToken"), _label("small"), _label("small")
        self._story.setWordWrap(True)
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(14)
        self._rows.setVerticalSpacing(3)
        self._rows.setColumnStretch(0, 1)
        self._cells: list[Label] = []
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(SIDE, 11, SIDE, 11)
        column.setSpacing(6)
        column.addWidget(self._token)
        column.addWidget(self._story)
        column.addLayout(self._rows)
        column.addWidget(self._round)
        self.hide()

    def tell(self, fate: TokenFate, levels: Sequence[LevelInfo], palette: Palette, at: QRect) -> None:
        """Show ``fate`` beside ``at``, the token's place in the window."""
        self._token.setText(fate.quote)
        self._story.setText(fate.story)
        self._round.setText(fate.round)
        self.setAccessibleName(fate.spoken)
        self._make_cells(len(LABELS) * len(fate.rows))
        for number, row in enumerate(fate.rows):
            cells = self._cells[len(LABELS) * number :]
            for cell, text in zip(cells, (row.title, row.probability, row.rank, row.cost), strict=False):
                cell.setText(text)
            cells[0].setStyleSheet(f"color: {level_colour(row.level, levels, palette)}")
        self.show()  # only then have all labels the style sheet's letters, for which there must be room
        self._rows.invalidate()
        width = max(WIDTH, self._rows.sizeHint().width() + 2 * (SIDE + self.frameWidth()))
        self.setFixedSize(width, self._column.totalHeightForWidth(width))
        self.move(self._place(at))
        self.raise_()

    def _place(self, at: QRect) -> QPoint:
        room = self._window.rect()
        left = max(min(at.left() - 12, room.width() - self.width() - GAP), GAP)
        above = at.top() - GAP - self.height()
        return QPoint(left, above if above >= GAP else at.bottom() + GAP)

    def _make_cells(self, count: int) -> None:
        """Make or remove labels until there are ``count``, one row per level."""
        while len(self._cells) > count:
            cell = self._cells.pop()
            self._rows.removeWidget(cell)
            cell.hide()
            cell.deleteLater()
        while len(self._cells) < count:
            row, column = divmod(len(self._cells), len(LABELS))
            cell = _label(LABELS[column])
            cell.setAlignment(Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight)
            self._rows.addWidget(cell, row, column)
            cell.ensurePolished()
            cell.show()  # what is hidden takes no room, and the room is asked for before the card is shown
            self._cells.append(cell)


def _label(name: str) -> Label:
    label = Label()
    label.setObjectName(name)
    label.setFont(tabular(label.font()))
    return label
