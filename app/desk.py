"""What is done with conversations and messages, carried to the chat and the archive; what these say of them, shown."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from app.composing.composer import Composer
from app.composing.editing import Editing
from app.conversations.archive import Archive
from app.conversations.export import FORMATS, file_name
from app.conversations.exports import Exports
from app.conversations.sidebar import Sidebar
from app.conversations.trash import Thrown
from app.look.box import Box
from app.look.choosing import choose_target
from app.messages.clipboard import copy_answer
from app.messages.transcript import Transcript
from app.notice import Banner
from app.talk.chat import Chat
from app.threads.failure import Failure
from app.toast import Toast
from engine.config import PRESETS

SETTLE = 500  # ms for which closing waits to hear whether the disk takes the last words


class Desk(QObject):
    """Connects ``sidebar``, ``transcript`` and ``composer`` with the conversation shown and the ones kept.

    ``banner`` says what goes wrong on disk, ``toast`` what can be undone, ``editing`` which question is edited.
    """

    def __init__(
        self, chat: Chat, archive: Archive, sidebar: Sidebar, transcript: Transcript, composer: Composer, over: QWidget
    ) -> None:
        super().__init__(over)
        self.chat, self.archive = chat, archive
        self.sidebar, self.transcript, self.composer = sidebar, transcript, composer
        self.editing, self.banner, self.toast = Editing(composer), Banner(), Toast(over, composer)
        self._over = over
        self.silent = QDeadlineTimer(0)  # until when nothing is asked: nobody may be there
        self.given_up = False  # what the disk refuses
        self.exports = Exports(archive, self)
        self.exports.ended.connect(self._exported)
        self._connect_list()
        self._connect_messages()
        self._connect_page()

    def send(self, text: str) -> bool:
        """Ask what the composer holds, in place of the question being edited if there is one; False if it cannot be."""
        edited = self.editing.question
        sent = self.chat.send(text) if edited is None else self.chat.edit(edited, text)
        if sent:
            self.editing.finish()
        return sent

    def may_close(self) -> bool:
        """Tell whether nothing would be lost; asks where something could not be saved."""
        self.chat.current.keep_draft()
        if not self.silent.hasExpired() or (self.archive.settle(SETTLE) and not self.archive.unsaved):
            return True
        sentence, more = "Some of what was written could not be saved.", "It is lost when Updraft closes."
        box = Box("Updraft", sentence, more, self._over, QMessageBox.Icon.Warning)
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.addButton("Close anyway", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        self.given_up = box.clickedButton() is not stay
        return self.given_up

    # Conversations

    def choose_file(self, chat: int | None = None) -> None:
        """Ask where a conversation, the one shown by default, is to be written, and write it there."""
        conversation = self.chat.conversation
        chat = conversation.id if chat is None else chat
        name = file_name(conversation.title if chat == conversation.id else self.archive.chats[chat].title)
        filters = [f"{words} (*.{ending})" for ending, words in FORMATS.items()]
        target = choose_target(self._over, "Export chat", f"{name}.md", filters)
        if target is not None:
            path, chosen = target
            ending = next(end for end, words in FORMATS.items() if chosen.startswith(words))
            told = path.suffix.removeprefix(".").lower() in FORMATS
            self.export(chat, path if told else Path(f"{path}.{ending}"))

    def export(self, chat: int, path: Path) -> None:
        """Write a conversation to ``path``; a banner says if that fails."""
        shown = self.chat.conversation
        newer = chat == shown.id and (self.archive.unsaved or self.chat.busy)  # than what is on disk
        self.exports.begin(chat, path, shown if newer else None)

    def restored(self, item: Thrown) -> None:
        """Show messages that are back from the trash, if their conversation is shown and nothing is in flight."""
        if item.messages and item.chat == self.chat.conversation.id and not self.chat.busy:
            self.chat.current.keep_draft()
            self.chat.current.open(item.chat, item.messages[0])

    def _exported(self, failure: Failure | None) -> None:
        if failure is not None:
            self.banner.tell(failure)

    def _delete_chat(self, chat: int) -> None:
        shown = chat == self.chat.conversation.id
        if shown:
            self.chat.start_new()
        gone = self.archive.delete(chat)

        def undo() -> None:
            self.archive.restore(gone)
            if shown and not self.chat.conversation.tree:
                self.chat.open_chat(chat)

        self.toast.tell(f"“{_short(gone.title)}” is in the trash.", undo)

    def _renamed(self, chat: int, title: str) -> None:
        if chat == self.chat.conversation.id:
            self.chat.current.rename(title)

    def _open(self, chat: int, message: int | None) -> None:
        self.chat.open_chat(chat, message)
        if chat == self.chat.conversation.id:
            self.composer.field.setFocus()

    # Messages

    def answer_again(self) -> None:
        """Give another version of the last answer."""
        messages = self.chat.conversation.messages
        if messages and messages[-1].role == "assistant":
            self.chat.regenerate(messages[-1].id)

    def edit_last(self) -> None:
        """Edit the last question."""
        asked = [message for message in self.chat.conversation.messages if message.role == "user"]
        if asked and not self.chat.busy:
            self._edit(asked[-1].id)

    def _edit(self, message: int) -> None:
        self.editing.begin(message, self.chat.conversation.find(message).text)
        self.editing.hold_escape(free=not self.chat.busy)

    def _copy(self, message: int) -> None:
        found = self.chat.conversation.find(message)
        if found.role == "assistant":
            copy_answer(found.text)
        else:
            QGuiApplication.clipboard().setText(found.text)

    def _continue(self, message: int) -> None:
        if self.chat.conversation.find(message).role == "user":
            self.chat.retry()
        else:
            self.chat.go_on()

    def _remove(self, message: int) -> None:
        if self.chat.busy:
            return
        current = self.chat.current
        removed = current.remove(message)
        more = len(removed.messages) - 1
        what = "A message is in the trash" + (f", with {more} that followed from it." if more else ".")
        self.toast.tell(what, lambda: None if self.chat.busy else current.restore(removed))

    # What the conversation says

    def _draft_changed(self, text: str) -> None:
        if text != self.composer.text:
            self.editing.show_text(text)

    def _turned(self, stands: int) -> None:
        self.transcript.show_messages(stands, self.chat.conversation.messages)

    def _changed(self) -> None:
        conversation = self.chat.conversation
        self.editing.hold_escape(free=not self.chat.busy)
        self.sidebar.show_current(conversation.id)
        self.transcript.show_versions(conversation, locked=self.chat.busy)

    def _connect_list(self) -> None:
        sidebar, archive = self.sidebar, self.archive
        sidebar.new_wanted.connect(self.chat.start_new)
        sidebar.chosen.connect(self._open)
        sidebar.renamed.connect(self._renamed)
        sidebar.delete_wanted.connect(self._delete_chat)
        sidebar.export_wanted.connect(self.choose_file)
        archive.troubled.connect(self.banner.tell)
        archive.noted.connect(self.banner.tell)
        archive.mended.connect(self.banner.hide)

    def _connect_messages(self) -> None:
        actions = self.transcript.message_actions
        self.transcript.abandoned.connect(self.composer.field.setFocus)
        actions.copy.connect(self._copy)
        actions.edit.connect(self._edit)
        actions.regenerate.connect(self.chat.regenerate)
        actions.resume.connect(self._continue)
        actions.delete.connect(self._remove)
        actions.show_version.connect(self.chat.show_version)
        actions.plain.connect(lambda: self.chat.choose(PRESETS["plain"]))
        actions.read_all.connect(self.chat.tell_all)

    def _connect_page(self) -> None:
        current = self.chat.current
        current.cleared.connect(self.editing.forget)
        current.turned.connect(self._turned)
        current.recalled.connect(self.transcript.recall)
        current.sought.connect(self.transcript.go_to)
        current.draft_changed.connect(self._draft_changed)
        self.transcript.earlier_shown.connect(self._changed)
        for changed in (current.changed, self.chat.answering, self.chat.continuing, self.chat.answered):
            changed.connect(self._changed)
        self.composer.changed.connect(lambda: current.write(self.editing.written))
        self.editing.changed.connect(lambda: self.transcript.show_edited(self.editing.question))


def _short(title: str) -> str:
    return title if len(title) <= 40 else f"{title[:39]}…"
