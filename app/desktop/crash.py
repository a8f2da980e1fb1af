"""Records crashes in a file, which is offered at the next start.

Faults of Python, of its threads, of Qt and of native code (by faulthandler) all go to the same file. A normal exit
leaves it empty.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler

from app.desktop.files import obstructed, regular
from app.desktop.version import installed
from engine.version import VERSION

log = logging.getLogger(__name__)

LONGEST = 200_000  # characters of a report that are read back
STAMP = "Updraft "
MOST = 20  # faults of one run that are kept: one in every frame would fill the disk
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class CrashLog(QObject):
    """Writes to ``crash.log`` in ``folder`` from ``watch`` to ``end``. ``left`` is what the last run wrote there.

    ``happened`` carries the report of a fault the program survived, from any thread. Where the file cannot be written,
    the program runs all the same and nothing is recorded.
    """

    happened = Signal(str)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / "crash.log"
        self.left = _read(self.path)
        if self.left and not self.left.startswith(STAMP):  # a native fault has no time to say where it was
            self.left = f"{about_here()}\n\n{self.left}"
        self._file = _opened(self.path)
        self._faults = 0
        self._before: tuple[Callable[..., object], Callable[..., object]] | None = None

    def watch(self) -> None:
        """Install the hooks that report faults."""
        faulthandler.enable(self._file, all_threads=True)
        self._before = sys.excepthook, threading.excepthook
        sys.excepthook = self._uncaught
        threading.excepthook = self._uncaught_in_thread
        qInstallMessageHandler(_log_qt)

    def end(self) -> None:
        """Restore the hooks and leave nothing to offer at the next start."""
        if self._before is not None:
            sys.excepthook, threading.excepthook = self._before
            qInstallMessageHandler(None)
            faulthandler.disable()
        self._file.close()
        if regular(self.path):
            self.path.unlink()

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        log.critical("uncaught", exc_info=(kind, error, trace))
        sys.__excepthook__(kind, error, trace)
        self._faults += 1
        if self._faults <= MOST:
            report = f"{about_here()}\n\n{''.join(traceback.format_exception(kind, error, trace))}"
            self._file.write(report)
            self.happened.emit(report)

    def _uncaught_in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            self._uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def about_here() -> str:
    """Return one line about the program, the machine and the time."""
    libraries = (f"{name} {installed(name)}" for name in ("PySide6-Essentials", "torch"))
    machine = f"Python {platform.python_version()}", platform.platform(), f"{datetime.now():%Y-%m-%d %H:%M:%S}"
    return ", ".join((f"{STAMP}{VERSION}", *libraries, *machine))


def _opened(path: Path) -> TextIO:
    """Open ``path`` for writing, or the null device where that is impossible."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not obstructed(path):
            return path.open("w", encoding="utf-8", buffering=1)
    return Path(os.devnull).open("w", encoding="utf-8")


def _read(path: Path) -> str:
    if not regular(path):
        return ""
    try:
        return path.read_text("utf-8", "replace")[-LONGEST:].strip()
    except OSError:
        return ""


def _log_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    """Record Qt's messages; warnings also go where Qt itself would write them."""
    level = _LEVELS.get(kind, logging.WARNING)
    log.log(level, "Qt (%s): %s", context.category, message)
    if level >= logging.WARNING and sys.stderr is not None:  # a program without a terminal may have none
        sys.stderr.write(f"{message}\n")
