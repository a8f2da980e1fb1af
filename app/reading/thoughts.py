"""Shows what a model thought before it answered, folded away."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.look.palette import Palette
from app.reading.sheet import Sheet


class Thoughts(QWidget):
    """Folds and unfolds a sheet of muted text with a button."""

    def __init__(self, palette: Palette, *, marked: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sheet = Sheet(_muted(palette), marked=marked)
        self.sheet.setAccessibleName("Thoughts")
        self.button = QPushButton()
        self.button.setObjectName("fold")
        self.button.setCheckable(True)
        self.button.toggled.connect(self._unfold)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        rows.addWidget(self.button)
        rows.addWidget(self.sheet)
        self._over = False
        self._unfold(False)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self.sheet.set_palette(_muted(palette))

    def say_over(self, over: bool) -> None:
        """Say whether the model still thinks."""
        if over != self._over:
            self._over = over
            self._unfold(self.button.isChecked())

    def _unfold(self, shown: bool) -> None:
        self.sheet.setVisible(shown)
        words = "Thoughts" if self._over else "Thinking…"
        self.button.setText(f"{'▾' if shown else '▸'}  {words}")
        self.button.setAccessibleName(f"{'Fold' if shown else 'Unfold'} the model's thoughts")


def _muted(palette: Palette) -> Palette:
    return replace(palette, text=palette.muted)
