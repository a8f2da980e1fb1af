"""The log file: where it lies, and that it is written by every thread without growing without bound."""

from __future__ import annotations

import logging
import tempfile
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from app.desktop.files import obstructed


def log_folder(wanted: Path) -> Path:
    """Return ``wanted``, made if need be, or a folder for this run alone where the disk refuses it."""
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=wanted) as probe:
            probe.write(b"\n")
    except OSError:
        return Path(tempfile.mkdtemp(prefix="updraft-log-"))
    return wanted


def write_log(folder: Path) -> None:
    """Keep warnings and errors in ``folder``; where the disk refuses that, nowhere."""
    root, path = logging.getLogger(), folder / "updraft.log"
    root.setLevel(logging.INFO)
    if obstructed(path):
        return
    with suppress(OSError):
        handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
        root.addHandler(handler)
