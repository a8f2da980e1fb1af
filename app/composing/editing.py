"""Edits an earlier question in the composer, and restores the draft afterwards."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QShortcut, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from app.composing.composer import Composer
from app.composing.wording import excerpt
from app.look.label import Label
from app.talk.chat import Chat


class EditStrip(QFrame):
    """Says above the composer that a question is being edited; ``left`` is emitted to cancel."""

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
    """Keeps track of what ``composer`` holds: a new question for ``chat``, or an old one that is asked again.

    ``question`` is the old one, None for a new one; ``changed`` says that it is another. What is being written is kept
    as the draft of the conversation shown.
    """

    changed = Signal()

    def __init__(self, chat: Chat, composer: Composer) -> None:
        super().__init__(composer)
        self.chat, self.composer, self.strip = chat, composer, EditStrip()
        self.question: int | None = None
        self._stash = ""  # what was being written before
        context = Qt.ShortcutContext.WidgetWithChildrenShortcut
        self._leave_keys = QShortcut(Qt.Key.Key_Escape, composer, context=context)
        self._leave_keys.activated.connect(self.leave)
        self._leave_keys.setEnabled(False)
        self.strip.left.connect(self.leave)
        composer.changed.connect(lambda: chat.current.write(self.written))
        chat.current.cleared.connect(self.forget)
        chat.current.draft_changed.connect(self._draft_changed)
        for changed in (chat.current.changed, chat.answering, chat.continuing, chat.answered):
            changed.connect(self._hold_escape)

    @property
    def written(self) -> str:
        """Return the draft to save: the composer's text, or the one set aside while editing."""
        parts = (self._stash, self.composer.text) if self.question is not None else (self.composer.text,)
        return "\n\n".join(part for part in parts if part)

    def begin(self, question: int) -> None:
        """Put ``question`` into the composer to be changed; what was being written comes back afterwards."""
        text = self.chat.current.conversation.find(question).text
        if self.question is None:
            self._stash = self.composer.text
        self.question = question
        self.strip.tell(text)
        self.changed.emit()
        self.show_text(text)
        self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self._hold_escape()

    def begin_last(self) -> None:
        """Edit the last question, unless an answer is in flight."""
        asked = [message for message in self.chat.current.conversation.messages if message.role == "user"]
        if asked and not self.chat.busy:
            self.begin(asked[-1].id)

    def send(self, text: str) -> bool:
        """Ask ``text``, in place of the question being edited if there is one; False if it cannot be asked now."""
        sent = self.chat.send(text) if self.question is None else self.chat.edit(self.question, text)
        if sent:
            self.finish()
        return sent

    def finish(self) -> None:
        """End the editing after the question was asked, and restore the draft."""
        stash, self.question, self._stash = self._stash, None, ""
        self.strip.hide()
        self.changed.emit()
        self._leave_keys.setEnabled(False)
        self.composer.show_text(stash)

    def leave(self) -> None:
        """Cancel the editing."""
        if self.question is not None:
            self.finish()
            self.composer.field.setFocus()

    def forget(self) -> None:
        """Stop editing because another conversation is shown."""
        self.question, self._stash = None, ""
        self.strip.hide()
        self.changed.emit()

    def show_text(self, text: str) -> None:
        """Put ``text`` into the composer, the cursor at its end."""
        self.composer.show_text(text)
        self.composer.field.moveCursor(QTextCursor.MoveOperation.End)

    def _draft_changed(self, text: str) -> None:
        if text != self.composer.text:
            self.show_text(text)

    def _hold_escape(self) -> None:
        """Let Escape end the editing while no answer is in flight that it would stop."""
        self._leave_keys.setEnabled(self.question is not None and not self.chat.busy)
