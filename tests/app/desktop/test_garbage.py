"""Cyclic garbage is collected, by the window's thread alone."""

from __future__ import annotations

import gc
import threading
import weakref

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.desktop.garbage import Collector


class Knot:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_is_collected_on_this_thread_only(qtbot: QtBot) -> None:
    """Guards: a worker's allocations collecting, and destroying, widgets from its thread; or nobody collecting."""
    owner = QObject()
    threads: list[threading.Thread] = []
    knot = Knot()
    weakref.finalize(knot, lambda: threads.append(threading.current_thread()))
    collector = Collector(owner)
    try:
        del knot
        worker = threading.Thread(target=lambda: [[] for _ in range(100_000)])
        worker.start()
        worker.join()
        hoard = [[] for _ in range(5_000)]  # type: ignore[var-annotated]
        assert threads == []
        qtbot.waitUntil(lambda: bool(threads))
        assert threads == [threading.current_thread()]
        assert len(hoard) == 5_000
    finally:
        collector.end()
    assert gc.isenabled()
    gc.collect()
