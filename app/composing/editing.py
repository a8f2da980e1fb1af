"""A question being edited: it is asked anew from the composer, and what was being written there comes back."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QShortcut, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from app.composing.composer import Composer
from app.composing.wording import excerpt
from app.look.label import Label


class EditStrip(QFrame):
    """Says above the composer that a question is being edited. ``left``: it is not to be after all."""

    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("editStrip")
        self.label = Label()
        self.label.setObjectName("status")
        self.label.setWordWrap(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("quiet")
        self.cancel.setAccessibleName("Cancel editing")
        self.cancel.setToolTip("Cancel editing (Esc)")
        self.cancel.clicked.connect(self.left)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 0, 0)
        row.addWidget(self.label, 1)
        row.addWidget(self.cancel)
        self.hide()

    def tell(self, question: str) -> None:
        """Say that ``question`` is being edited."""
        self.label.setText(f"Editing “{excerpt(question)}”. Sending asks it again; the old version is kept.")
        self.show()


class Editing(QObject):
    """Which ``question`` the composer holds in place of a new one; None: no old one. ``changed``: another one."""

    changed = Signal()

    def __init__(self, composer: Composer) -> None:
        super().__init__(composer)
        self.composer, self.strip = composer, EditStrip()
        self.question: int | None = None
        self._stash = ""  # what was being written before
        context = Qt.ShortcutContext.WidgetWithChildrenShortcut
        self._leave_keys = QShortcut(Qt.Key.Key_Escape, composer, context=context)
        self._leave_keys.activated.connect(self.leave)
        self._leave_keys.setEnabled(False)
        self.strip.left.connect(self.leave)

    @property
    def written(self) -> str:
        """What would be lost were it not kept: the composer's text, and what waits until the editing ends."""
        parts = (self._stash, self.composer.text) if self.question is not None else (self.composer.text,)
        return "\n\n".join(part for part in parts if part)

    def begin(self, question: int, text: str) -> None:
        """Edit ``question``, which says ``text``."""
        if self.question is None:
            self._stash = self.composer.text
        self.question = question
        self.strip.tell(text)
        self.changed.emit()
        self.show_text(text)
        self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def finish(self) -> None:
        """End the editing, as the question was asked; what was being written before comes back."""
        stash, self.question, self._stash = self._stash, None, ""
        self.strip.hide()
        self.changed.emit()
        self._leave_keys.setEnabled(False)
        self.composer.show_text(stash)

    def leave(self) -> None:
        """Edit no longer after all."""
        if self.question is not None:
            self.finish()
            self.composer.field.setFocus()

    def forget(self) -> None:
        """Edit no longer, as another conversation is shown."""
        self.question, self._stash = None, ""
        self.strip.hide()
        self.changed.emit()

    def hold_escape(self, *, free: bool) -> None:
        """Let Escape end the editing while it is ``free``, as no answer is in flight that it would stop."""
        self._leave_keys.setEnabled(free and self.question is not None)

    def show_text(self, text: str) -> None:
        """Put ``text`` into the composer, the cursor at its end."""
        self.composer.show_text(text)
        self.composer.field.moveCursor(QTextCursor.MoveOperation.End)
