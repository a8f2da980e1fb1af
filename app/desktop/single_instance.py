"""One window for a person and a data folder: a second start raises the first and leaves."""

from __future__ import annotations

import getpass
import hashlib
import sys
import tempfile
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

PATIENCE = 3_000  # ms the first has to answer
RAISE, DONE = b"raise\n", b"done\n"


class SingleInstance(QObject):
    """Claims a data folder by the name of a local socket only this user may open.

    ``raise_wanted`` tells the first that another was started. ``claim`` once, before anything in the folder is touched.
    """

    raise_wanted = Signal()

    def __init__(self, data: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = socket_name(data)
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """Return True if this is the first; else have the first raised, wait for its word, and return False.

        Raises TimeoutError if the first does not answer.
        """
        lock = QLockFile(str(Path(tempfile.gettempdir()) / f"{self.name}.lock"))
        lock.tryLock(PATIENCE)  # two starts at the same moment: one after the other
        try:
            if self._raise_other():
                return False
            self._listen()
            return True
        finally:
            lock.unlock()

    def release(self) -> None:
        """Let another be the first."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _listen(self) -> None:
        QLocalServer.removeServer(self.name)  # a crash leaves its socket behind
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._called)
        self._server.listen(self.name)

    def _raise_other(self) -> bool:
        """Return False if nobody listens."""
        socket = QLocalSocket()
        socket.connectToServer(self.name)
        if not socket.waitForConnected(PATIENCE):
            return False
        _let_others_come_forward()
        socket.write(RAISE)
        while not socket.canReadLine():
            if not socket.waitForReadyRead(PATIENCE):
                raise TimeoutError
        socket.disconnectFromServer()
        return True

    def _called(self) -> None:
        assert self._server is not None  # noqa: S101 - it is the one that called
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(lambda socket=socket: self._answer(socket))
            socket.disconnected.connect(socket.deleteLater)

    def _answer(self, socket: QLocalSocket) -> None:
        if socket.canReadLine() and socket.readLine().data() == RAISE:
            socket.write(DONE)
            socket.flush()
            self.raise_wanted.emit()


def socket_name(data: Path) -> str:
    """Return a name that belongs to this user and that data folder alone."""
    whose = f"{getpass.getuser()}\n{data.absolute()}"
    return f"updraft-{hashlib.sha256(whose.encode()).hexdigest()[:20]}"


def _let_others_come_forward() -> None:
    """Windows lets a window come to the front only if the process in front allows it."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(-1)
