"""The main window: makes its parts, arranges and connects them. Importing it never imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QMainWindow, QVBoxLayout, QWidget

from app.composing.files import TextFiles
from app.composing.footer import Footer
from app.composing.token_counter import TokenCounter
from app.conversations.archive import Archive
from app.conversations.closing import Closing
from app.conversations.sidebar import Sidebar
from app.desktop.folders import show_folder
from app.desktop.placing import FirstPaint, keep_place, place
from app.dialogs import Dialogs
from app.frame import Frame
from app.look.middle import Middle
from app.look.palette import Palette
from app.look.theme import Theme
from app.menus import Menus, theme_actions
from app.messages.find import FindBar
from app.messages.inspector import Inspector, remembered
from app.messages.transcript import Transcript
from app.models.model_matching import ModelMatching
from app.models.model_picker import ModelPicker
from app.models.topbar import TopBar
from app.notices import Toast
from app.presenter import Presenter
from app.settings.options import Settings
from app.settings.preferences import Preferences
from app.speculation.panel import SpeculationPanel
from app.speculation.player import Player
from app.talk.chat import Chat
from app.talk.conversation_commands import ConversationCommands
from app.talk.faults import crashed
from app.talk.message_commands import MessageCommands
from app.threads.failure import Remedy
from engine.config import ModelSet


class Window(QMainWindow):
    """Shows ``chat`` in the look of ``theme``. ``known`` are the model sets offered at first.

    ``settings`` remembers where it stood. ``remedies`` is what the buttons of its banners do.
    """

    get_wanted = Signal()  # the models that are missing
    race_wanted = Signal()  # over the last answer

    def __init__(
        self,
        chat: Chat,
        archive: Archive,
        theme: Theme,
        preferences: Preferences,
        counter: TokenCounter,
        settings: QSettings,
        known: Sequence[ModelSet],
        logs: Path,
    ) -> None:
        super().__init__()
        self.chat, self.archive, self.theme, self.preferences = chat, archive, theme, preferences
        self._settings, self._logs = settings, logs
        self.first_paint = FirstPaint(self)
        self._report = ""  # of the fault told last
        self.setWindowTitle("Updraft")
        self.setMinimumHeight(420)
        self._make_widgets(settings, counter)
        self.columns = Frame(self._main_column(), self.panel, self.topbar, self.sidebar)
        self.setCentralWidget(self.columns)
        self.picker = ModelPicker(chat, self.topbar, preferences, known, self)
        self.matching = ModelMatching(chat, self.picker, self.banner)
        self.dialogs = Dialogs(self, chat, archive, preferences, logs)
        self.files = TextFiles(self.composer, self.banner, self)
        self.conversations = ConversationCommands(chat, archive, self.sidebar, self.footer.disk_banner, self.toast)
        self.messages = MessageCommands(chat, self.transcript, self.editing.begin, self.toast)
        self.closing = Closing(chat.current, archive, self)
        self._make_menus()
        self._presenter = Presenter(
            chat, self.sidebar, self.transcript, self.inspector, self.composer, self.banner, self.footer.loading
        )
        self._connect()
        self._connect_columns()
        self._restore()
        self.composer.send_with(preferences.settings.send_key)
        self.composer.field.setFocus()

    def focusNextPrevChild(self, onward: bool) -> bool:
        """Put the conversation in order first: parts of it are made whenever they are wanted.

        Qt asks for this as well where what has the keyboard is hidden or disabled; it goes to the composer then, and
        the view stays where it is.
        """
        focus = QApplication.focusWidget()
        if focus is not None and self.isAncestorOf(focus) and not (focus.isVisible() and focus.isEnabled()):
            self.composer.field.setFocus(Qt.FocusReason.OtherFocusReason)
            return True
        self.transcript.order_keys()
        moved = super().focusNextPrevChild(onward)
        self.transcript.show_focus()
        return moved

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember how the window stood; stay if something would be lost."""
        if not self.closing.allowed():
            event.ignore()
            return
        self.remember()
        event.accept()

    def remember(self) -> None:
        """Keep how the window stood."""
        keep_place(self, self._settings)
        self._settings.setValue("panel", self.columns.wanted)
        self._settings.setValue("sidebar", self.columns.left_wanted)

    def come_forward(self) -> None:
        """Be seen, from wherever the window was put."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def tell_fault(self, report: str, *, past: bool) -> None:
        """Offer the ``report`` of a fault, of this run or of the ``past`` one."""
        self._report = report
        self.banner.tell(crashed(past=past))

    def fill_screen(self) -> None:
        """Use the whole screen, or no longer."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def search_chats(self) -> None:
        """Put the keyboard into the search over all chats."""
        if not self.sidebar.isVisible():
            self.columns.show_left(True)
        self.sidebar.focus_search()

    # Construction

    def _make_widgets(self, settings: QSettings, counter: TokenCounter) -> None:
        palette, marked = self.theme.palette, self.preferences.settings.highlight
        self.highlight = _toggle(self, "Highlight tokens", "Ctrl+H", marked)
        self.panel_shown = _toggle(self, "Speculation", "Ctrl+J", True, "Show or hide how the answer is made (Ctrl+J)")
        self.sidebar_shown = _toggle(self, "Chats", "Ctrl+B", True, "Show or hide the list of chats (Ctrl+B)")
        self.topbar = TopBar(self.panel_shown, self.sidebar_shown)
        self.sidebar = Sidebar(self.archive, palette)
        self.transcript = Transcript(palette, marked=marked, view=remembered(settings))
        self.transcript.set_motion(not self.theme.still)
        self.panel = SpeculationPanel(palette)
        self.find_bar = FindBar(self.transcript.texts, self.transcript.write_more, palette)
        self.player = Player(palette)
        self.inspector = Inspector(self.transcript, self.panel, self.player, settings, self)
        self.inspector.show_technical(self.preferences.settings.technical)
        self.topbar.add_views(list(self.inspector.views.values()))
        self.footer = Footer(self.chat, counter, self.player)
        self.composer, self.editing = self.footer.composer, self.footer.editing
        self.banner, self.context_meter = self.footer.banner, self.footer.context_meter
        self.toast = Toast(self, self.composer)

    def _main_column(self) -> QWidget:
        """Stack the top bar, the conversation, and what stands below it in a column as wide as the text."""
        main = QWidget()
        rows = QVBoxLayout(main)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.topbar)
        rows.addWidget(self.find_bar)
        rows.addWidget(self.transcript, 1)
        rows.addWidget(Middle(self.footer))
        return main

    def _make_menus(self) -> None:
        self.themes = theme_actions(self.preferences)
        groups = {
            "columns": (self.sidebar_shown, self.panel_shown, self.highlight),
            "views": (*self.inspector.views.values(), self.inspector.switch),
            "themes": tuple(self.themes.values()),
            "methods": tuple(self.topbar.presets.values()),
        }
        self.menus = Menus(self.menuBar(), self._acts(), groups, self.toast.take_back)
        for text, title in (("Settings…", "Settings"), ("Trash…", "Trash")):
            self.sidebar.add_foot(self.menus.actions[text], title)
        self.remedies = self._make_remedies()
        for banner in (self.banner, self.footer.disk_banner):
            banner.set_remedies(self.remedies)

    def _acts(self) -> dict[str, Callable[[], object]]:
        """Return what each item of the menus does."""
        return {
            "New chat": self.chat.start_new,
            "Attach text files…": self.files.choose,
            "Export…": self.conversations.choose_file,
            "Close window": self.close,
            "Quit": self.close,
            "Find…": self.find_bar.open_for_selection,
            "Find next": lambda: self.find_bar.step(1),
            "Find previous": lambda: self.find_bar.step(-1),
            "Search chats": self.search_chats,
            "Larger": lambda: self.preferences.zoom(1),
            "Smaller": lambda: self.preferences.zoom(-1),
            "Normal size": lambda: self.preferences.zoom(None),
            "Full screen": self.fill_screen,
            "Replay the answer": self.inspector.replay,
            "Jump to latest": self.transcript.jump_to_latest,
            "Stop": self.chat.stop,
            "Retry": self.footer.retry,
            "Continue the answer": self.chat.go_on,
            "Regenerate the answer": self.messages.regenerate_last,
            "Edit the last question": self.editing.begin_last,
            "Race the last answer…": self.race_wanted.emit,
            "Copy the last answer": self.messages.copy_last,
            "Copy the last code block": self.messages.copy_code,
            "Open model folder…": self.picker.choose_folder,
            "Open data folder": lambda: show_folder(self.archive.folder),
            "Open log folder": lambda: show_folder(self._logs),
            **self.dialogs.acts(),
        }

    def _make_remedies(self) -> dict[Remedy, Callable[[], object]]:
        """Return what each button of a banner does."""
        return {
            "retry": self.chat.retry,
            "folder": self.picker.choose_folder,
            "new chat": self.context_meter.begin_anew,
            "model": self.topbar.models.showMenu,
            "trim": self.context_meter.trim,
            "shorten": self.context_meter.shorten,
            "report": lambda: self.dialogs.report(self._report),
            "data folder": lambda: show_folder(self.archive.folder),
            "save again": self.archive.save_again,
            "make folder": self.archive.make_folder,
            "settings": self.dialogs.settings,
            "get": self.get_wanted.emit,
            "present": lambda: None,  # the banner goes, nothing else
        }

    def _connect(self) -> None:
        self.preferences.changed.connect(self._settings_changed)
        self.preferences.failed.connect(self.banner.tell)
        self.theme.changed.connect(self._show_palette)
        self.picker.opening.connect(self.banner.hide)
        self.topbar.picked.connect(self.composer.field.setFocus)
        self.sidebar.offline_chosen.connect(lambda: self.dialogs.settings().show_section("network"))
        self.dialogs.restored.connect(self.conversations.show_restored)
        self.topbar.sampling.form.more_wanted.connect(self.dialogs.chat_settings)
        self._presenter.figures_shown.connect(self.context_meter.show_growth)
        self._presenter.figures_shown.connect(self.find_bar.refresh)
        self._presenter.busy_changed.connect(self.menus.actions["Stop"].setEnabled)
        self.menus.actions["Stop"].setEnabled(self.chat.busy)  # else Esc would not reach what can be closed with it
        self.editing.changed.connect(lambda: self.transcript.show_edited(self.editing.question))
        self.transcript.abandoned.connect(self.composer.field.setFocus)
        self.transcript.example_chosen.connect(self.footer.send_example)
        self.find_bar.shown_wanted.connect(self.transcript.show_place)
        self.find_bar.dismissed.connect(self.composer.field.setFocus)
        for view in (*self.inspector.views.values(), self.inspector.switch):
            view.triggered.connect(self.find_bar.refresh)
        self.highlight.toggled.connect(lambda marked: self.preferences.change(highlight=marked))

    def _connect_columns(self) -> None:
        self.columns.toggle_with(self.sidebar_shown, self.panel_shown)
        self.columns.left_beside.connect(self.topbar.show_sidebar)
        self.sidebar.chosen.connect(lambda *_: self.columns.close_drawers())

    def _restore(self) -> None:
        place(self, 1280, 800, self._settings)
        self.columns.grow(self.theme.growth)
        self.columns.want_side(bool(self._settings.value("panel", True, bool)))
        self.columns.want_left(bool(self._settings.value("sidebar", True, bool)))

    # The look

    def _settings_changed(self, before: Settings, now: Settings) -> None:
        if now.highlight != before.highlight:
            self.highlight.setChecked(now.highlight)
            self.transcript.show_marks(now.highlight)
        if now.technical != before.technical:
            self.inspector.show_technical(now.technical)
        self.composer.send_with(now.send_key)

    def _show_palette(self, palette: Palette) -> None:
        self.transcript.set_motion(not self.theme.still)
        for part in (self.transcript, self.panel, self.player, self.sidebar, self.find_bar):
            part.set_palette(palette)
        self.columns.grow(self.theme.growth)


def _toggle(window: Window, text: str, keys: str, checked: bool, tip: str | None = None) -> QAction:
    action = QAction(text, window, checkable=True, checked=checked, shortcut=QKeySequence(keys))
    if tip is not None:
        action.setToolTip(tip)
    return action
