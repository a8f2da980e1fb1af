"""What every test needs before Qt and torch are imported: no display, one thread, Ctrl+C, nobody's real settings."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Before torch is imported: threads that wait for each other on a busy machine make tiny models ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A run that a script began in the background ignores Ctrl+C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Send settings, data, caches and logs of the whole run to a folder of its own."""
    home: Path = tmp_path_factory.mktemp("home")
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        os.environ[variable] = str(home / variable.lower())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pass what the offscreen platform says of itself; any other Qt warning fails."""
    for item in items:
        item.add_marker(
            pytest.mark.qt_log_ignore(r"This plugin does not support (propagateSizeHints|raise)\(\)", extend=True)
        )


def pytest_collection_finish() -> None:
    """Spare the collector what is imported by now, torch and transformers: it stays, and a look at it takes .5 s."""
    gc.freeze()
