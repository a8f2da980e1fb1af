"""Keeps the context meter up to date, and offers a choice when a message does not fit: nothing is cut silently."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QTextCursor

from app.composing.composer import Composer
from app.composing.editing import Editing
from app.composing.token_counter import TokenCounter
from app.composing.wording import excerpt
from app.notices import Banner
from app.talk.chat import Chat
from app.talk.standing import Engine
from app.threads.exchange import Fill, Turns
from app.threads.failure import Failure


class ContextMeter(QObject):
    """Counts what would be sent as it changes. ``send`` asks the question once there is room.

    A question that ``editing`` is changing is counted with the messages before it.
    """

    def __init__(
        self,
        chat: Chat,
        counter: TokenCounter,
        composer: Composer,
        banner: Banner,
        editing: Editing,
        send: Callable[[str], object],
    ) -> None:
        super().__init__(banner)
        self.chat, self.counter, self.composer, self.banner = chat, counter, composer, banner
        self._editing, self._send = editing, send
        self._explaining = False
        composer.changed.connect(self.look)
        for changed in (chat.current.changed, chat.options_changed, chat.answered):
            changed.connect(self.look)
        chat.engine_changed.connect(self._engine_changed)
        chat.failed.connect(self._failed)
        counter.filled.connect(self._filled)

    def look(self) -> None:
        """Count what would be sent, after a short pause."""
        turns = self._turns(self.composer.text)
        if not turns or self.chat.next_models != self.chat.models:
            self._forget()
        elif not self.chat.busy and self.chat.engine is Engine.READY:
            self.counter.watch(turns, self.chat.preset, self.chat.current.conversation.chat_settings.max_tokens)

    def show_growth(self) -> None:
        """Show how far the answer in flight has filled the context; the engine has no time to count."""
        tally = self.chat.flight.tally
        if tally.started is not None:
            self.composer.show_context(tally.started.prompt + tally.tokens, tally.started.context)

    def fits(self, text: str) -> bool:
        """Return whether ``text`` fits as far as is known; if it does not, offer a choice."""
        fill = self.counter.known(self._turns(text))
        if fill is None or fill.fits:
            return True
        self._offer(fill)
        return False

    def trim(self) -> None:
        """Leave the oldest turns out, as offered, and ask."""
        fill = self.counter.fill
        if fill is not None and fill.surplus:
            self.chat.trimming.leave_out(fill.surplus)
        self.banner.hide()
        if self.composer.text.strip():
            self._send(self.composer.text)
        else:
            self.chat.retry()

    def shorten(self) -> None:
        """Return the message to the composer, so that it can be shortened."""
        self._take_back()
        self.banner.hide()
        self.composer.field.moveCursor(QTextCursor.MoveOperation.End)
        self.composer.field.ensureCursorVisible()
        self.composer.field.setFocus()

    def begin_anew(self) -> None:
        """Start a new conversation with the message."""
        text = self._take_back()
        self.chat.start_new()
        if text:
            self.composer.show_text(text)

    def _take_back(self) -> str:
        """Move the message back into the composer and return it; its old place in the tree stays."""
        last = self.chat.current.conversation.messages[-1:]
        if not self.composer.text.strip() and last and last[0].role == "user" and not self.chat.busy:
            self.chat.current.back_to(last[0].parent)
            self.composer.show_text(last[0].text)
        return self.composer.text

    def _failed(self, failure: Failure) -> None:
        """Find out what would have to go for a question that the engine refused, and offer the choice."""
        if "trim" in failure.remedies:
            self._explaining = True
            self.counter.refresh()
            self.look()

    def _engine_changed(self) -> None:
        if self.chat.engine is Engine.LENT:
            return  # it is the same model that comes back
        self._forget()  # what the model before could hold is not what the next one can
        self.look()

    def _turns(self, text: str) -> Turns:
        return self.chat.trimming.turns(text, instead_of=self._editing.question)

    def _forget(self) -> None:
        self.counter.forget()
        self.composer.show_context(0, 0)

    def _filled(self, fill: Fill) -> None:
        if self.chat.busy:
            return
        self.composer.show_context(fill.used, fill.limit)
        if self._explaining and not fill.fits:
            self._offer(fill)
        self._explaining = False

    def _offer(self, fill: Fill) -> None:
        sentence = f"This message does not fit: {fill.used:,} tokens, and the model can hold {fill.limit:,}."
        if fill.surplus is None:
            hint = "Even with nothing but this message there is no room. Shorten it, or choose another model."
            self.banner.tell(Failure(sentence, hint, remedies=("shorten", "model")))
            return
        said = [text for role, text in self._turns(self.composer.text) if role != "system"]
        first, last = excerpt(said[0]), excerpt(said[fill.surplus - 1])
        hint = (
            f"Leaving out the oldest {fill.surplus} messages, from “{first}” to “{last}”, makes room. "
            "They stay in the chat; the model does not see them any more."
        )
        self.banner.tell(Failure(sentence, hint, remedies=("trim", "shorten", "new chat")))
