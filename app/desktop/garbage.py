"""Collects cyclic garbage on the window's thread only: elsewhere it could destroy widgets from a foreign thread."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

PERIOD = 500  # ms


class Collector(QObject):
    """Takes over from Python's automatic collection for as long as it lives; same thresholds, this thread.

    While not ``resting`` there is no full collection: it can take longer than a frame.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._thresholds = gc.get_threshold()
        self.resting = True
        gc.disable()
        self._timer = QTimer(self, interval=PERIOD)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect the generations that are due; the oldest only while resting."""
        due = [count > limit for count, limit in zip(gc.get_count(), self._thresholds, strict=True)]
        if due[2] and self.resting:
            gc.collect(2)
        elif due[1]:
            gc.collect(1)
        elif due[0]:
            gc.collect(0)

    def settle(self) -> None:
        """Take what lives now, torch's many objects above all, out of every later collection."""
        gc.freeze()

    def end(self) -> None:
        """Hand collection back to Python."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
