"""Switches to the models a chat was written with, or says that they are missing."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.models.model_picker import ModelPicker
from app.notices import Banner
from app.talk.chat import Chat
from app.threads.failure import Failure


class ModelMatching(QObject):
    """Finds the models a chat was written with among those ``picker`` offers, whenever a chat is shown.

    They are loaded when the next question is begun: to read a chat nothing has to be loaded.
    ``told``: the banner said that they are missing.
    """

    told = Signal()

    def __init__(self, chat: Chat, picker: ModelPicker, banner: Banner) -> None:
        super().__init__(picker)
        self._chat, self._picker, self._banner = chat, picker, banner
        self._shown: int | None = None  # the conversation looked at last
        self._complete = False  # whether the library has told what it has
        chat.current.changed.connect(self._look)
        picker.offered.connect(self._offered)

    def _offered(self) -> None:
        self._complete = True
        if self._chat.next_models == self._chat.models:
            self._match()

    def _look(self) -> None:
        """Match a conversation once, as it is shown: afterwards another model may have been chosen for it."""
        if self._chat.current.conversation.id != self._shown:
            self._shown = self._chat.current.conversation.id
            self._match()

    def _match(self) -> None:
        name, present = self._chat.current.conversation.model, self._chat.models
        if name is None or present is None or name == present.name:
            self._chat.expect(None)
            return
        models = self._picker.named(name)
        self._chat.expect(models)
        if models is None and self._complete:
            self._tell(name, present.name)

    def _tell(self, name: str, present: str) -> None:
        sentence = f"{name}, which wrote this chat, is not on this computer."
        ways = (
            "If it is on a drive, connect the drive; if its folder was renamed, open that folder; or download it again."
        )
        hint = f"{present} would answer the next question. {ways}"
        self._banner.tell(Failure(sentence, hint, remedies=("get", "present"), calm=True))
        self.told.emit()
