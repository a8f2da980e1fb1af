"""A teaching process from the outside: started for one course, heard on a thread, certain to end. No torch."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence

from engine.interpreter import python
from engine.teaching.protocol import PAUSE, RESUME, STOP, Tell, decode

MODULE = "engine"
QUIET = {"PYTHONUNBUFFERED": "1"}  # a line is heard when it is written


class Teacher:
    """One running ``python -m engine teach``. On a thread ``hear`` gets what it tells, ``ended`` its last error text.

    ``asked``: the words behind "teach". It ends with this process, after writing its state. Raises OSError where no
    process can be started.
    """

    def __init__(self, asked: Sequence[str], hear: Tell, ended: Callable[[str], None]) -> None:
        self._hear, self._ended = hear, ended
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            python("-m", MODULE, "teach", *asked, "--json"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=os.environ | QUIET,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl+C in a terminal is for the one who asked
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._listener = threading.Thread(target=self._listen, name="teacher", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def pause(self) -> None:
        """Have it wait as soon as the step at hand is done."""
        self._write(PAUSE)

    def resume(self) -> None:
        """Have it go on."""
        self._write(RESUME)

    def stop(self) -> None:
        """Have it write its state and end."""
        self._write(STOP)

    def end(self, seconds: float) -> None:
        """Stop it, and after ``seconds`` kill it: what it last wrote is on the disk. Returns when it has ended."""
        self.stop()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def leave(self) -> None:
        """Hang up, as an end of this process does: it writes its state and ends by itself."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended and was heard to the end, for ``seconds`` at most; not from ``hear`` or ``ended``."""
        self._listener.join(seconds)

    def _write(self, word: str) -> None:
        """Send ``word``, unless the process has ended."""
        if self._process.stdin and not self._process.stdin.closed:
            try:
                self._process.stdin.write(word + "\n")
                self._process.stdin.flush()
            except (OSError, ValueError):
                self.leave()  # or what nobody reads would be sent once more at the end, and fail there

    def _listen(self) -> None:
        with self._process, self._complaints:
            for line in self._process.stdout or ():
                with contextlib.suppress(ValueError, KeyError, TypeError):  # no line of ours, or half a one
                    self._hear(decode(line))
            self._process.wait()
            self._complaints.seek(0)
            lines = self._complaints.read().strip().splitlines()
        self._ended(lines[-1] if lines else "")
