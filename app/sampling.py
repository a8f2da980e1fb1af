"""How tokens are drawn: a button that opens the few settings that matter."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QSpinBox,
    QWidget,
)

from engine.config import Sampling

RANDOM_SEED = -1


class SamplingButton(QPushButton):
    """Opens the sampling form below itself. ``changed`` carries the settings and the most tokens of an answer."""

    changed = Signal(object, int)  # Sampling, max_tokens

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chip")
        self.setText("Sampling")
        self.setAccessibleName("Sampling")
        self.setToolTip("Temperature, length, seed")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.form = SamplingForm(self)
        self.form.changed.connect(self.changed)
        self.clicked.connect(self._open)

    def _open(self) -> None:
        self.form.adjustSize()
        corner = self.mapToGlobal(QPoint(self.width() - self.form.width(), self.height() + 4))
        self.form.move(corner)
        self.form.show()
        self.form.temperature.setFocus(Qt.FocusReason.PopupFocusReason)


class SamplingForm(QFrame):
    """Fields for ``Sampling`` and the length limit; every change is told at once."""

    changed = Signal(object, int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popover")
        start = Sampling()
        self.temperature = _decimal(start.temperature, 0, 2, "0 always takes the likeliest token.")
        self.top_p = _decimal(start.top_p, 0.05, 1, "Draw only from the likeliest tokens that reach this share.")
        self.length = _whole(512, 16, 32768, "The most tokens of an answer.")
        self.length.setSingleStep(64)
        self.seed = _whole(RANDOM_SEED, RANDOM_SEED, 2**31 - 1, "The same seed gives the same answer.")
        self.seed.setSpecialValueText("random")
        form = QFormLayout(self)
        form.setContentsMargins(16, 14, 16, 14)
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(9)
        fields: dict[str, QDoubleSpinBox | QSpinBox]
        fields = {"Temperature": self.temperature, "Top-p": self.top_p, "Max tokens": self.length, "Seed": self.seed}
        for name, field in fields.items():
            field.setAccessibleName(name)
            field.lineEdit().setTextMargins(6, 0, 0, 0)
            field.valueChanged.connect(self._tell)
            label = QLabel(name)
            label.setMinimumHeight(field.sizeHint().height())
            label.setBuddy(field)
            form.addRow(label, field)

    def _tell(self) -> None:
        seed = self.seed.value()
        sampling = Sampling(
            temperature=self.temperature.value(),
            top_p=self.top_p.value(),
            seed=None if seed == RANDOM_SEED else seed,
        )
        self.changed.emit(sampling, self.length.value())


def _decimal(value: float, low: float, high: float, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(0.05)
    box.setValue(value)
    box.setToolTip(tip)
    return box


def _whole(value: int, low: int, high: int, tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setToolTip(tip)
    return box
