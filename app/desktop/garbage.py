"""Collects cyclic garbage on the window's thread only: another thread must not destroy widgets."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

PERIOD = 500  # ms
BRISK = 100  # while modules are imported, which make a thousand objects in no time


class Collector(QObject):
    """Replaces Python's automatic collection while it lives: same thresholds, on this thread.

    ``suit`` says how much may be collected at a time.
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
        """Allow a full collection only while ``resting``, as it can take longer than a frame.

        While ``loading`` collect only the youngest generation: imports leave little garbage, and going through them all
        stopped the window for 0.2 s.
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
        """Exempt everything alive now, mostly torch's many objects, from later collections."""
        gc.freeze()

    def end(self) -> None:
        """Turn Python's automatic collection back on."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
