"""The main window: arranges the parts and connects them with the chat. Importing it never imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QSettings, Qt, QUrl
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMainWindow, QMenu, QVBoxLayout, QWidget

from app.chat import Chat, Engine
from app.columns import Columns
from app.composer import Composer
from app.conversation import Outcome
from app.exchange import Failure
from app.notice import Banner, LoadingStrip
from app.palette import Palette
from app.speculation.panel import SpeculationPanel
from app.theme import CHOICES, Choice, Theme
from app.topbar import TopBar
from app.transcript import COLUMN, Transcript
from engine.config import ModelSet, models_in
from engine.events import Event

FIGURES = 100  # ms between two looks at the panel's figures: faster than they can be read, and a frame's largest cost


class Window(QMainWindow):
    """Shows ``chat`` in the look of ``theme``. ``known``: the model sets offered. ``settings`` keeps what is chosen."""

    def __init__(self, chat: Chat, theme: Theme, settings: QSettings, known: Sequence[ModelSet], logs: Path) -> None:
        super().__init__()
        self.chat, self.theme = chat, theme
        self._settings = settings
        self._known = list(known)
        self._logs = logs
        self._figures_age = QElapsedTimer()
        self._figures_age.start()
        self.setWindowTitle("Updraft")
        self.setMinimumHeight(420)
        marked = bool(settings.value("marks", True, bool))
        self.highlight = _toggle(self, "Highlight tokens", "Ctrl+H", marked)
        self.panel_shown = _toggle(self, "Speculation", "Ctrl+J", checked=True)
        self.panel_shown.setToolTip("Show or hide the speculation panel (Ctrl+J)")
        self.topbar = TopBar(self.panel_shown)
        self.transcript = Transcript(theme.palette, marked=marked)
        self.loading, self.banner, self.composer = LoadingStrip(), Banner(), Composer()
        self.panel = SpeculationPanel(theme.palette)
        self.columns = Columns(self._main_column(), self.panel, self.topbar)
        self.setCentralWidget(self.columns)
        self._make_menus()
        self._connect_chat()
        self._connect_parts()
        self._restore()
        self._show_options()
        self._show_engine()
        self._show_state()
        self.composer.field.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember how the window stood."""
        self._settings.setValue("geometry", self.saveGeometry())
        self._settings.setValue("panel", self.columns.wanted)
        event.accept()

    # What the parts ask for

    def _send(self, text: str) -> None:
        if self.chat.send(text):
            self.composer.clear()

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

    def _open(self, models: ModelSet) -> None:
        self.banner.hide()
        self.chat.open(models)

    def _retry(self) -> None:
        self.banner.hide()
        self.chat.retry()

    def _choose_theme(self, choice: Choice) -> None:
        self._settings.setValue("theme", choice)
        self.theme.choose(choice)

    def _show_marks(self, marked: bool) -> None:
        self._settings.setValue("marks", marked)
        self.transcript.show_marks(marked)

    # What the chat says

    def _asked(self, text: str) -> None:
        self.banner.hide()
        self.transcript.add_question(text)

    def _answering(self) -> None:
        self.transcript.begin_answer()
        self._show_state()

    def _arrived(self, events: tuple[Event, ...]) -> None:
        tally = self.chat.tally
        self.transcript.advance(events, tally)
        if self._figures_age.hasExpired(FIGURES):
            self._figures_age.restart()
            self.panel.show_tally(tally, running=True)
        if self.chat.is_stopping:
            self.transcript.say_stopping(tally)

    def _stopping(self) -> None:
        self.transcript.say_stopping(self.chat.tally)
        self._show_state()

    def _answered(self, outcome: Outcome) -> None:
        tally = self.chat.tally
        self.transcript.end_answer(outcome, tally)
        self.panel.show_tally(tally, running=False)
        if tally.started is not None:
            self.composer.show_context(tally.started.prompt + tally.tokens, tally.started.context)
        self._show_state()

    def _failed(self, failure: Failure) -> None:
        self.banner.tell(failure, choosable=failure.down)
        self._show_state()

    def _cleared(self) -> None:
        self.transcript.clear()
        self.panel.reset()
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
        self.topbar.show_preset(self.chat.preset, self.chat.models)
        self._settings.setValue("preset", self.chat.preset.name)

    def _show_palette(self, palette: Palette) -> None:
        self.transcript.set_palette(palette)
        self.panel.set_palette(palette)

    # Construction

    def _main_column(self) -> QWidget:
        """Stack the top bar, the conversation, and what stands below it in a column as wide as the text."""
        foot, middle, main = QWidget(), QWidget(), QWidget()
        foot.setMaximumWidth(COLUMN)
        below = QVBoxLayout(foot)
        below.setContentsMargins(0, 0, 0, 18)
        below.setSpacing(10)
        for widget in (self.loading, self.banner, self.composer):
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
        rows.addWidget(self.transcript, 1)
        rows.addWidget(middle)
        return main

    def _make_menus(self) -> None:
        keys = QKeySequence.StandardKey
        file = self.menuBar().addMenu("&File")
        self.new_chat = _action(file, "New chat", keys.New, self.chat.start_new)
        _action(file, "Open model folder…", keys.Open, self._choose_folder)
        file.addSeparator()
        leave = _action(file, "Quit", keys.Quit, self.close)
        leave.setMenuRole(QAction.MenuRole.QuitRole)
        view = self.menuBar().addMenu("&View")
        view.addActions([self.highlight, self.panel_shown])
        view.addSeparator()
        self._make_theme_menu(view.addMenu("Theme"))
        _action(view, "Jump to latest", "Ctrl+End", self.transcript.jump_to_latest)
        talk = self.menuBar().addMenu("&Chat")
        self.stop = _action(talk, "Stop", "Esc", self.chat.stop)
        self.retry = _action(talk, "Retry", "Ctrl+R", self._retry)
        self.copy_reply = _action(talk, "Copy last reply", "Ctrl+Shift+C", self._copy_last)
        about = self.menuBar().addMenu("&Help")
        _action(about, "Open log folder", None, self._open_logs)

    def _make_theme_menu(self, menu: QMenu) -> None:
        group = QActionGroup(self)
        self.themes: dict[Choice, QAction] = {}
        for choice in CHOICES:
            action = menu.addAction(choice.capitalize())
            action.setCheckable(True)
            action.triggered.connect(lambda _, chosen=choice: self._choose_theme(chosen))
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
        chat.withdrawn.connect(self.transcript.withdraw)
        chat.failed.connect(self._failed)
        chat.options_changed.connect(self._show_options)

    def _connect_parts(self) -> None:
        self.topbar.model_chosen.connect(self._open)
        self.topbar.folder_wanted.connect(self._choose_folder)
        self.topbar.preset_chosen.connect(self.chat.choose)
        self.topbar.sampling.changed.connect(self.chat.tune)
        self.transcript.example_chosen.connect(self._send_example)
        self.composer.submitted.connect(self._send)
        self.composer.stop_wanted.connect(self.chat.stop)
        self.banner.retry_wanted.connect(self._retry)
        self.banner.folder_wanted.connect(self._choose_folder)
        self.highlight.toggled.connect(self._show_marks)
        self.panel_shown.triggered.connect(self.columns.show_side)
        self.columns.side_shown.connect(self.panel_shown.setChecked)
        self.theme.changed.connect(self._show_palette)

    def _restore(self) -> None:
        self.resize(1280, 800)
        geometry = self._settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        self.columns.want_side(bool(self._settings.value("panel", True, bool)))

    def _copy_last(self) -> None:
        if self.transcript.answers:
            self.transcript.answers[-1].text.copy_answer()

    def _open_logs(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._logs)))


def _toggle(window: Window, text: str, keys: str, checked: bool) -> QAction:
    action = QAction(text, window, checkable=True, checked=checked)
    action.setShortcut(QKeySequence(keys))
    return action


def _action(
    menu: QMenu,
    text: str,
    keys: QKeySequence.StandardKey | str | None,
    act: Callable[[], object],
) -> QAction:
    action = menu.addAction(text)
    if keys is not None:
        action.setShortcut(QKeySequence(keys))
    action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
    action.triggered.connect(lambda: act())  # noqa: PLW0108 - the signal's argument is not for act
    return action
