"""What can be done with whole conversations: open, rename, delete, export and bring back from the trash."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.conversations.archive import Archive
from app.conversations.export_file import FORMATS, file_name
from app.conversations.running_exports import Exports
from app.conversations.sidebar import Sidebar
from app.conversations.trash import Thrown
from app.look.choosing import choose_target
from app.notices import Banner, Toast
from app.talk.chat import Chat
from app.threads.failure import Failure


class ConversationCommands(QObject):
    """Does what ``sidebar`` and the menus ask for: with the conversation in ``chat`` and with all those in ``archive``.

    ``banner`` says what goes wrong on disk, ``toast`` what can be undone.
    """

    def __init__(self, chat: Chat, archive: Archive, sidebar: Sidebar, banner: Banner, toast: Toast) -> None:
        super().__init__(toast)
        self._chat, self._archive, self._banner, self._toast = chat, archive, banner, toast
        self.exports = Exports(archive, self)
        self.exports.ended.connect(self._exported)
        sidebar.new_wanted.connect(chat.start_new)
        sidebar.chosen.connect(chat.open_chat)
        sidebar.renamed.connect(self.rename)
        sidebar.delete_wanted.connect(self.delete)
        sidebar.export_wanted.connect(self.choose_file)
        archive.troubled.connect(banner.tell)
        archive.noted.connect(banner.tell)
        archive.mended.connect(banner.hide)

    def choose_file(self, chat: int | None = None) -> None:
        """Ask where a conversation, the one shown by default, is to be written, and write it there."""
        shown = self._chat.current.conversation
        chat = shown.id if chat is None else chat
        name = file_name(shown.title if chat == shown.id else self._archive.chats[chat].title)
        filters = [f"{words} (*.{ending})" for ending, words in FORMATS.items()]
        target = choose_target(self._window, "Export chat", f"{name}.md", filters)
        if target is not None:
            path, chosen = target
            ending = next(end for end, words in FORMATS.items() if chosen.startswith(words))
            given = path.suffix.removeprefix(".").lower() in FORMATS
            self.export(chat, path if given else Path(f"{path}.{ending}"))

    def export(self, chat: int, path: Path) -> None:
        """Write a conversation to ``path``; a banner says if that fails."""
        shown = self._chat.current.conversation
        newer = chat == shown.id and (self._archive.unsaved or self._chat.busy)  # than what is on disk
        self.exports.begin(chat, path, shown if newer else None)

    def rename(self, chat: int, title: str) -> None:
        """Give the conversation shown the title that it got in the list."""
        if chat == self._chat.current.conversation.id:
            self._chat.current.rename(title)

    def delete(self, chat: int) -> None:
        """Put a conversation into the trash; it can be undone."""
        shown = chat == self._chat.current.conversation.id
        if shown:
            self._chat.start_new()
        gone = self._archive.delete(chat)

        def undo() -> None:
            self._archive.restore(gone)
            if shown and not self._chat.current.conversation.tree:
                self._chat.open_chat(chat)

        self._toast.tell(f"“{_short(gone.title)}” is in the trash.", undo)

    def show_restored(self, item: Thrown) -> None:
        """Show messages that are back from the trash, if their conversation is shown and nothing is in flight."""
        current = self._chat.current
        if item.messages and item.chat == current.conversation.id and not self._chat.busy:
            current.keep_draft()
            current.open(item.chat, item.messages[0])

    @property
    def _window(self) -> QWidget:
        return self._toast.window()

    def _exported(self, failure: Failure | None) -> None:
        if failure is not None:
            self._banner.tell(failure)


def _short(title: str) -> str:
    return title if len(title) <= 40 else f"{title[:39]}…"
