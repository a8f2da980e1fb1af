"""Everything that lives as long as the program: makes the window, the chat and the engine's thread, and joins them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.composing.token_counter import TokenCounter
from app.conversations.archive import Archive
from app.conversations.farewell import Farewell
from app.desktop.crash import CrashLog
from app.desktop.garbage import Collector
from app.look.theme import Theme
from app.models.chosen_methods import ChosenMethods
from app.models.download_news import DownloadLine, DownloadNews
from app.models.last_models import forget, remember
from app.models.library import ADDRESS, ModelLibrary, lacks_starter, starter_models
from app.models.model_dialogs import ModelDialogs
from app.models.models_folder import model_sets_under
from app.models.newer_version import NewerVersion
from app.models.teaching.dialogs import TeachingDialogs
from app.models.teaching.learning import Learning
from app.settings.chat_settings import chat_settings_of
from app.settings.file import SettingsFile
from app.settings.options import Settings
from app.settings.preferences import Preferences, look_of
from app.talk.chat import Chat
from app.talk.engine_thread import EngineThread
from app.talk.faults import models_gone, settings_unread
from app.talk.first_run import FirstRun
from app.talk.race import Race
from app.talk.race_window import RaceWindow
from app.talk.standing import Engine
from app.talk.worker import OpenSession
from app.threads.queued import connect_queued
from app.window import Window
from engine.config import PRESETS, ModelSet, Preset

UNSEEN = 500  # ms after which the engine is begun though the window was not painted: it may be minimised
CHOOSING = 1000  # ms after the last step until other settings of loading are taken for chosen
LAST = 60_000  # ms the disk has where nobody can be asked: who sent a signal, or ends the session, ends it sooner
COMMIT = 4_000  # ms the end of a session waits for what is being saved; Windows waits five seconds for us
ALONE = 60_000  # ms for which nothing is asked then: the session may go on after all


class Application:
    """Owns the window, the chat, the theme, the settings and the engine's thread, from the start to the orderly end."""

    def __init__(
        self,
        app: QApplication,
        open_session: OpenSession,
        settings: QSettings,
        known: Sequence[ModelSet],
        logs: Path,
        archive: Archive | None = None,
        preferences: Preferences | None = None,
        crash: CrashLog | None = None,
    ) -> None:
        self.archive = archive or Archive()
        beside = Path(settings.fileName()).with_name("settings.json")
        self.preferences = preferences or Preferences(SettingsFile(beside))
        self.crash = crash
        self.passing: ModelSet | None = None  # of the command line: it holds for this run and is not remembered
        self.missed: ModelSet | None = None  # the set used last, where it is gone
        self._kept = settings
        self._farewell: Farewell | None = None
        self.thread = EngineThread(open_session)
        self.worker = self.thread.worker
        self.chat = Chat(self.worker, self.archive)
        chosen = self.preferences.settings
        self.chat.preset = chosen.hierarchy(PRESETS[chosen.preset])
        self.methods = ChosenMethods(settings)
        self.chat.method_of = self._method_of
        self.chat.current.set_default(chat_settings_of(chosen))
        self.theme = Theme(app, look_of(chosen))
        self.collector = Collector(self.chat)
        self.token_counter = TokenCounter(self.worker)
        known = [*known, *model_sets_under(chosen.models_folder)]
        self.window = Window(
            self.chat, self.archive, self.theme, self.preferences, self.token_counter, settings, known, logs
        )
        self.races = self._make_races()
        self._reload = QTimer(self.window, singleShot=True, interval=CHOOSING)
        self._connect()
        self.models: ModelDialogs | None = None
        self.teaching: TeachingDialogs | None = None
        self.learning: Learning | None = None
        self.first_run: FirstRun | None = None  # where it is to be: nobody has chatted here yet

    def _make_races(self) -> RaceWindow:
        window, race = self.window, Race(self.worker, self.chat)
        action = window.menus.actions["Race the last answer…"]
        races = RaceWindow(race, self.chat, self.theme, window.transcript, window.inspector, window.panel, action)
        window.race_wanted.connect(races.open_last)
        return races

    def _connect(self) -> None:
        if self.crash is not None:
            self.crash.happened.connect(lambda report: self.window.tell_fault(report, past=False))
        for changed in (self.chat.engine_changed, self.chat.answering, self.chat.answered):
            changed.connect(self._rest)
        self.chat.engine_changed.connect(self.collector.settle)
        self.chat.engine_changed.connect(self._remember)
        self._reload.timeout.connect(self._load_again)
        self.preferences.changed.connect(self._settings_changed)
        self.chat.options_changed.connect(lambda: self.preferences.change(preset=self.chat.preset.name))
        dialogs = self.window.dialogs
        connect_queued((dialogs.engine_wanted, self.worker.describe), (self.worker.described, dialogs.show_engine))

    def _settings_changed(self, before: Settings, now: Settings) -> None:
        """Let everything that goes by the settings follow them."""
        self.theme.wear(look_of(now))
        self.window.transcript.set_motion(not self.theme.still)
        self.chat.current.set_default(chat_settings_of(now))
        if self.models is not None:
            self.models.library.set_offline(offline=now.offline)
        if (now.room, now.threads, now.weights) != (before.room, before.threads, before.weights):
            self._reload.start()
        wanted = now.hierarchy(PRESETS[now.preset])
        if wanted != before.hierarchy(PRESETS[before.preset]) and wanted != self.chat.preset:
            self.chat.choose(wanted)
        if now.preset != before.preset and self.chat.next_models is not None:
            self.methods.remember(self.chat.next_models, now.preset)

    def _method_of(self, models: ModelSet) -> Preset | None:
        """Return the method ``models`` are to begin with; the command line's goes first, for the models it opens."""
        if self.chat.models is None and "preset" in self.preferences.given:
            return None
        name = self.methods.of(models)
        return None if name is None else self.preferences.settings.hierarchy(PRESETS[name])

    def _load_again(self) -> None:
        """Load the model as the settings now say (length, threads, weights), once no answer is in flight."""
        if self.chat.busy:
            self._reload.start()
        elif self.chat.models is not None:
            self.chat.open(self.chat.models)

    def add_library(self, library: ModelLibrary, settings: QSettings) -> None:
        """Give the window its Model menu over ``library``; the wizard opens by itself where it was never seen."""
        self.models = ModelDialogs(self.window, self.window.picker, library, self.chat, settings)
        self.models.length_chosen.connect(lambda tokens: self.preferences.change(room=tokens))
        self.window.sidebar.add_foot(self.models.library_action, "Models")
        self._add_teaching(self.models, settings)
        line = DownloadLine(library.downloads)
        line.clicked.connect(self.models.open_library)
        self.window.sidebar.add_sign(line)
        DownloadNews(library, self.window.toast, self.models.use, self.models.told)
        self.window.topbar.missed.connect(self.models.open_library)
        for wanted in (self.window.topbar.get_wanted, self.window.get_wanted):
            wanted.connect(self.models.open_wizard)
        self.window.files.model_given.connect(self.models.ask_folder)
        library.online_wanted.connect(lambda: self.preferences.change(offline=False))
        library.offline_changed.connect(self.window.sidebar.show_offline)
        self.window.sidebar.show_offline(library.offline)
        if ADDRESS:
            items = self.window.menus
            self.newer = NewerVersion(library, ADDRESS, self.window, items.all[-1], items.actions["What's new"])

    def _add_teaching(self, models: ModelDialogs, settings: QSettings) -> None:
        window = self.window
        palette = self.theme.palette
        teaching = TeachingDialogs(window, self.archive, models, window.picker, window.toast, settings, palette)
        self.teaching = teaching
        self.theme.changed.connect(teaching.set_palette)
        window.sidebar.add_sign(teaching.line)
        models.teach_wanted.connect(teaching.open)
        window.topbar.teach_wanted.connect(lambda: teaching.open(None))
        teaching.preset_wanted.connect(lambda name: self.preferences.change(preset=name))
        connect_queued((self.worker.working, teaching.teaching.give_way))
        self._add_learning(teaching)

    def _add_learning(self, teaching: TeachingDialogs) -> None:
        """Let drafters learn on from the chats, where these are kept on the disk."""
        if self.archive.folder is None:
            return
        occupied, dialogs = lambda: teaching.teaching.under_way, self.window.dialogs
        learning = Learning(self.chat, self.preferences, self.archive.folder, teaching.named, occupied, self.window)
        self.learning, dialogs.learnt = learning, lambda: learning.note
        learning.changed.connect(dialogs.show_learnt)
        learning.forgotten.connect(self._reload.start)
        dialogs.forget_wanted.connect(learning.forget)
        self.window.composer.changed.connect(learning.touch)
        teaching.teaching.changed.connect(learning.step_aside)
        connect_queued((self.worker.working, learning.give_way), (self.worker.unloaded, learning.unloaded))

    def start(self, models: ModelSet) -> None:
        """Show the window, and only then begin to load ``models``."""
        self.window.show()
        self.archive.load()
        self.window.conversations.exports.sweep()
        self.window.first_paint.painted.connect(self.thread.begin, Qt.ConnectionType.QueuedConnection)
        QTimer.singleShot(UNSEEN, self.window, self.thread.begin)
        first = self.first_run if self.first_run is not None and self.first_run.due(models) else None
        if first is not None:
            QTimer.singleShot(0, self.window, lambda: first.begin(models))
        QTimer.singleShot(0, self.window, lambda: self.chat.open(models))
        if self.models is not None:
            self.models.start(greet=first is None, again=lacks_starter(models))
        if self.teaching is not None:
            self.teaching.offer_left()
        if first is None:
            self._tell_past()

    def add_first_run(self) -> None:
        """Let an answer be given by itself at the first start, before the wizard greets."""
        self.first_run = FirstRun(self.worker, self.window.transcript, self.theme, self._kept, self.window)
        self.first_run.over.connect(self._first_run_over)

    def _first_run_over(self, writing: bool) -> None:
        if self.models is not None and not writing:
            self.models.greet()
        self._tell_past()

    def _tell_past(self) -> None:
        """Say what should be known of the last run, and of settings that could not be read."""
        if self.crash is not None and self.crash.left:
            self.window.tell_fault(self.crash.left, past=True)
        elif self.missed is not None:
            self.window.banner.tell(models_gone(self.missed.name))
        elif self.preferences.problems:
            self.window.banner.tell(settings_unread(self.preferences.problems[0]))

    def come_forward(self) -> None:
        """Show what there is: the window or, once that is closed, what is waited for."""
        (self._farewell or self.window).come_forward()

    def hurry(self) -> None:
        """End now, without a question: the system wants it."""
        self.window.closing.silent = QDeadlineTimer(QDeadlineTimer.ForeverConstant.Forever)
        self.window.remember()
        QApplication.exit(0)  # of whatever loop it is: a question that is open is not waited for

    def end(self) -> bool:
        """Stop the engine, have everything written, and wait for both; False if a thread is still running."""
        for taught in (self.teaching, self.learning):
            if taught is not None:
                taught.end()
        if self.models is not None:
            self.models.end()
        self.thread.begin_no_more()
        self.chat.leave()
        written = self._written()
        stopped = self.thread.wait_for_end()
        self.collector.end()
        self._kept.sync()
        return stopped and written

    def commit(self) -> None:
        """Save everything while the system waits to end the session, and have nothing asked after that."""
        self.window.closing.silent = QDeadlineTimer(ALONE)
        self.chat.current.keep_draft()
        self.chat.flight.keep()
        self.archive.settle(COMMIT)

    def _written(self) -> bool:
        """Wait for what is being written; False if something still is, for which nobody waits any longer."""
        closing, exports = self.window.closing, self.window.conversations.exports
        if closing.silent.hasExpired():
            self._farewell = Farewell(self.archive, exports, anyway=closing.given_up)
            self._farewell.wait()
        if not closing.silent.hasExpired():  # by now
            exports.give_up()
            self.archive.end(LAST)
        return not (self.archive.running or exports.at_work())

    def _remember(self) -> None:
        """Keep which models are used, once they have proved that they load."""
        models = self.chat.models
        if self.chat.engine is Engine.READY and models is not None and models != self.passing:
            if models == starter_models():
                forget(self._kept)
            else:
                remember(self._kept, models)

    def _rest(self) -> None:
        """Let the collector know when a pause would go unnoticed."""
        loading = self.chat.engine is Engine.LOADING
        self.collector.suit(loading=loading, resting=not (loading or self.chat.busy))
