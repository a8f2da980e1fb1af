"""Turns a signal to end, from a service manager or a terminal, into an orderly end of the program."""

from __future__ import annotations

import signal
import socket

from PySide6.QtCore import QObject, QSocketNotifier, Signal

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")


class Ending(QObject):
    """Emits ``wanted`` in the event loop at the first signal; a second one ends the program at once.

    Python runs signal handlers only between its own instructions, and while Qt waits there are none.
    """

    wanted = Signal()

    def watch(self) -> None:
        """Take over every signal that is not ignored already (nohup). Call this on the main thread."""
        self._here, self._there = socket.socketpair()
        for end in (self._here, self._there):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._here.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._heard)
        signal.set_wakeup_fd(self._there.fileno(), warn_on_full_buffer=False)
        known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        self._taken = [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._taken:
            signal.signal(number, lambda *_: None)  # the socket is written to by itself

    def _heard(self) -> None:
        if not any(number in self._taken for number in self._here.recv(64)):
            return
        for number in self._taken:
            signal.signal(number, signal.SIG_DFL)
        self.wanted.emit()
