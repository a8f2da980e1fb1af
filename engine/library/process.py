"""A downloader process from the outside: started with one order, heard on a thread, certain to end when told."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace

from engine.interpreter import python
from engine.library.connection import Connection
from engine.library.faults import LibraryError
from engine.library.protocol import NOW, STAY, Failure, Order, Told, decode_told, encode

MODULE = "engine.library.downloader"


class Downloader:
    """One running downloader. ``hear`` gets what it tells and ``ended`` its last error text, on a thread.

    ``token`` is asked on that thread too, because a keyring may wait for its owner to unlock it; without it the
    order's own token is used. Raises LibraryError (offline) or OSError where no process can be started.
    """

    def __init__(
        self,
        order: Order,
        connection: Connection,
        hear: Callable[[Told], None],
        ended: Callable[[str], None],
        token: Callable[[], str | None] | None = None,
    ) -> None:
        connection.require_online()
        self._order, self._token = order, token
        self._hear, self._ended = hear, ended
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            python("-m", MODULE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=connection.environment(),
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl+C in a terminal is for the one who ordered
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._listener = threading.Thread(target=self._listen, name="downloader", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def stop(self) -> None:
        """End the process now; what it has on disk is where the next one looks for it."""
        self._process.kill()
        self._process.wait()

    def hurry(self) -> None:
        """Have it try again now, where it waits for the next attempt."""
        self._write(NOW + "\n")

    def leave(self) -> None:
        """Let the process go on by itself; what it writes is no longer read."""
        self._write(STAY + "\n")
        self._hang_up()

    def join(self) -> None:
        """Wait until the process has ended and was heard to the end; not to be called from ``hear`` or ``ended``."""
        self._listener.join()

    def _write(self, line: str) -> None:
        """Send ``line``, unless the process has ended or was left."""
        if self._process.stdin:
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except (OSError, ValueError):
                self._hang_up()  # or what nobody reads would be sent once more at the end, and fail there

    def _hang_up(self) -> None:
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _ask_token(self) -> str | None:
        try:
            return self._token() if self._token else self._order.token
        except LibraryError as error:
            self._hear(Failure(error.kind, error.sentence, error.hint))
            self._process.kill()  # nothing is asked of the Hub with a token that cannot be one
            return None

    def _listen(self) -> None:
        with self._process, self._complaints:
            token = self._ask_token()
            self._write(encode(replace(self._order, token=token, client=os.getpid())))
            for line in self._process.stdout or ():
                with contextlib.suppress(ValueError, KeyError, TypeError):  # half a line of one that was killed
                    self._hear(decode_told(line))
            self._process.wait()
            self._complaints.seek(0)
            lines = self._complaints.read().strip().splitlines()
        self._ended(lines[-1] if lines else "")


def ask(order: Order, connection: Connection) -> Told:
    """Have one question answered by a downloader process; raises the LibraryError it ended in. Blocks."""
    heard: list[Told] = []
    last: list[str] = []
    asked = Downloader(order, connection, heard.append, last.append)
    try:
        asked.join()
    except BaseException:
        asked.stop()
        raise
    if not heard:
        raise LibraryError("network", f"The downloader stopped: {last[0] if last else 'no reason given'}", "Try again.")
    if isinstance(heard[-1], Failure):
        raise heard[-1].error()
    return heard[-1]
