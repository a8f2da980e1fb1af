"""Lends the memory of the chat's models to something else, for as long as nobody asks them anything."""

from __future__ import annotations

import threading

from app.talk.chat import Chat
from app.talk.standing import Engine


class Lending:
    """Has the models of ``chat`` unloaded and loaded again. What a person sees of the conversation stays as it is.

    Whatever is opened meanwhile, by a question or otherwise, waits on the engine's thread until the memory is taken
    back, and the question behind it: so none is answered by a model that is not there, and none is lost.
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    @property
    def lent(self) -> bool:
        """True until the memory is taken back, also where somebody waits for that."""
        return not self._chat.room.is_set()

    def lend(self) -> bool:
        """Have what is loaded unloaded; False, with nothing done, where an answer is in flight or nothing is loaded."""
        if self._chat.busy or self._chat.engine is not Engine.READY:
            return False
        self._chat.room = threading.Event()
        self._chat.unload_wanted.emit()  # before anybody hears of it who opens something
        self._chat.set_engine(Engine.LENT)
        return True

    def take_back(self) -> None:
        """Have what was lent loaded again: nothing else has its memory any more. If none was, nothing is done."""
        self._chat.room.set()
        if self._chat.engine is Engine.LENT and self._chat.next_models is not None:
            self._chat.open(self._chat.next_models)
