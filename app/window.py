"""The main window: arranges the parts and connects them with the chat. Importing it never imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QSettings, Qt, QUrl, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDesktopServices,
    QGuiApplication,
    QKeySequence,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.chat import Chat, Engine
from app.columns import Columns
from app.composing.composer import Composer
from app.composing.context import Context
from app.composing.drop import FileDrop
from app.composing.gauge import Gauge
from app.composing.textfile import FileRefused, quoted, read_text_file
from app.conversations.conversation import Outcome
from app.conversations.sidebar import Sidebar
from app.desk import Desk
from app.desktop.placing import placed
from app.dialogs import Dialogs
from app.exchange import Failure, Remedy
from app.look.palette import Palette
from app.look.theme import CHOICES, Choice, Theme
from app.menus import Keys, Menus, Role
from app.messages.find import FindBar
from app.messages.lens import Lens, remembered
from app.messages.transcript import COLUMN, Transcript
from app.notice import Banner, LoadingStrip
from app.settings.kinds import Unfit
from app.settings.models_folder import model_sets_under
from app.settings.options import OPTIONS, Settings
from app.settings.preferences import Preferences
from app.speculation.panel import SpeculationPanel
from app.topbar import TopBar
from engine.config import ModelSet, models_in
from engine.events import Event

LONGEST_SEARCH = 80  # characters of a selection that are searched for
FIGURES = 100  # ms between two looks at the panel's figures: faster than they can be read, and a frame's largest cost


class Window(QMainWindow):
    """Shows ``chat`` in the look of ``theme``. ``known``: the model sets offered. ``settings`` keeps how it stood."""

    seen = Signal()  # it has been painted for the first time

    def __init__(
        self,
        chat: Chat,
        theme: Theme,
        preferences: Preferences,
        context: Context,
        settings: QSettings,
        known: Sequence[ModelSet],
        logs: Path,
    ) -> None:
        super().__init__()
        self.chat, self.theme, self.preferences = chat, theme, preferences
        self._settings = settings
        self._known = list(known)
        self._from_library: list[ModelSet] = []
        self._logs = logs
        self._report = ""
        self._painted = False
        self._figures_age = QElapsedTimer()
        self._figures_age.start()
        self.setWindowTitle("Updraft")
        self.setMinimumHeight(420)
        marked = preferences.settings.highlight
        self.highlight = _toggle(self, "Highlight tokens", "Ctrl+H", marked)
        self.panel_shown = _toggle(self, "Speculation", "Ctrl+J", checked=True)
        self.sidebar_shown = _toggle(self, "Conversations", "Ctrl+B", checked=True)
        self.sidebar_shown.setToolTip("Show or hide the conversations (Ctrl+B)")
        self.panel_shown.setToolTip("Show or hide the speculation panel (Ctrl+J)")
        self.topbar = TopBar(self.panel_shown, self.sidebar_shown)
        self.sidebar = Sidebar(chat.page.archive, theme.palette)
        self.transcript = Transcript(theme.palette, marked=marked, view=remembered(settings))
        self.loading, self.banner, self.composer = LoadingStrip(), Banner(), Composer()
        self.panel = SpeculationPanel(theme.palette)
        self.find_bar = FindBar(self.transcript.texts, theme.palette)
        self.lens = Lens(self.transcript, self.panel, settings, self)
        self.topbar.add_views(list(self.lens.views.values()))
        self.transcript.set_motion(not theme.still)
        self.desk = Desk(chat, chat.page.archive, self.sidebar, self.transcript, self.composer, self)
        self.columns = Columns(self._main_column(), self.panel, self.topbar, self.sidebar)
        self.setCentralWidget(self.columns)
        self.gauge = Gauge(chat, context, self.composer, self.banner, self._send)
        self.menus = Menus(self.menuBar())
        self.dialogs = Dialogs(self, chat, preferences, self.menus, logs)
        self._make_menus()
        self._connect_chat()
        self._connect_parts()
        self._restore()
        self._show_options()
        self._show_manner()
        self._show_engine()
        self._show_state()
        self.composer.field.setFocus()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint, and tell the first time."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            self.seen.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember how the window stood; stay if something would be lost."""
        if not self.desk.may_close():
            event.ignore()
            return
        self._settings.setValue("geometry", self.saveGeometry())
        self._settings.setValue("panel", self.columns.wanted)
        self._settings.setValue("sidebar", self.columns.left_wanted)
        event.accept()

    # What the parts ask for

    def _send(self, text: str) -> None:
        if self.gauge.fits(text):
            self.desk.send(text)

    def _send_example(self, text: str) -> None:
        self.composer.field.setPlainText(text)
        self._send(text)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open model folder")
        if folder:
            self.open_folder(Path(folder))

    def open_folder(self, folder: Path) -> None:
        """Load the model set in ``folder`` and offer it from now on."""
        models = models_in(folder)
        if models not in self._known:
            self._known.append(models)
        self._open(models)

    def offer(self, library: Sequence[ModelSet]) -> None:
        """Offer ``library`` beside the sets that came otherwise, in place of what it held before."""
        self._known = [models for models in self._known if models not in self._from_library]
        self._from_library = [models for models in library if models not in self._known]
        self._known += self._from_library
        self.topbar.show_models(self._known, self.chat.models)

    def _open(self, models: ModelSet) -> None:
        self.banner.hide()
        self.chat.open(models)

    def _retry(self) -> None:
        self.banner.hide()
        self.chat.retry()

    def _remedy(self, remedy: Remedy) -> None:
        {
            "retry": self._retry,
            "folder": self._choose_folder,
            "new chat": self.gauge.begin_anew,
            "model": self.topbar.models.showMenu,
            "trim": self.gauge.trim,
            "shorten": self.gauge.shorten,
            "report": self._show_report,
            "data folder": self._open_data,
            "settings": self.dialogs.settings,
        }[remedy]()

    def _insert_files(self, paths: Sequence[Path]) -> None:
        """Put text files into the composer; one that cannot be taken is refused in a banner, the others are not."""
        for path in paths:
            try:
                self.composer.insert(quoted(path, read_text_file(path)))
            except FileRefused as refused:
                self.banner.tell(Failure(refused.sentence, refused.hint, remedies=()))
        self.composer.field.setFocus()

    def _choose_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Insert text files")
        self._insert_files([Path(path) for path in paths])

    def _zoom(self, by: int | None) -> None:
        """Make the text larger or smaller by ``by`` pixels; None: as it was made."""
        kind = OPTIONS["font_size"].kind
        size = OPTIONS["font_size"].default if by is None else self.preferences.settings.font_size + by
        with suppress(Unfit):  # as far as it goes
            self.preferences.change(font_size=kind.check(size))

    def _fill_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _find(self) -> None:
        chosen = QApplication.focusWidget()
        words = chosen.textCursor().selectedText() if isinstance(chosen, QTextEdit) else ""
        self.find_bar.open(words if len(words) <= LONGEST_SEARCH else "")

    def come_forward(self) -> None:
        """Be seen, from wherever the window was put."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def tell_fault(self, report: str, *, past: bool) -> None:
        """Offer the ``report`` of a fault, of this run or of the ``past`` one."""
        self._report = report
        if past:
            sentence, hint = "Updraft did not close properly last time.", "Your conversations were kept."
        else:
            sentence, hint = "Something went wrong that was not foreseen.", "What is on the screen stays."
        self.banner.tell(Failure(sentence, hint, remedies=("report",)))

    def _show_report(self) -> None:
        self.banner.hide()
        self.dialogs.report(self._report)

    # What the settings say

    def _settings_changed(self, before: Settings, now: Settings) -> None:
        if now.highlight != before.highlight:
            self.highlight.setChecked(now.highlight)
            self.transcript.show_marks(now.highlight)
        if now.theme != before.theme:
            next(action for choice, action in self.themes.items() if choice == now.theme).setChecked(True)
        if now.models_folder != before.models_folder:
            self._offer_local(before.models_folder, now.models_folder)
        self._show_options()

    def _offer_local(self, before: str, now: str) -> None:
        gone = model_sets_under(before)
        self._known = [models for models in self._known if models not in gone or models == self.chat.models]
        self._known += [models for models in model_sets_under(now) if models not in self._known]

    # What the chat says

    def _asked(self, text: str) -> None:
        self.banner.hide()
        self.transcript.add_question(text)

    def _answering(self) -> None:
        self.transcript.begin_answer()
        self.lens.begin()
        self._show_state()

    def _continuing(self) -> None:
        self.transcript.resume_answer()
        self.lens.begin()
        self._show_state()

    def _turned(self) -> None:
        """Let the panel be about the last answer shown, as other messages are shown than before."""
        self.lens.reset()
        answers = self.transcript.answers
        if answers and answers[-1].tally.started is not None:
            self.lens.show_figures(answers[-1].tally, running=False)

    def _arrived(self, events: tuple[Event, ...]) -> None:
        tally = self.chat.tally
        self.transcript.advance(events, tally)
        if self._figures_age.hasExpired(FIGURES):
            self._figures_age.restart()
            self.gauge.show_growth()
            self.find_bar.refresh()
            self.lens.show_figures(tally, running=True)
        if self.chat.is_stopping:
            self.transcript.say_stopping(tally)

    def _stopping(self) -> None:
        self.transcript.say_stopping(self.chat.tally)
        self._show_state()

    def _answered(self, outcome: Outcome) -> None:
        tally = self.chat.tally
        self.transcript.end_answer(outcome, tally)
        self.lens.show_figures(tally, running=False)
        self.gauge.show_growth()
        self.find_bar.refresh()
        self._show_state()

    def _failed(self, failure: Failure) -> None:
        self.banner.tell(failure)
        if "trim" in failure.remedies:
            self.gauge.explain()
        self._show_state()

    def _cleared(self) -> None:
        self.transcript.clear()
        self.lens.reset()
        self.composer.show_context(0, 0)
        self.banner.hide()
        self._show_state()
        self.composer.field.setFocus()

    def _show_state(self) -> None:
        self.composer.show_state(busy=self.chat.busy, stopping=self.chat.is_stopping)
        self.stop.setEnabled(self.chat.busy)  # else Esc would not reach what can be closed with it

    def _show_engine(self) -> None:
        if self.chat.engine is Engine.LOADING:
            self.loading.start()
        else:
            self.loading.hide()

    def _show_options(self) -> None:
        self.topbar.show_models(self._known, self.chat.models)
        self.topbar.show_preset(self.chat.preset, self.chat.models, self.preferences.settings)

    def _show_manner(self) -> None:
        self.topbar.sampling.form.show_manner(self.chat.conversation.manner)

    def _show_edge(self) -> None:
        self.transcript.show_edge(self.chat.first_told)

    def _show_palette(self, palette: Palette) -> None:
        self.transcript.set_palette(palette)
        self.transcript.set_motion(not self.theme.still)
        self.panel.set_palette(palette)
        self.sidebar.set_palette(palette)
        self.find_bar.set_palette(palette)
        self.columns.grow(self.theme.growth)

    # Construction

    def _main_column(self) -> QWidget:
        """Stack the top bar, the conversation, and what stands below it in a column as wide as the text."""
        foot, middle, main = QWidget(), QWidget(), QWidget()
        foot.setMaximumWidth(COLUMN)
        below = QVBoxLayout(foot)
        below.setContentsMargins(0, 0, 0, 18)
        below.setSpacing(10)
        for widget in (self.loading, self.banner, self.desk.banner, self.desk.strip, self.composer):
            below.addWidget(widget)
        centred = QHBoxLayout(middle)
        centred.setContentsMargins(24, 0, 24, 0)
        centred.addStretch()
        centred.addWidget(foot, 1000)
        centred.addStretch()
        rows = QVBoxLayout(main)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.topbar)
        rows.addWidget(self.find_bar)
        rows.addWidget(self.transcript, 1)
        rows.addWidget(middle)
        return main

    def _make_menus(self) -> None:
        self._make_file_menu()
        self._make_edit_menu()
        self._make_view_menu()
        self._make_chat_menu()
        self._make_model_menu()
        self._make_help_menu()

    def _make_file_menu(self) -> None:
        add, menu = self.menus.add, self.menus.file
        self.new_chat = add(menu, "New chat", Keys.New, self.chat.start_new)
        add(menu, "Insert text files…", "Ctrl+Shift+O", self._choose_files)
        self.export = add(menu, "Export…", "Ctrl+Shift+E", self.desk.choose_file)
        menu.addSeparator()
        add(menu, "Close window", "Ctrl+W", self.close)
        add(menu, "Quit", "Ctrl+Q", self.close, Role.QuitRole)

    def _make_edit_menu(self) -> None:
        add, menu = self.menus.add, self.menus.edit
        self.menus.texts.undo_else = self.desk.toast.take_back
        menu.addSeparator()
        add(menu, "Find…", Keys.Find, self._find)
        add(menu, "Find next", Keys.FindNext, lambda: self.find_bar.step(1))
        add(menu, "Find previous", Keys.FindPrevious, lambda: self.find_bar.step(-1))
        menu.addSeparator()
        settings = add(menu, "Settings…", "Ctrl+,", self.dialogs.settings, Role.PreferencesRole)
        self.sidebar.add_foot(settings, "Settings")

    def _make_view_menu(self) -> None:
        add, menu = self.menus.add, self.menus.view
        menu.addActions([self.sidebar_shown, self.panel_shown, self.highlight])
        menu.addActions([*self.lens.views.values(), self.lens.switch])
        self.search_chats = add(menu, "Search chats", "Ctrl+K", self._search_chats)
        menu.addSeparator()
        add(menu, "Larger", Keys.ZoomIn, lambda: self._zoom(1))
        add(menu, "Smaller", Keys.ZoomOut, lambda: self._zoom(-1))
        add(menu, "Usual size", "Ctrl+0", lambda: self._zoom(None))
        add(menu, "Full screen", "F11", self._fill_screen)
        self._make_theme_menu(menu.addMenu("Theme"))
        menu.addSeparator()
        add(menu, "Jump to latest", "Ctrl+End", self.transcript.jump_to_latest)

    def _make_chat_menu(self) -> None:
        add, menu = self.menus.add, self.menus.chat
        self.stop = add(menu, "Stop", "Esc", self.chat.stop)
        self.retry = add(menu, "Retry", "Ctrl+R", self._retry)
        menu.addSeparator()
        add(menu, "Continue the answer", "Ctrl+Shift+Return", self.chat.go_on)
        add(menu, "Answer again", "Ctrl+Shift+R", self.desk.answer_again)
        add(menu, "Edit the last question", "Ctrl+Shift+Up", self.desk.edit_last)
        menu.addSeparator()
        self.copy_reply = add(menu, "Copy last reply", "Ctrl+Shift+C", self._copy_last)
        menu.addSeparator()
        add(menu, "Chat settings…", "Ctrl+Shift+,", self.dialogs.chat_settings)

    def _make_model_menu(self) -> None:
        add, menu = self.menus.add, self.menus.model
        add(menu, "Open model folder…", Keys.Open, self._choose_folder)
        menu.addMenu("Hierarchy").addActions(list(self.topbar.presets.values()))
        menu.addSeparator()

    def _make_help_menu(self) -> None:
        add, menu = self.menus.add, self.menus.help
        add(menu, "Keyboard shortcuts", "Ctrl+/", self.dialogs.shortcuts)
        add(menu, "Diagnostics…", None, self.dialogs.diagnostics)
        menu.addSeparator()
        add(menu, "Open data folder", None, self._open_data)
        add(menu, "Open log folder", None, self._open_logs)
        menu.addSeparator()
        add(menu, "About Updraft", None, self.dialogs.about, Role.AboutRole)

    def _make_theme_menu(self, menu: QMenu) -> None:
        group = QActionGroup(self)
        self.themes: dict[Choice, QAction] = {}
        for choice in CHOICES:
            action = menu.addAction(choice.capitalize())
            action.setCheckable(True)
            action.triggered.connect(lambda _, chosen=choice: self.preferences.change(theme=chosen))
            group.addAction(action)
            self.themes[choice] = action
        self.themes[self.theme.choice].setChecked(True)

    def _connect_chat(self) -> None:
        chat = self.chat
        chat.engine_changed.connect(self._show_engine)
        chat.loading.connect(self.loading.advance)
        chat.cleared.connect(self._cleared)
        chat.asked.connect(self._asked)
        chat.answering.connect(self._answering)
        chat.arrived.connect(self._arrived)
        chat.stopping.connect(self._stopping)
        chat.answered.connect(self._answered)
        chat.continuing.connect(self._continuing)
        chat.page.turned.connect(self._turned)
        chat.page.recalled.connect(self._turned)
        chat.failed.connect(self._failed)
        chat.options_changed.connect(self._show_options)
        chat.context_changed.connect(self._show_edge)
        chat.page.changed.connect(self._show_edge)

    def _connect_parts(self) -> None:
        self.topbar.model_chosen.connect(self._open)
        self.topbar.folder_wanted.connect(self._choose_folder)
        self.topbar.preset_chosen.connect(lambda preset: self.preferences.change(preset=preset.name))
        self.preferences.changed.connect(self._settings_changed)
        self.preferences.failed.connect(self.banner.tell)
        self.topbar.sampling.form.more_wanted.connect(self.dialogs.chat_settings)
        self.chat.page.changed.connect(self._show_manner)
        self.find_bar.shown_wanted.connect(self.transcript.show_place)
        self.find_bar.dismissed.connect(self.composer.field.setFocus)
        for view in (*self.lens.views.values(), self.lens.switch):
            view.triggered.connect(self.find_bar.refresh)
        self.composer.field.files_given.connect(self._insert_files)
        FileDrop(self).dropped.connect(self._insert_files)
        self.topbar.sampling.form.changed.connect(self.chat.page.set_manner)
        self.transcript.example_chosen.connect(self._send_example)
        self.composer.submitted.connect(self._send)
        self.composer.stop_wanted.connect(self.chat.stop)
        self.banner.remedy_chosen.connect(self._remedy)
        self.highlight.toggled.connect(lambda marked: self.preferences.change(highlight=marked))
        self.panel_shown.triggered.connect(self.columns.show_side)
        self.columns.side_shown.connect(self.panel_shown.setChecked)
        self.sidebar_shown.triggered.connect(self.columns.show_left)
        self.columns.left_shown.connect(self.sidebar_shown.setChecked)
        self.columns.left_beside.connect(self.topbar.show_sidebar)
        self.sidebar.chosen.connect(lambda *_: self.columns.close_drawers())
        self.theme.changed.connect(self._show_palette)

    def _restore(self) -> None:
        self.resize(1280, 800)
        geometry = self._settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if not self.windowState() & (Qt.WindowState.WindowMaximized | Qt.WindowState.WindowFullScreen):
            screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
            self.setGeometry(placed(self.geometry(), screens))
        self.columns.grow(self.theme.growth)
        self.columns.want_side(bool(self._settings.value("panel", True, bool)))
        self.columns.want_left(bool(self._settings.value("sidebar", True, bool)))

    def _copy_last(self) -> None:
        if self.transcript.answers:
            QGuiApplication.clipboard().setText(self.transcript.answers[-1].source())

    def _search_chats(self) -> None:
        if not self.sidebar.isVisible():
            self.columns.show_left(True)
        self.sidebar.focus_search()

    def _open_logs(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._logs)))

    def _open_data(self) -> None:
        if (folder := self.chat.page.archive.folder) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _toggle(window: Window, text: str, keys: str, checked: bool) -> QAction:
    action = QAction(text, window, checkable=True, checked=checked)
    action.setShortcut(QKeySequence(keys))
    return action
