"""The main window: makes the parts and arranges them. Importing it never imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QKeySequence, QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QVBoxLayout, QWidget

from app.composing.composer import Composer
from app.composing.context_meter import ContextMeter
from app.composing.files import TextFiles
from app.composing.thinking import Thinking
from app.composing.token_counter import TokenCounter
from app.composing.waiting import Waiting
from app.conversations.sidebar import Sidebar
from app.desk import Desk
from app.desktop.placing import placed
from app.dialogs import Dialogs
from app.frame import Frame
from app.look.middle import Middle
from app.look.palette import Palette
from app.look.room import make_room
from app.look.theme import Theme
from app.menubar import MenuBar
from app.menus import Menus
from app.messages.find import FindBar
from app.messages.inspector import Inspector, remembered
from app.messages.transcript import Transcript
from app.models.model_matching import ModelMatching
from app.models.model_picker import ModelPicker
from app.models.topbar import TopBar
from app.narration import Narration
from app.notice import Banner, LoadingStrip
from app.parts import Parts
from app.remedies import Remedies
from app.settings.options import Settings
from app.settings.preferences import Preferences
from app.speculation.panel import SpeculationPanel
from app.speculation.player import Player
from app.talk.chat import Chat
from engine.config import ModelSet


class Window(QMainWindow):
    """Shows ``chat`` in the look of ``theme``. ``known``: the model sets offered. ``settings`` keeps how it stood."""

    seen = Signal()  # it has been painted for the first time

    def __init__(
        self,
        chat: Chat,
        theme: Theme,
        preferences: Preferences,
        context: TokenCounter,
        settings: QSettings,
        known: Sequence[ModelSet],
        logs: Path,
    ) -> None:
        super().__init__()
        self.chat, self.theme, self.preferences = chat, theme, preferences
        self._settings = settings
        self._painted = False
        self.setWindowTitle("Updraft")
        self.setMinimumHeight(420)
        self._make_widgets(settings)
        self.columns = Frame(self._main_column(), self.panel, self.topbar, self.sidebar)
        self.setCentralWidget(self.columns)
        self.picker = ModelPicker(chat, self.topbar, preferences, known, self)
        self.matching = ModelMatching(chat, self.picker, self.banner)
        Thinking(chat, self.composer.think)
        self.context_meter = ContextMeter(chat, context, self.composer, self.banner, self.desk.editing, self._send)
        self.menus = Menus(self.menuBar())
        self.dialogs = Dialogs(self, chat, preferences, self.menus, logs)
        self.files = TextFiles(self.composer, self.banner, self)
        parts = self._parts()
        self.remedies = Remedies(parts, self)
        self.bar = MenuBar(self.menus, parts, self.remedies, logs, self)
        self._narration = Narration(parts, self.bar.stop, self)
        self._connect()
        self._restore()
        self.composer.send_with(preferences.settings.send_key)
        self.composer.field.setFocus()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint, and tell the first time."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            self.seen.emit()

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
        if not self.desk.may_close():
            event.ignore()
            return
        self.remember()
        event.accept()

    def remember(self) -> None:
        """Keep how the window stood."""
        self._settings.setValue("geometry", self.saveGeometry())
        self._settings.setValue("panel", self.columns.wanted)
        self._settings.setValue("sidebar", self.columns.left_wanted)

    def come_forward(self) -> None:
        """Be seen, from wherever the window was put."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def _send(self, text: str) -> None:
        if self.context_meter.fits(text):
            self.desk.send(text)

    def _send_example(self, text: str) -> None:
        self.composer.show_text(text)
        self._send(text)

    def _load_ahead(self) -> None:
        """Load the models of the chat shown while a question to them is still being written."""
        if self.composer.field.hasFocus() and self.composer.text.strip():
            self.chat.load_next()

    # Construction

    def _make_widgets(self, settings: QSettings) -> None:
        archive, palette, marked = self.chat.current.archive, self.theme.palette, self.preferences.settings.highlight
        self.highlight = _toggle(self, "Highlight tokens", "Ctrl+H", marked)
        self.panel_shown = _toggle(self, "Speculation", "Ctrl+J", checked=True)
        self.sidebar_shown = _toggle(self, "Chats", "Ctrl+B", checked=True)
        self.sidebar_shown.setToolTip("Show or hide the list of chats (Ctrl+B)")
        self.panel_shown.setToolTip("Show or hide how the answer is made (Ctrl+J)")
        self.topbar = TopBar(self.panel_shown, self.sidebar_shown)
        self.sidebar = Sidebar(archive, palette)
        self.transcript = Transcript(palette, marked=marked, view=remembered(settings))
        self.transcript.set_motion(not self.theme.still)
        self.loading, self.banner, self.composer = LoadingStrip(), Banner(), Composer()
        self.panel = SpeculationPanel(palette)
        self.find_bar = FindBar(self.transcript.texts, self.transcript.write_more, palette)
        self.player = Player(palette)
        self.inspector = Inspector(self.transcript, self.panel, self.player, settings, self)
        self.inspector.show_technical(self.preferences.settings.technical)
        self.topbar.add_views(list(self.inspector.views.values()))
        self.desk = Desk(self.chat, archive, self.sidebar, self.transcript, self.composer, self)
        self.waiting = Waiting(self.chat, self.composer, self._send)

    def _main_column(self) -> QWidget:
        """Stack the top bar, the conversation, and what stands below it in a column as wide as the text."""
        foot, main = QWidget(), QWidget()
        below = QVBoxLayout(foot)
        below.setContentsMargins(0, 0, 0, 18)
        below.setSpacing(10)
        notices = (self.loading, self.banner, self.desk.banner, self.desk.editing.strip, self.waiting.strip)
        for widget in (*notices, self.player, self.composer):
            below.addWidget(widget)
        rows = QVBoxLayout(main)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.topbar)
        rows.addWidget(self.find_bar)
        rows.addWidget(self.transcript, 1)
        rows.addWidget(Middle(foot))
        return main

    def _parts(self) -> Parts:
        return Parts(
            chat=self.chat,
            theme=self.theme,
            preferences=self.preferences,
            topbar=self.topbar,
            sidebar=self.sidebar,
            panel=self.panel,
            columns=self.columns,
            transcript=self.transcript,
            inspector=self.inspector,
            find_bar=self.find_bar,
            loading=self.loading,
            banner=self.banner,
            composer=self.composer,
            desk=self.desk,
            context_meter=self.context_meter,
            files=self.files,
            picker=self.picker,
            dialogs=self.dialogs,
            toggles=(self.sidebar_shown, self.panel_shown, self.highlight),
        )

    def _connect(self) -> None:
        self.preferences.changed.connect(self._settings_changed)
        self.preferences.failed.connect(self.banner.tell)
        self.theme.changed.connect(self._show_palette)
        self.picker.opening.connect(self.banner.hide)
        self.topbar.picked.connect(self.composer.field.setFocus)
        self.sidebar.offline_chosen.connect(lambda: self.dialogs.settings().show_section("network"))
        self.dialogs.restored.connect(self.desk.restored)
        self.topbar.sampling.form.more_wanted.connect(self.dialogs.chat_settings)
        self.composer.submitted.connect(self._send)
        self.composer.changed.connect(self._load_ahead)
        self.composer.stop_wanted.connect(self.chat.stop)
        self.transcript.example_chosen.connect(self._send_example)
        self.find_bar.shown_wanted.connect(self.transcript.show_place)
        self.find_bar.dismissed.connect(self.composer.field.setFocus)
        for view in (*self.inspector.views.values(), self.inspector.switch):
            view.triggered.connect(self.find_bar.refresh)
        self.highlight.toggled.connect(lambda marked: self.preferences.change(highlight=marked))
        self._connect_columns()

    def _connect_columns(self) -> None:
        self.panel_shown.triggered.connect(self.columns.show_side)
        self.columns.side_shown.connect(self.panel_shown.setChecked)
        self.sidebar_shown.triggered.connect(self.columns.show_left)
        self.columns.left_shown.connect(self.sidebar_shown.setChecked)
        self.columns.left_beside.connect(self.topbar.show_sidebar)
        self.sidebar.chosen.connect(lambda *_: self.columns.close_drawers())

    def _restore(self) -> None:
        make_room(self, 1280, 800)
        geometry = self._settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if not self.windowState() & (Qt.WindowState.WindowMaximized | Qt.WindowState.WindowFullScreen):
            screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
            self.setGeometry(placed(self.geometry(), screens))
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
        if now.theme != before.theme:
            next(action for choice, action in self.bar.themes.items() if choice == now.theme).setChecked(True)

    def _show_palette(self, palette: Palette) -> None:
        self.transcript.set_motion(not self.theme.still)
        for part in (self.transcript, self.panel, self.player, self.sidebar, self.find_bar):
            part.set_palette(palette)
        self.columns.grow(self.theme.growth)


def _toggle(window: Window, text: str, keys: str, checked: bool) -> QAction:
    action = QAction(text, window, checkable=True, checked=checked)
    action.setShortcut(QKeySequence(keys))
    return action
