"""The process that renders templates, from the outside: started when first needed, ended when a template runs away."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

FLAG = "--render-templates"  # asks a program that is packed into one file to be this process
MEMORY = 512 << 20  # bytes a template may take
SECONDS = 3.0  # of computing a template may take; real ones take a thousandth
PATIENCE = 60.0  # seconds by the clock, should the process get no share of the processor at all
AT_ONCE = 0.1  # seconds within which nothing is said of a wait
STEP = 0.05  # seconds between two looks at what the process takes


def serve(words: Sequence[str]) -> None:
    """Be that process, to its end, where ``words``, a packed program's command line, ask for it."""
    if list(words[1:2]) == [FLAG]:
        from engine.template.child import main

        main(int(words[2]), int(words[3]))


class Overrun(Exception):  # noqa: N818 - what happened, in one word
    """A template was ended; the message says, as the end of a sentence, what it took."""


class Renderer:
    """A process for all templates of this program, replaced by another after it had to be ended. Any thread may ask."""

    def __init__(self) -> None:
        self._idle: list[_Process] = []

    def warm(self) -> None:
        """Start the process if none waits, so that the first request does not wait for it."""
        if not self._idle:
            with contextlib.suppress(OSError):  # said by the request
                self._idle.append(_Process())

    def ask(self, request: dict[str, Any]) -> Generator[float, None, dict[str, Any]]:
        """Return the answer to ``request``; yields, while it is waited for, what part of the time is spent.

        Ceasing to iterate ends the process. Raises Overrun, and OSError where no process can be started.
        """
        process = self._free()
        try:
            answer = yield from process.ask(request)
        except BaseException:
            process.end()
            raise
        self._idle.append(process)
        return answer

    def close(self) -> None:
        """End what waits; the next request begins another."""
        while self._idle:
            self._idle.pop().end()

    def _free(self) -> _Process:
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            process.end()
        return _Process()


class _Process:
    """A child, and a thread that hears its lines; None stands for the end of them."""

    def __init__(self) -> None:
        secret = ("HF_", "HUGGING")  # a token is nothing for a template's process
        self._child = subprocess.Popen(  # noqa: S603 - this very interpreter
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith(secret)},
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl+C in a terminal is for the one who chats
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(self._child.stdout, self._heard), name="template", daemon=True).start()
        atexit.register(self.end)

    @property
    def alive(self) -> bool:
        """True while the child can be asked."""
        return self._child.poll() is None

    def ask(self, request: dict[str, Any]) -> Generator[float, None, dict[str, Any]]:
        """See Renderer.ask."""
        if self._child.stdin is None:
            raise OSError("the process has no input")
        with contextlib.suppress(BrokenPipeError):  # its last line says why it went, or the end of them
            self._child.stdin.write(json.dumps(request) + "\n")
            self._child.stdin.flush()
        with contextlib.suppress(queue.Empty):
            return self._read(self._heard.get(timeout=AT_ONCE))
        meter = _Meter(self._child.pid)
        while True:
            yield meter.spent()
            with contextlib.suppress(queue.Empty):
                return self._read(self._heard.get(timeout=STEP))

    def _read(self, line: str | None) -> dict[str, Any]:
        if line is None:  # the system ended it, by one limit or the other
            raise Overrun("takes more time or memory than a template may")
        answer: dict[str, Any] = json.loads(line)
        if answer.get("fault") == "memory":
            raise Overrun(f"takes more than {MEMORY >> 20} MB")
        return answer

    def end(self) -> None:
        """Kill the child and wait for it."""
        atexit.unregister(self.end)
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class _Meter:
    """What a process has taken since this was made."""

    def __init__(self, pid: int) -> None:
        self._began = time.monotonic()
        self._process: psutil.Process | None = None
        self._before = 0.0
        with contextlib.suppress(psutil.Error):
            self._process = psutil.Process(pid)
            self._before = self._computed(self._process)

    def spent(self) -> float:
        """Return what part of the time it may take is spent; raises Overrun at the end of it."""
        computed, taken = 0.0, 0
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                computed = self._computed(self._process) - self._before
                taken = self._process.memory_info().rss
        if taken > MEMORY:
            raise Overrun(f"takes more than {MEMORY >> 20} MB")
        part = max(computed / SECONDS, (time.monotonic() - self._began) / PATIENCE)
        if part >= 1:
            raise Overrun("does not come to an end")
        return part

    def _computed(self, process: psutil.Process) -> float:
        times = process.cpu_times()
        return float(times.user + times.system)


def _listen(lines: IO[str] | None, heard: queue.SimpleQueue[str | None]) -> None:
    with contextlib.suppress(OSError, ValueError):  # the pipe is closed when the child is ended
        for line in lines or ():
            heard.put(line)
    heard.put(None)


def _command() -> list[str]:
    """Return what starts the child: by its file, which imports nothing of the engine; or this packed program."""
    if getattr(sys, "frozen", False):
        program = [sys.executable, FLAG]
    else:
        program = [sys.executable, "-P", str(Path(__file__).with_name("child.py"))]
    return [*program, str(MEMORY), str(round(SECONDS))]
