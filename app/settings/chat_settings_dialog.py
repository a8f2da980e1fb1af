"""The dialog for one conversation: its system prompt and sampling, which can be named and reused."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QComboBox,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.conversations.archive import Archive
from app.conversations.conversation import ChatSettings
from app.conversations.current import CurrentChat
from app.look.calm_dialog import CalmDialog
from app.look.label import Label
from app.look.room import make_room
from app.look.scrolled import Scrolled
from app.settings.chat_settings import NAMES, changed, values_of
from app.settings.fields import make_field, suggest
from app.settings.options import OPTIONS
from engine.config import Chosen


class ChatSettingsDialog(CalmDialog):
    """Shows and changes the settings of the conversation in ``current``; ``archive`` keeps named ones.

    ``suggested`` holds the loaded model's values for what was not chosen.
    """

    def __init__(self, current: CurrentChat, archive: Archive, parent: QWidget, suggested: Chosen) -> None:
        super().__init__(parent)
        self.current, self.archive = current, archive
        self.setWindowTitle("Chat settings")
        make_room(self, 520, 640)
        self._kept: dict[str, ChatSettings] = {}
        self.names = QComboBox()
        self.names.setAccessibleName("Named settings")
        self.names.activated.connect(self._take)
        self.forget = _button("Forget", "Forget these named settings")
        self.forget.clicked.connect(self._forget)
        self.keep = _button("Keep", "Keep these settings under that name")
        self.keep.setEnabled(False)
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name")
        self.name.setAccessibleName("Name to keep these settings under")
        self.name.textChanged.connect(lambda text: self.keep.setEnabled(bool(text.strip())))
        self.keep.clicked.connect(self._keep)
        self.fields = {name: make_field(OPTIONS[name]) for name in NAMES}
        for name, field in self.fields.items():
            field.changed.connect(lambda value, name=name: self._change(name, value))
        suggest(self.fields, suggested)
        self._lay_out()
        self.name.returnPressed.connect(self.keep.click)
        current.changed.connect(self._show)
        self._show()
        self._read()

    def _show(self) -> None:
        values = values_of(self.current.conversation.chat_settings)
        for name, field in self.fields.items():
            field.show_value(values[name])

    def _change(self, name: str, value: object) -> None:
        self.current.set_chat_settings(changed(self.current.conversation.chat_settings, {name: value}))

    def _read(self) -> None:
        self.archive.named_settings(self._list)

    def _list(self, kept: dict[str, ChatSettings]) -> None:
        self._kept = kept
        self.names.clear()
        self.names.addItem("Named settings…")
        self.names.addItems(sorted(kept))
        self.names.setEnabled(bool(kept))
        self._show_forget()

    def _take(self, index: int) -> None:
        if index > 0:
            self.current.set_chat_settings(self._kept[self.names.itemText(index)])
        self._show_forget()

    def _keep(self) -> None:
        self.archive.keep_named_settings(self.name.text().strip(), self.current.conversation.chat_settings)
        self.name.clear()
        self._read()

    def _forget(self) -> None:
        self.archive.keep_named_settings(self.names.currentText(), None)
        self._read()

    def _show_forget(self) -> None:
        self.forget.setEnabled(self.names.currentIndex() > 0)

    def _lay_out(self) -> None:
        note = Label("These hold for this chat alone. New chats begin with those of the settings (Ctrl+,).")
        note.setObjectName("small")
        note.setWordWrap(True)
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(9)
        for name in ("system_prompt", *(name for name in NAMES if name != "system_prompt")):
            field = self.fields[name]
            field.inner.setToolTip(OPTIONS[name].sentence)
            label = Label(OPTIONS[name].title)
            label.setBuddy(field.inner)
            form.addRow(label, field)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.button(QDialogButtonBox.StandardButton.Close).setAccessibleName("Close")
        close.rejected.connect(self.close)
        area = Scrolled()
        rows, whole = area.rows, QVBoxLayout(self)
        rows.setContentsMargins(20, 16, 20, 0)
        rows.setSpacing(12)
        rows.addWidget(note)
        rows.addLayout(_row(self.names, self.forget))
        rows.addLayout(form)
        rows.addLayout(_row(self.name, self.keep))
        rows.addStretch()
        whole.setContentsMargins(0, 0, 0, 14)
        whole.addWidget(area, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(20, 0, 20, 0)
        foot.addWidget(close)
        whole.addLayout(foot)


def _row(wide: QWidget, button: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(wide, 1)
    row.addWidget(button)
    return row


def _button(text: str, name: str) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(name)
    button.setToolTip(name)
    return button
