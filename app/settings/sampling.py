"""The button that opens the main sampling options of the conversation shown."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QFormLayout, QFrame, QPushButton, QWidget

from app.conversations.conversation import ChatSettings
from app.look.label import Label
from app.settings.chat_settings import changed, values_of
from app.settings.fields import make_field, suggest
from app.settings.options import OPTIONS
from engine.config import Chosen

SHOWN = ("temperature", "top_p", "max_tokens", "seed")


class SamplingButton(QPushButton):
    """Opens the sampling form below itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chip")
        self.setText("Sampling")
        self.setAccessibleName("Sampling")
        self.setToolTip("Temperature, length, seed of this chat")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.form = SamplingForm(self)
        self.clicked.connect(self._open)

    def _open(self) -> None:
        self.form.adjustSize()
        corner = self.mapToGlobal(QPoint(self.width() - self.form.width(), self.height() + 4))
        self.form.move(corner)
        self.form.show()
        self.form.fields["temperature"].setFocus(Qt.FocusReason.PopupFocusReason)


class SamplingForm(QFrame):
    """Edits the main options of ChatSettings and emits every change at once; ``more_wanted`` asks for all of them."""

    changed = Signal(object)  # ChatSettings
    more_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popover")
        self._chat_settings = ChatSettings()
        self.fields = {name: make_field(OPTIONS[name]) for name in SHOWN}
        form = QFormLayout(self)
        form.setContentsMargins(16, 14, 16, 14)
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(9)
        for name, field in self.fields.items():
            option = OPTIONS[name]
            field.changed.connect(lambda value, name=name: self._change(name, value))
            field.inner.setToolTip(option.sentence)
            label = Label(option.title)
            label.setMinimumHeight(field.sizeHint().height())
            label.setBuddy(field.inner)
            form.addRow(label, field)
        more = QPushButton("All settings of this chat…")
        more.setAccessibleName("All settings of this chat")
        more.clicked.connect(self._ask_for_more)
        form.addRow(more)

    def show_chat_settings(self, chat_settings: ChatSettings) -> None:
        """Show ``chat_settings`` without emitting a change."""
        self._chat_settings = chat_settings
        values = values_of(chat_settings)
        for name, field in self.fields.items():
            field.show_value(values[name])

    def suggest(self, suggested: Chosen) -> None:
        """Show what the model suggests where nothing was chosen."""
        suggest(self.fields, suggested)

    def _change(self, name: str, value: object) -> None:
        self._chat_settings = changed(self._chat_settings, {name: value})
        self.changed.emit(self._chat_settings)

    def _ask_for_more(self) -> None:
        self.hide()
        self.more_wanted.emit()
