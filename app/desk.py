"""Connects the conversations kept with what shows them, and says what goes wrong on disk."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QShortcut
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QMessageBox, QPushButton, QWidget

from app.chat import Chat
from app.composing.composer import Composer
from app.conversations.archive import Archive
from app.conversations.conversation import Conversation
from app.conversations.export import FORMATS, ExportError, export, file_name
from app.conversations.sidebar import Sidebar
from app.exchange import Failure, Remedy
from app.messages.transcript import Transcript
from app.notice import Banner
from app.toast import Toast


class EditStrip(QFrame):
    """Says above the composer that a question is being edited. ``left``: it is not to be after all."""

    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("editStrip")
        label = QLabel("Editing a question. Sending asks it anew; the old version is kept.")
        label.setObjectName("status")
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("quiet")
        self.cancel.setAccessibleName("Cancel editing")
        self.cancel.setToolTip("Cancel editing (Esc)")
        self.cancel.clicked.connect(self.left)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 0, 0)
        row.addWidget(label, 1)
        row.addWidget(self.cancel)
        self.hide()


class Desk(QObject):
    """Carries what a person does with conversations to ``chat`` and ``archive``, and what these say to the widgets."""

    def __init__(
        self, chat: Chat, archive: Archive, sidebar: Sidebar, transcript: Transcript, composer: Composer, over: QWidget
    ) -> None:
        super().__init__(over)
        self.chat, self.archive = chat, archive
        self.sidebar, self.transcript, self.composer = sidebar, transcript, composer
        self.strip, self.banner, self.toast = EditStrip(), Banner(), Toast(over, composer)
        self._over = over
        self._editing: int | None = None
        self._stash = ""  # what was being written before a question was edited
        context = Qt.ShortcutContext.WidgetWithChildrenShortcut
        self._leave_keys = QShortcut(Qt.Key.Key_Escape, composer, context=context)
        self._leave_keys.activated.connect(self.leave_edit)
        self._leave_keys.setEnabled(False)
        self._connect()

    def send(self, text: str) -> bool:
        """Ask what the composer holds, in place of the question being edited if there is one; False if it cannot be."""
        edited = self._editing
        sent = self.chat.send(text) if edited is None else self.chat.edit(edited, text)
        if sent:
            self._editing, stash = None, self._stash if edited is not None else ""
            self.strip.hide()
            self.composer.field.setPlainText(stash)
        return sent

    def choose_file(self, chat: int | None = None) -> None:
        """Ask where a conversation, the one shown by default, is to be written, and write it there."""
        conversation = self.chat.conversation
        chat = conversation.id if chat is None else chat
        name = file_name(conversation) if chat == conversation.id else self.archive.chats[chat].title
        filters = ";;".join(f"{words} (*.{ending})" for ending, words in FORMATS.items())
        path, chosen = QFileDialog.getSaveFileName(self._over, "Export conversation", f"{name}.md", filters)
        if path:
            ending = next(end for end, words in FORMATS.items() if chosen.startswith(words))
            self.export(chat, Path(path) if Path(path).suffix else Path(f"{path}.{ending}"))

    def export(self, chat: int, path: Path) -> None:
        """Write a conversation to ``path``; a banner says if that fails."""
        if chat == self.chat.conversation.id and (self.archive.unsaved or self.chat.busy):
            self._exported(_write(self.chat.conversation, path))
        else:
            self.archive.ask(lambda store: _write(store.read_whole(chat), path), self._exported)

    def may_close(self) -> bool:
        """Tell whether nothing would be lost; asks where something could not be saved."""
        self.chat.page.keep_draft()
        if not self.archive.unsaved:
            return True
        box = QMessageBox(self._over)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setText("Some of what was written could not be saved.")
        box.setInformativeText("It is lost when Updraft closes.")
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.addButton("Close anyway", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        return box.clickedButton() is not stay

    # What is done in the list

    def _delete_chat(self, chat: int) -> None:
        shown = chat == self.chat.conversation.id
        if shown:
            self.chat.start_new()
        gone = self.archive.delete(chat)

        def undo() -> None:
            self.archive.restore(gone)
            if shown and not self.chat.conversation.tree:
                self.chat.open_chat(chat)

        self.toast.tell(f"“{_short(gone.title)}” was deleted.", undo)

    def _renamed(self, chat: int, title: str) -> None:
        if chat == self.chat.conversation.id:
            self.chat.page.rename(title)

    def _open(self, chat: int, message: int | None) -> None:
        self.chat.open_chat(chat, message)
        if chat == self.chat.conversation.id:
            self.composer.field.setFocus()

    # What is done with a message

    def _copy(self, message: int) -> None:
        QGuiApplication.clipboard().setText(self.chat.conversation.find(message).text)

    def _edit(self, message: int) -> None:
        if self._editing is None:
            self._stash = self.composer.text
        self._editing = message
        self._leave_keys.setEnabled(not self.chat.busy)
        self.strip.show()
        self.composer.field.setPlainText(self.chat.conversation.find(message).text)
        self.composer.field.moveCursor(self.composer.field.textCursor().MoveOperation.End)
        self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def leave_edit(self) -> None:
        """Edit no longer; what was being written before comes back."""
        if self._editing is not None:
            self._editing = None
            self._leave_keys.setEnabled(False)
            self.strip.hide()
            self.composer.field.setPlainText(self._stash)
            self.composer.field.setFocus()

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

    def _continue(self, message: int) -> None:
        if self.chat.conversation.find(message).role == "user":
            self.chat.retry()
        else:
            self.chat.go_on()

    def _remove(self, message: int) -> None:
        if self.chat.busy:
            return
        page = self.chat.page
        removed = page.remove(message)
        more = len(removed.messages) - 1
        what = "A message was deleted" + (f", with {more} that followed from it." if more else ".")
        self.toast.tell(what, lambda: None if self.chat.busy else page.restore(removed))

    # What the conversation says

    def _cleared(self) -> None:
        self._editing = None
        self.strip.hide()

    def _draft_changed(self, text: str) -> None:
        if text != self.composer.text:
            self.composer.field.setPlainText(text)
            self.composer.field.moveCursor(self.composer.field.textCursor().MoveOperation.End)

    def _written(self) -> None:
        parts = (self._stash, self.composer.text) if self._editing is not None else (self.composer.text,)
        self.chat.page.write("\n\n".join(part for part in parts if part))

    def _turned(self, stands: int) -> None:
        self.transcript.show_messages(stands, self.chat.conversation.messages)

    def _changed(self) -> None:
        conversation = self.chat.conversation
        self._leave_keys.setEnabled(self._editing is not None and not self.chat.busy)  # else Esc stops
        self.sidebar.show_current(conversation.id)
        self.transcript.show_versions(conversation, locked=self.chat.busy)

    def _saving_failed(self, failure: Failure) -> None:
        self.banner.tell(failure)

    def _remedy(self, remedy: Remedy) -> None:
        if remedy == "save again":
            self.archive.save_again()
        elif remedy == "make folder":
            self.archive.make_folder()
        elif remedy == "data folder" and self.archive.folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.archive.folder)))

    def _exported(self, failure: Failure | None) -> None:
        if failure is not None:
            self.banner.tell(failure)

    def _connect(self) -> None:
        page, sidebar, transcript = self.chat.page, self.sidebar, self.transcript
        sidebar.new_wanted.connect(self.chat.start_new)
        sidebar.chosen.connect(self._open)
        sidebar.renamed.connect(self._renamed)
        sidebar.delete_wanted.connect(self._delete_chat)
        sidebar.export_wanted.connect(self.choose_file)
        transcript.copy_wanted.connect(self._copy)
        transcript.edit_wanted.connect(self._edit)
        transcript.again_wanted.connect(self.chat.regenerate)
        transcript.continue_wanted.connect(self._continue)
        transcript.remove_wanted.connect(self._remove)
        transcript.version_wanted.connect(self.chat.show_version)
        page.cleared.connect(self._cleared)
        page.turned.connect(self._turned)
        page.recalled.connect(transcript.recall)
        page.sought.connect(transcript.go_to)
        transcript.earlier_shown.connect(self._changed)
        page.draft_changed.connect(self._draft_changed)
        for changed in (page.changed, self.chat.answering, self.chat.continuing, self.chat.answered):
            changed.connect(self._changed)
        self.composer.field.textChanged.connect(self._written)
        self.strip.left.connect(self.leave_edit)
        self.archive.troubled.connect(self._saving_failed)
        self.archive.noted.connect(self._saving_failed)
        self.archive.mended.connect(self.banner.hide)
        self.banner.remedy_chosen.connect(self._remedy)


def _write(conversation: Conversation | None, path: Path) -> Failure | None:
    """Export, and return what went wrong; on whatever thread it is called."""
    try:
        if conversation is not None:
            export(conversation, path)
    except ExportError as error:
        return Failure.of(error)
    return None


def _short(title: str) -> str:
    return title if len(title) <= 40 else f"{title[:39]}…"
