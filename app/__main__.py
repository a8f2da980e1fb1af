"""Starts the program: reads the command line, opens what is on disk, shows the window until it is closed."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from platformdirs import user_config_path, user_data_path, user_log_path
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QMessageBox

from app.application import Application
from app.conversations.archive import Archive
from app.conversations.safe import NAME as CONVERSATIONS
from app.desktop.crash import CrashLog
from app.desktop.ending import Ending
from app.desktop.identity import identify
from app.desktop.logs import log_folder, write_log
from app.desktop.plugins import find_plugins
from app.desktop.single_instance import SingleInstance
from app.models.last_models import begun_with
from app.models.library import ModelLibrary, lacks_starter, require_starter, starter_models
from app.settings.arguments import parser, read_arguments
from app.settings.file import SettingsFile
from app.settings.preferences import Preferences
from app.talk.worker import SessionLike, open_engine
from engine.config import ModelSet, Weights, models_in
from engine.events import Loading
from engine.template.process import serve

log = logging.getLogger("app")

# The engine has no business on the network; downloads are a process of their own, with its own environment.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
SWITCH = 0.0002  # seconds a thread may hold the interpreter while the window waits for it; in a frame it does so often


def prepare(argv: Sequence[str]) -> tuple[Application, ModelSet]:
    """Make everything, show nothing; returns the application and the models it is to open."""
    return furnish(begin(argv))


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known before anything is opened; ``data`` is where the conversations lie."""

    app: QApplication
    preferences: Preferences
    model: Path | None
    data: Path


def begin(argv: Sequence[str]) -> Beginning:
    """Read the command line and the settings, and make Qt's part; leaves with a usage line where they make no sense."""
    words = read_arguments(argv[1:])
    find_plugins()
    app = QApplication([argv[0], *words.rest])
    unknown = [word for word in app.arguments()[1:] if word.startswith("-")]  # Qt has taken its own
    if unknown:
        parser().error(f"unrecognized arguments: {' '.join(unknown)}")
    identify(app)
    file = SettingsFile(user_config_path("Updraft", appauthor=False) / "settings.json")
    preferences = Preferences(file, words.given)
    usual = user_data_path("Updraft", appauthor=False)
    return Beginning(app, preferences, words.model, Path(preferences.settings.data_folder or usual))


def furnish(beginning: Beginning) -> tuple[Application, ModelSet]:
    """Open logs and data, and make the window; returns the application and the models it is to open."""
    logs = log_folder(user_log_path("Updraft", appauthor=False))
    crash = CrashLog(logs)
    crash.watch()
    write_log(logs)
    sys.setswitchinterval(SWITCH)
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "Updraft", "Updraft")
    starter = starter_models()
    used, missed = begun_with(settings, starter)
    models = used if beginning.model is None else models_in(beginning.model)
    known = list(dict.fromkeys((starter, models)))
    archive = kept_in(beginning.data, settings)
    preferences = beginning.preferences
    paces = user_data_path("Updraft", appauthor=False) / "paces.json"  # not beside the chats: it is this computer's

    def engine(wanted: ModelSet) -> Generator[Loading, None, SessionLike]:
        require_starter(wanted)
        chosen = preferences.settings
        weights = next(form for form in get_args(Weights) if form == chosen.weights)
        return open_engine(wanted, chosen.room, paces, chosen.threads, weights)

    running = Application(beginning.app, engine, settings, known, logs, archive, preferences, crash)
    if beginning.model is None:
        running.missed = missed
        if not (beginning.data / CONVERSATIONS).exists() and not lacks_starter(models):
            running.add_first_run()
    else:
        running.passing = models
    running.add_library(ModelLibrary.here(offline=beginning.preferences.settings.offline), settings)
    os.environ.update(OFFLINE)
    return running, models


def kept_in(data: Path, settings: QSettings) -> Archive:
    """Return the conversations of the folder ``data``; one that was used before and is gone is not made anew."""
    archive = Archive(data, make=settings.value("data") != str(data))
    archive.listed.connect(lambda: settings.setValue("data", str(data)))
    return archive


def run(running: Application, models: ModelSet) -> int:
    """Show the window until it is closed; returns the exit code."""
    running.start(models)
    code = QApplication.exec()
    if not running.end():
        log.error("something is still running; leaving without it")
        logging.shutdown()
        os._exit(code)  # a thread stuck in native code can neither be joined nor safely killed
    if running.crash is not None:
        running.crash.end()
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the application; returns the exit code."""
    serve(sys.argv)
    beginning = begin(sys.argv if argv is None else argv)
    single = SingleInstance(beginning.data)
    try:
        if not single.claim():
            return 0
    except TimeoutError:
        QMessageBox.critical(None, "Updraft", "Updraft is running but does not answer. End it, and start it again.")
        return 1
    running, models = furnish(beginning)
    single.raise_wanted.connect(running.come_forward)
    beginning.app.commitDataRequest.connect(running.commit)
    ending = Ending()
    ending.wanted.connect(running.hurry)
    ending.watch()
    code = run(running, models)
    single.release()
    return code


if __name__ == "__main__":
    sys.exit(main())
