"""What can be done with the messages of the conversation shown: copy, edit, regenerate, continue, delete."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from app.conversations.markup import last_code
from app.messages.clipboard import copy_answer
from app.messages.transcript import Transcript
from app.notices import Toast
from app.talk.chat import Chat
from engine.config import PRESETS


class MessageCommands(QObject):
    """Does what the buttons in ``transcript`` and the menus ask for; ``edit`` puts a question into the composer."""

    def __init__(self, chat: Chat, transcript: Transcript, edit: Callable[[int], None], toast: Toast) -> None:
        super().__init__(transcript)
        self._chat, self._transcript, self._toast = chat, transcript, toast
        asked = transcript.message_actions
        asked.copy.connect(self.copy)
        asked.edit.connect(edit)
        asked.regenerate.connect(chat.regenerate)
        asked.resume.connect(self.resume)
        asked.delete.connect(self.delete)
        asked.show_version.connect(chat.show_version)
        asked.plain.connect(lambda: chat.choose(PRESETS["plain"]))
        asked.read_all.connect(chat.trimming.send_all)

    def regenerate_last(self) -> None:
        """Give another version of the last answer."""
        messages = self._chat.current.conversation.messages
        if messages and messages[-1].role == "assistant":
            self._chat.regenerate(messages[-1].id)

    def copy(self, message: int) -> None:
        """Put a message on the clipboard."""
        found = self._chat.current.conversation.find(message)
        if found.role == "assistant":
            copy_answer(found.text)
        else:
            QGuiApplication.clipboard().setText(found.text)

    def copy_last(self) -> None:
        """Put the last answer on the clipboard."""
        if self._transcript.answers:
            copy_answer(self._transcript.answers[-1].source())

    def copy_code(self) -> None:
        """Put the last code block of the conversation on the clipboard."""
        for answer in reversed(self._transcript.answers):
            if (code := last_code(answer.source())) is not None:
                QGuiApplication.clipboard().setText(code)
                return

    def resume(self, message: int) -> None:
        """Continue an answer that was cut, or answer a question that has no answer."""
        if self._chat.current.conversation.find(message).role == "user":
            self._chat.retry()
        else:
            self._chat.go_on()

    def delete(self, message: int) -> None:
        """Put a message and all that follows from it into the trash; it can be undone."""
        if self._chat.busy:
            return
        current = self._chat.current
        removed = current.remove(message)
        more = len(removed.messages) - 1
        what = "A message is in the trash" + (f", with {more} that followed from it." if more else ".")
        self._toast.tell(what, lambda: None if self._chat.busy else current.restore(removed))
