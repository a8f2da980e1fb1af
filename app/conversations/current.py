"""The conversation shown: opens, begins, branches and changes it, and has every change written to disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.conversations.archive import Archive
from app.conversations.conversation import ChatSettings, Conversation, Message, whole
from app.conversations.rows import as_json, chat_settings_of

DRAFT = 300  # ms after the last key until what is being written is kept


@dataclass(frozen=True, slots=True)
class Removed:
    """Remembers removed messages, for ``CurrentChat.restore``."""

    before: Conversation
    messages: tuple[int, ...]


class CurrentChat(QObject):
    """Owns the conversation shown and the draft of the next question; ``archive`` writes both to disk.

    ``turned`` carries how many of the messages shown stay; those behind them are others now. ``default`` is the
    settings that new conversations begin with.
    """

    cleared = Signal()
    turned = Signal(int)
    recalled = Signal(object)  # Message: its log has arrived
    sought = Signal(object)  # id of the message the conversation was opened for
    changed = Signal()  # the conversation is another or has changed in any way
    draft_changed = Signal(str)  # another draft than what was being written

    def __init__(self, archive: Archive, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._archive = archive
        self.default = ChatSettings()
        self.conversation = Conversation(chat_settings=self.default)
        self.draft, self._unkept = "", False
        self._new_draft = ""  # of the conversation not begun yet
        self._apart = False  # whether the conversation shown is another than that, though not begun yet
        self._new_settings: ChatSettings | None = None  # chosen for it, where that is not the default
        self._wanted: int | None = None  # the conversation being read
        self._left: dict[int, tuple[Conversation, str]] = {}  # with something in them that waits to be saved
        self._tried: set[int] = set()  # messages whose logs were asked for
        self._drafting = QTimer(self, singleShot=True, interval=DRAFT)
        self._drafting.timeout.connect(self.keep_draft)
        archive.mended.connect(self._left.clear)
        archive.replaced.connect(self._save_whole)
        archive.listed.connect(self._resume)

    @property
    def kept(self) -> bool:
        """Return whether the conversation has been given to the archive."""
        return self.is_kept(self.conversation.id)

    def is_kept(self, chat: int | None) -> bool:
        """Tell whether the archive has a conversation of that id."""
        return chat in self._archive.chats

    # Opening and beginning

    def start_new(self, apart: ChatSettings | None = None) -> None:
        """Show the new, empty conversation, with the draft and settings kept for it.

        ``apart`` shows another new one instead, which begins with those settings and leaves the kept ones alone.
        """
        self._wanted = None
        self._leave()
        if self.conversation.tree:
            self._archive.write(lambda store: store.put_note("open", ""), upkeep=True)
        new = Conversation(chat_settings=apart or self._new_settings or self.default)
        self._show(new, self._new_draft if apart is None else "", apart=apart is not None)

    def open(self, chat: int, message: int | None = None) -> None:
        """Show a conversation, on the branch that has ``message``."""
        self._wanted = chat
        if chat in self._left:
            self._read(chat, message, self._left[chat])
        else:
            self._archive.ask(lambda store: store.read(chat), lambda found: self._read(chat, message, found))

    def _read(self, chat: int, message: int | None, found: tuple[Conversation, str] | None) -> None:
        if chat != self._wanted:
            return
        self._wanted = None
        if found is None:
            return
        conversation, draft = found
        if self.conversation.id != chat:
            self._leave()
        if message is not None and all(shown.id != message for shown in conversation.messages):
            conversation = conversation.showing(message)
        self._archive.write(lambda store: store.put_note("open", str(chat)), upkeep=True)
        self._show(conversation, draft)
        if message is not None:
            self.sought.emit(message)

    def _show(self, conversation: Conversation, draft: str, *, apart: bool = False) -> None:
        self.conversation, self.draft, self._apart = conversation, draft, apart
        self._tried.clear()
        self.cleared.emit()
        self.turned.emit(0)
        self.draft_changed.emit(draft)
        self.changed.emit()
        self._recall()

    def _leave(self) -> None:
        """Save what is not on disk yet of the conversation shown."""
        self.keep_draft()
        if self._archive.unsaved and self.conversation.tree:
            self._left[self.conversation.id] = (self.conversation, self.draft)

    def _resume(self) -> None:
        """Reopen the conversation of the last session, unless something was begun meanwhile."""
        self._archive.ask(lambda store: [store.note(name) for name in ("open", "draft", "manner")], self._resume_at)

    def _resume_at(self, notes: Sequence[str]) -> None:
        chat, self._new_draft, chat_settings = notes
        if chat_settings and self._new_settings is None:
            self._new_settings = chat_settings_of(chat_settings)
        if self.conversation.tree or self.draft or self._wanted is not None:
            return
        if chat.isdecimal() and int(chat) in self._archive.chats:
            self.open(int(chat))
        elif self._new_draft or chat_settings:
            self.start_new()

    def delete(self, chat: int) -> None:
        """Put a conversation that is not the one shown into the trash."""
        self._archive.delete(chat)

    # Messages

    def ask(self, text: str) -> None:
        """Add a question at the end of the branch shown, and save it."""
        self._wanted = None
        question = Message("user", whole(text))
        self.conversation = conversation = self.conversation.plus(question)
        question = conversation.messages[-1]
        first = not self.kept
        self._archive.write(lambda store: store.add_question(conversation, question))
        if first:
            self._archive.write(lambda store: store.put_note("open", str(conversation.id)), upkeep=True)
        if first and not self._apart:  # the next one begins with nothing written and nothing chosen
            self._new_draft = ""
            self._archive.write(lambda store: store.put_draft(None, ""), upkeep=True)
            self._keep_new_settings(self.default)
        self._drafting.stop()
        self.draft, self._unkept = "", False
        self._archive.touch(conversation)
        self.changed.emit()

    def settle(self, answer: Message) -> None:
        """Add a finished or continued answer, which the archive has already."""
        conversation = self.conversation
        known = any(message.id == answer.id for message in conversation.tree)
        self.conversation = conversation.with_message(answer) if known else conversation.plus(answer)
        self._archive.touch(self.conversation)
        self.changed.emit()

    def back_to(self, message: int | None) -> None:
        """Cut the branch shown after ``message``, to continue from there differently."""
        self._turn(self.conversation.back_to(message))

    def show_version(self, message: int) -> None:
        """Show the newest branch with ``message`` in it."""
        self._turn(self.conversation.showing(message))
        self._recall()

    def step_back(self) -> None:
        """Show the last question's newest answer again after another attempt produced nothing."""
        last = self.conversation.messages[-1:]
        versions = [message.id for message in self.conversation.tree if last and message.parent == last[0].id]
        if versions and last[0].role == "user":
            self.show_version(versions[-1])

    def seek(self, message: int) -> None:
        """Show ``message``, switching branches if it is not on the one shown."""
        if all(shown.id != message for shown in self.conversation.messages):
            self.show_version(message)
        self.sought.emit(message)

    def remove(self, message: int) -> Removed:
        """Remove a message and all that follows from it; return what ``restore`` needs."""
        before = self.conversation
        gone = before.below(message)
        self._archive.write(lambda store: store.trash.take_messages(gone))
        self._turn(before.without(message))
        self._recall()
        return Removed(before, gone)

    def restore(self, removed: Removed) -> None:
        """Bring removed messages back."""
        self._archive.write(lambda store: store.trash.give_messages(removed.messages))
        if removed.before.id != self.conversation.id:
            return
        back = [message for message in removed.before.tree if message.id in removed.messages]
        tree = tuple(sorted([*self.conversation.tree, *back], key=lambda message: message.created))
        conversation = replace(self.conversation, tree=tree).showing(removed.messages[0])
        if removed.before.leaf in removed.messages:
            conversation = conversation.back_to(removed.before.leaf)
        self._turn(conversation)

    def rename(self, title: str) -> None:
        """Set a title given by hand."""
        if title != self.conversation.title:
            self.conversation = replace(self.conversation, title=title, named=True)
            self.changed.emit()

    def _turn(self, conversation: Conversation) -> None:
        """Show ``conversation``, the same one on another branch."""
        stands = self.conversation.shared_with(conversation)
        self.conversation = conversation
        if self.kept:
            self._archive.write(lambda store: store.put(conversation))
        self.turned.emit(stands)
        self.changed.emit()

    # Chat settings

    def set_chat_settings(self, chat_settings: ChatSettings) -> None:
        """Use ``chat_settings`` from the next question on."""
        if chat_settings == self.conversation.chat_settings:
            return
        self.conversation = conversation = replace(self.conversation, chat_settings=chat_settings)
        if self.kept:
            self._archive.write(lambda store: store.put(conversation))
        else:
            self._keep_new_settings(chat_settings)
        self.changed.emit()

    def _keep_new_settings(self, chat_settings: ChatSettings) -> None:
        """Save the settings of the new conversation beside its draft, unless it is the default."""
        chosen = None if chat_settings == self.default else chat_settings
        if chosen != self._new_settings:
            self._new_settings = chosen
            kept = "" if chosen is None else as_json(asdict(chosen))
            self._archive.write(lambda store: store.put_note("manner", kept), upkeep=not kept)

    def set_default(self, chat_settings: ChatSettings) -> None:
        """Begin conversations with ``chat_settings`` from now on, the empty one shown included."""
        untouched = self.conversation.chat_settings == self.default
        self.default = chat_settings
        if untouched and not self.conversation.tree:
            self.set_chat_settings(chat_settings)

    # Draft

    def write(self, text: str) -> None:
        """Take the draft; save it shortly after the last key."""
        text = whole(text)
        if text != self.draft:
            self.draft, self._unkept = text, True
            self._drafting.start()

    def keep_draft(self) -> None:
        """Save the draft now."""
        if not self._unkept:
            return
        self._drafting.stop()
        self._unkept = False
        text, chat = self.draft, self.conversation.id if self.conversation.tree else None
        if chat is None:
            self._new_draft = text
        self._archive.write(lambda store: store.put_draft(chat, text))

    # Logs

    def _recall(self) -> None:
        """Load the newest log of the branch shown that is not in memory."""
        missing = (m for m in reversed(self.conversation.messages) if not m.recalled and m.id not in self._tried)
        message = next(missing, None)
        if message is not None:
            self._tried.add(message.id)
            chat = self.conversation.id
            self._archive.ask(lambda store: store.recall(message), lambda found: self._take_log(chat, found))

    def _take_log(self, chat: int, message: Message) -> None:
        if chat == self.conversation.id and any(known.id == message.id for known in self.conversation.messages):
            self.take_log(message)
            self._recall()

    def take_log(self, message: Message) -> None:
        """Give a message of the branch shown the log it lacks."""
        if message.recalled and not self.conversation.find(message.id).recalled:
            self.conversation = self.conversation.with_message(message)
            self.recalled.emit(message)

    def _save_whole(self) -> None:
        """Write the whole conversation shown into a new file."""
        conversation = self.conversation
        if conversation.tree:
            self._archive.write(lambda store: store.put_whole(conversation))
            self._archive.touch(conversation)
