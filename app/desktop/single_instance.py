"""Runs one window per user and data folder: a second start raises the first window and exits."""

from __future__ import annotations

import getpass
import hashlib
import logging
import os
import secrets
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs
from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

PATIENCE = 3_000  # ms the first has to answer
RAISE, DONE = b"raise\n", b"done\n"
LONGEST = 100  # bytes of a socket's path that every system takes
DIGITS = 20  # that stand for a data folder

log = logging.getLogger(__name__)


class SingleInstance(QObject):
    """Claims a data folder with a local socket in a place only this user can write to.

    ``raise_wanted`` is emitted in the first instance when another starts. Call ``claim`` once, before touching anything
    in the folder. Where there is no such place, every start counts as the first.
    """

    raise_wanted = Signal()

    def __init__(self, data: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        place = private_folder()
        self.name = None if place is None else address(place, data)
        self._lock = None if place is None else QLockFile(str(place / f"{_digest(data)}.lock"))
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """Return True if this is the first instance; else raise the first, wait for its answer, and return False.

        Raises TimeoutError if the first does not answer.
        """
        if self.name is None or self._lock is None:
            log.warning("no folder of one's own for a socket: a second start is not noticed")
            return True
        self._lock.tryLock(PATIENCE)  # two starts at the same moment: one after the other
        try:
            if self._raise_other(self.name):
                return False
            self._listen(self.name)
            return True
        finally:
            self._lock.unlock()

    def release(self) -> None:
        """Give up the claim, so that another start is the first."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _listen(self, name: str) -> None:
        QLocalServer.removeServer(name)  # a crash leaves its socket behind
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._called)
        self._server.listen(name)

    def _raise_other(self, name: str) -> bool:
        """Ask the first instance to come forward; return False if nobody answers as Updraft does."""
        socket = QLocalSocket()
        socket.connectToServer(name)
        if not socket.waitForConnected(PATIENCE):
            return False
        _let_others_come_forward()
        socket.write(RAISE)
        while not socket.canReadLine():
            if not socket.waitForReadyRead(PATIENCE):
                raise TimeoutError
        answer = socket.readLine().data()
        socket.disconnectFromServer()
        return answer == DONE

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


def private_folder() -> Path | None:
    """Return a folder only this user can use, or None where there is none.

    The system's own for a session, one in the user's caches, or, where its path is too long for a socket, a closed one
    among the temporary files. A temporary folder as such would be anybody's.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    caches = platformdirs.user_cache_path("Updraft", appauthor=False)
    whose = hashlib.sha256(getpass.getuser().encode(errors="surrogatepass")).hexdigest()[:10]
    temporary = Path(tempfile.gettempdir()) / f"updraft-{whose}"
    for folder in (*([Path(runtime) / "updraft"] if runtime else []), caches / "run", temporary):
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(folder) and len(os.fsencode(folder)) + len("/.socket") + DIGITS <= LONGEST:
                return folder
    return None


def address(folder: Path, data: Path) -> str:
    """Return the name of the socket for ``data``: a path in ``folder``, on Windows a pipe nobody else can guess."""
    if sys.platform == "win32":
        return f"updraft-{_digest(data)}-{_key(folder)}"
    return str(folder / f"{_digest(data)}.socket")


def _is_private(folder: Path) -> bool:
    if sys.platform == "win32":  # the folders of a user are closed to others there
        return folder.is_dir()
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _digest(data: Path) -> str:
    """Return a digest that is unique to this user and this data folder."""
    whose = f"{getpass.getuser()}\n{data.absolute()}"
    return hashlib.sha256(whose.encode(errors="surrogatepass")).hexdigest()[:DIGITS]


def _key(folder: Path) -> str:
    """Return the random key kept in ``folder``, creating it the first time."""
    path = folder / "key"
    with suppress(FileExistsError), path.open("x", encoding="ascii") as file:
        file.write(secrets.token_hex(8))
    return path.read_text("ascii")


def _let_others_come_forward() -> None:
    """Let another process bring its window to the front: Windows asks the process in front to allow it."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(-1)
