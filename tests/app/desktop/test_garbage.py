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


def test_only_the_youngest_are_looked_at_while_the_engine_loads(qtbot: QtBot) -> None:
    """Guards: a stall of 0.2 s while torch is imported, for going through all of it again."""
    looked: list[int] = []

    def note(phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            looked.append(told["generation"])

    owner = QObject()
    collector = Collector(owner)
    gc.callbacks.append(note)
    hoard: list[list[list[object]]] = []
    try:
        for loading in (True, False):
            collector.suit(loading=loading, resting=False)
            for _ in range(15):
                hoard.append([[] for _ in range(1_000)])
                collector.collect()
            assert set(looked) == ({0} if loading else {0, 1})
    finally:
        gc.callbacks.remove(note)
        collector.end()
