"""Starts the window: the one place where its parts are made and handed to each other."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from platformdirs import user_log_path
from PySide6.QtCore import QSettings, QThread, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from app.assets import asset
from app.chat import Chat, Engine
from app.garbage import Collector
from app.theme import CHOICES, Theme
from app.window import Window
from app.worker import EngineWorker, OpenSession, open_engine
from engine.config import PRESETS, ModelSet, models_in, starter_models

log = logging.getLogger("app")

PATIENCE = 15_000  # ms the engine has to end its round when the window closes
SWITCH = 0.001  # seconds a thread may hold the interpreter while the window waits for it


class Application:
    """Everything that lives as long as the program: engine thread, chat, theme, window."""

    def __init__(
        self, app: QApplication, open_session: OpenSession, settings: QSettings, known: Sequence[ModelSet], logs: Path
    ) -> None:
        self.thread = QThread()
        self.thread.setObjectName("engine")
        self.worker = EngineWorker(open_session)
        self.worker.moveToThread(self.thread)
        self.chat = Chat(self.worker)
        self.chat.preset = PRESETS.get(str(settings.value("preset", "hispec")), PRESETS["hispec"])
        self.theme = Theme(app)
        wanted = str(settings.value("theme", "system"))
        self.theme.choose(next((choice for choice in CHOICES if choice == wanted), "system"))
        self.collector = Collector(self.chat)
        self.window = Window(self.chat, self.theme, settings, known, logs)
        for changed in (self.chat.engine_changed, self.chat.answering, self.chat.answered):
            changed.connect(self._rest)
        self.chat.engine_changed.connect(self.collector.settle)

    def start(self, models: ModelSet) -> None:
        """Show the window, and only then begin to load ``models``."""
        self.window.show()
        self.thread.start()
        QTimer.singleShot(0, self.window, lambda: self.chat.open(models))

    def end(self) -> bool:
        """Stop the engine and wait for its thread; False if it did not end in time."""
        self.chat.leave()
        ended = not self.thread.isRunning() or self.thread.wait(PATIENCE)
        self.collector.end()
        return ended

    def _rest(self) -> None:
        """Let the collector know when a pause would go unnoticed."""
        self.collector.resting = self.chat.engine is not Engine.LOADING and not self.chat.busy


def prepare(argv: Sequence[str]) -> tuple[Application, ModelSet]:
    """Make everything, show nothing; returns the application and the models it is to open."""
    options, rest = _parser().parse_known_args(argv[1:])
    logs = user_log_path("Updraft", appauthor=False, ensure_exists=True)
    _write_log(logs)
    sys.setswitchinterval(SWITCH)
    app = QApplication([argv[0], *rest])
    app.setApplicationName("Updraft")
    app.setDesktopFileName("org.updraft.Updraft")
    app.setWindowIcon(QIcon(str(asset("icons", "updraft.svg"))))
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "Updraft", "Updraft")
    starter = starter_models()
    models = starter if options.model is None else models_in(options.model)
    known = [starter] if models == starter else [starter, models]
    return Application(app, open_engine, settings, known, logs), models


def run(running: Application, models: ModelSet) -> int:
    """Show the window until it is closed; returns the exit code."""
    running.start(models)
    code = QApplication.exec()
    if not running.end():
        log.error("the engine did not stop within %d seconds; leaving without it", PATIENCE // 1000)
        logging.shutdown()
        os._exit(code)  # a thread stuck in native code can neither be joined nor safely killed
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the application; returns the exit code."""
    return run(*prepare(sys.argv if argv is None else argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="updraft", description="Chat with a language model on this computer.")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="a model folder to open instead of the starter")
    return parser


def _write_log(folder: Path) -> None:
    """Keep warnings and errors of all threads in a file that does not grow without bound."""
    handler = RotatingFileHandler(folder / "updraft.log", maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Keep what no one caught, and show it where there is a terminal."""
    log.critical("uncaught", exc_info=(kind, error, trace))
    sys.__excepthook__(kind, error, trace)


if __name__ == "__main__":
    sys.exit(main())
