"""Connects signals with what hears them on another thread: always queued, never by Qt's guess."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, SignalInstance


def connect_queued(*pairs: tuple[SignalInstance, Callable[..., object] | SignalInstance]) -> None:
    """Connect each signal with its slot, which runs in the event loop of its own object's thread."""
    for signal, slot in pairs:
        signal.connect(slot, Qt.ConnectionType.QueuedConnection)
