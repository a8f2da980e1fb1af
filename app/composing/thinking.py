"""Connects the Think button to the conversation shown."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject

from app.composing.think_button import ThinkButton
from app.talk.chat import Chat


class Thinking(QObject):
    """Makes ``button`` show and change whether the model of ``chat`` thinks first in the conversation shown."""

    def __init__(self, chat: Chat, button: ThinkButton) -> None:
        super().__init__(button)
        self._chat, self._button = chat, button
        button.clicked.connect(self._change)
        for changed in (chat.traits_changed, chat.current.changed):
            changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        unasked, chosen = self._chat.traits.thinks, self._chat.current.conversation.chat_settings.thinking
        self._button.setVisible(unasked is not None)
        self._button.setChecked(bool(unasked if chosen is None else chosen))

    def _change(self, first: bool) -> None:
        chat_settings = self._chat.current.conversation.chat_settings
        self._chat.current.set_chat_settings(replace(chat_settings, thinking=first))
