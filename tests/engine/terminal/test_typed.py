"""What is typed into a chat, through a real terminal."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.config import ModelSet
from engine.terminal import Keyboard

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals on Windows", allow_module_level=True)

import select

LIMIT = 60.0  # seconds after which a program that says nothing has failed
OWN = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl+C reaches those whose terminal it is
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
READ = """
import sys
if "bare" in sys.argv:
    sys.modules["readline"] = None
from engine.terminal import Keyboard
for message in Keyboard().messages():
    print("asked", repr(message), flush=True)
print("over", flush=True)
"""


class Program:
    """A Python program at a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.said = ""
        self._terminal, theirs = os.openpty()
        self._running = subprocess.Popen(
            [sys.executable, "-c", OWN, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(theirs)

    def type(self, text: str) -> None:
        """Send ``text`` as a terminal sends what is typed or pasted."""
        os.write(self._terminal, text.encode())

    def until(self, text: str) -> None:
        """Read on until ``text`` has been shown since the last call."""
        deadline = time.monotonic() + LIMIT
        while text not in self.said:
            assert select.select([self._terminal], [], [], max(0, deadline - time.monotonic()))[0], self.said
            try:
                came = os.read(self._terminal, 65536)
            except OSError:  # so the end is told on Linux
                came = b""
            assert came, f"it ended with {self.said!r}"
            self.said += came.decode("utf-8", "replace")
        self.said = self.said.partition(text)[2]

    def leave(self) -> int:
        """Wait for the end of the program; return its exit status."""
        return self._running.wait(LIMIT)

    def close(self) -> None:
        """End the program."""
        self._running.kill()
        self._running.wait()
        os.close(self._terminal)


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    """Give a function that starts a program; all of them end with the test."""
    running: list[Program] = []

    def begun(*arguments: str) -> Program:
        running.append(Program(*arguments))
        return running[-1]

    yield begun
    for program in running:
        program.close()


def test_a_paste_is_one_message(start: Callable[..., Program]) -> None:
    """Guards: each pasted line sent as a question of its own, and a blank one among them ending the chat."""
    program = start("-c", READ)
    program.until("> ")
    program.type("\x1b[200~def f():\r\r    return 1\x1b[201~")
    program.type("\r")
    program.until(r"asked 'def f():\n\n    return 1'")
    program.until("> ")
    program.type("\r")  # a blank line asks nothing and ends nothing
    program.until("> ")
    program.type("and now?\r")
    program.until("asked 'and now?'")
    program.until("> ")
    program.type("/quit\r")
    program.until("over")


def test_a_paste_is_one_message_without_line_editing(start: Callable[..., Program]) -> None:
    """Guards: the same where Python has no readline, or one that does not know a paste."""
    program = start("-c", READ, "bare")
    program.until("> ")
    program.type("one\n\n  two\n")
    program.until(r"asked 'one\n\n  two'")
    program.type("three\n")
    program.until("asked 'three'")
    program.type("\x04")  # Ctrl+D
    program.until("over")


def test_ctrl_c_at_the_prompt_ends_nothing(start: Callable[..., Program]) -> None:
    """Guards: a chat that is gone because somebody pressed it a moment too late."""
    program = start("-c", READ)
    program.until("> ")
    program.type("half a quest")
    program.until("half a quest")
    time.sleep(0.5)  # readline minds a signal only while it waits, and nobody presses so soon
    program.type("\x03")
    program.until("/quit or Ctrl+D ends the chat")
    program.until("> ")
    program.type("whole\r")
    program.until("asked 'whole'")
    program.until("> ")  # before it readline does not have the terminal yet, and what the key says is lost
    program.type("\x04")
    program.until("over")


def test_ctrl_c_stops_the_answer_alone(start: Callable[..., Program], family: ModelSet, tmp_path: Path) -> None:
    """Guards: the chat ended with the answer, or the next question asked without what was said before."""
    log = tmp_path / "events.jsonl"
    folder = str(family.target.parent)
    program = start(
        "-m", "engine", "chat", "--model", folder, "--device", "cpu", "--preset", "plain", "--json", str(log)
    )
    program.until("> ")
    program.type("The fox?\r")
    deadline = time.monotonic() + LIMIT
    while '"event": "round"' not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    program.type("\x03")
    program.until("Stopped.")
    program.until("> ")
    program.type("/quit\r")
    assert program.leave() == 0
    assert '"event": "finished"' not in log.read_text(encoding="utf-8")


def test_a_pipe_asks_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a script's questions run together, or ended by a blank line."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n\ntwo\n/quit\nnever\n"))
    assert list(Keyboard().messages()) == ["one", "two"]
