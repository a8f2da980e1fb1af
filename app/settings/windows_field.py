"""Edits the windows of one hierarchy: a number for each level below the target."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QFormLayout, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.look.label import Label
from app.settings.fields import Field, calm
from app.settings.kinds import WIDEST, Sizes
from app.settings.options import Option
from engine.config import Preset, Stage


class WindowsField(Field):
    """Edits the windows of the hierarchy given to ``show_preset`` and leaves those of the others alone."""

    def __init__(self, option: Option) -> None:
        body = QWidget()
        super().__init__(option, body, wide=True)
        self._rows = QVBoxLayout(body)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._table: QWidget | None = None
        self._preset: Preset | None = None
        self._sizes: Sizes = ()
        self.boxes: list[QSpinBox] = []  # the bottom level's first

    def show_preset(self, preset: Preset) -> None:
        """Show the windows of ``preset``, which has them as they are unless others are chosen."""
        before, self._preset = self._preset, preset
        if before is None or before.name != preset.name:
            self._rebuild()
        self._show_sizes()

    def show_value(self, value: Any) -> None:
        """Show the windows chosen."""
        self._sizes = value
        self._show_sizes()

    @property
    def _stages(self) -> tuple[Stage, ...]:
        """The levels below the target whose windows can be set; none where the engine finds them."""
        return self._preset.stages[:-1] if self._preset and not self._preset.gathers else ()

    @property
    def _name(self) -> str:
        return self._preset.name if self._preset else ""

    def _show_sizes(self) -> None:
        made = tuple(stage.window.tokens for stage in self._stages)
        for box, size in zip(self.boxes, dict(self._sizes).get(self._name, made), strict=True):
            with QSignalBlocker(box):
                box.setValue(size)

    def _rebuild(self) -> None:
        if self._table is not None:
            self._table.hide()
            self._table.deleteLater()
        self._table = QWidget()
        form = QFormLayout(self._table)
        form.setContentsMargins(0, 0, 0, 0)
        self.boxes = [self._box(stage, level) for level, stage in enumerate(self._stages)]
        for level, box in reversed(list(enumerate(self.boxes))):  # drafts rise
            label = Label(level_name(self._stages[level], level))
            label.setMinimumHeight(box.sizeHint().height())
            label.setBuddy(box)
            form.addRow(label, box)
        if self.boxes:
            made = QPushButton("Reset")
            made.setAccessibleName("Reset the windows to those it was made with")
            made.clicked.connect(lambda: self._choose(()))
            made.setSizePolicy(made.sizePolicy().Policy.Fixed, made.sizePolicy().Policy.Fixed)
            form.addRow("", made)
        else:
            found = "Found while it writes: whatever proves fastest."
            alone = "The big model writes alone: nothing is guessed."
            form.addRow(Label(found if self._preset and self._preset.gathers else alone))
        self._rows.addWidget(self._table)

    def _box(self, stage: Stage, level: int) -> QSpinBox:
        box = QSpinBox()
        calm(box)
        box.lineEdit().setTextMargins(6, 0, 0, 0)
        box.setRange(1, WIDEST)
        box.setAccessibleName(f"Window: {level_name(stage, level)}")
        box.setAccessibleDescription(self.option.sentence)
        box.valueChanged.connect(lambda: self._choose(tuple(box.value() for box in self.boxes)))
        return box

    def _choose(self, sizes: tuple[int, ...]) -> None:
        """Emit ``sizes`` for the hierarchy shown; none means its own."""
        others = [(name, kept) for name, kept in self._sizes if name != self._name]
        self.changed.emit(tuple(sorted([*others, (self._name, sizes)] if sizes else others)))


def level_name(stage: Stage, level: int) -> str:
    """Return what ``stage`` does, the lowest ``level`` being 0, and what does it."""
    return f"{'Checker' if level else stage.source.noun}: {stage.source.words}"
