"""Collects cyclic garbage on the window's thread only: elsewhere it could destroy widgets from a foreign thread."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

PERIOD = 500  # ms
BRISK = 100  # while modules are imported, which make a thousand objects in no time


class Collector(QObject):
    """Takes over from Python's automatic collection for as long as it lives; same thresholds, this thread.

    How much of it at a time goes by ``suit``.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._thresholds = gc.get_threshold()
        self._loading, self._resting = False, True
        gc.disable()
        self._timer = QTimer(self, interval=PERIOD)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def suit(self, *, loading: bool, resting: bool) -> None:
        """Collect fully only while ``resting``, as that can take longer than a frame.

        While ``loading`` look at the youngest alone: what is imported stays, and going through all of it stopped the
        window for 0.2 s.
        """
        self._loading, self._resting = loading, resting
        self._timer.setInterval(BRISK if loading else PERIOD)

    def collect(self) -> None:
        """Collect the generations that are due and allowed now."""
        due = [count > limit for count, limit in zip(gc.get_count(), self._thresholds, strict=True)]
        if due[2] and self._resting:
            gc.collect(2)
        elif due[1] and not self._loading:
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
