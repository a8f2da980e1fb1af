"""What is typed or piped into a chat, one message at a time: several lines that are pasted at once are one message.

A terminal's own line editing, GNU readline, keeps a paste together by itself (bracketed paste). Where Python has
another one or none, the lines of a paste are known by coming faster than anybody types.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

QUIT = "/quit"
HELP = f"{QUIT} or Ctrl+D ends the chat, Ctrl+C stops an answer."
PASTED = 0.05  # seconds in which the next line of a paste is there


class Keyboard:
    """Reads standard input: a terminal a message at a time, a pipe line by line."""

    def __init__(self) -> None:
        self._typed = sys.stdin.isatty()
        self._prompt = "> " if self._typed and sys.stdout.isatty() else ""
        self._ended = False
        if self._prompt:
            with suppress(ImportError):
                import readline  # noqa: F401 - input() edits lines with it; it may write when imported

    def messages(self) -> Iterator[str]:
        """Yield what is asked, until ``/quit`` or the end of the input. Blank lines ask nothing."""
        if self._typed:
            sys.stderr.write(f"{HELP}\n")
        while not self._ended:
            text = self._message().strip("\n").rstrip()
            if text.strip() == QUIT:
                return
            if text:
                yield text

    def _message(self) -> str:
        """Return the next message: one line, or all lines of a paste; nothing where Ctrl+C gave it up."""
        lines: list[str] = []
        try:
            lines.append(input(self._prompt))
            while self._typed and _more_is_there():
                lines.append(input())
        except EOFError:
            self._ended = True
            if self._prompt and not lines:
                sys.stdout.write("\n")  # what comes next begins a line of its own
        except KeyboardInterrupt:
            if not self._typed:
                raise
            sys.stderr.write(f"\n{HELP}\n")
            return ""
        return "\n".join(lines)


def _more_is_there() -> bool:
    """Tell whether another line is in the terminal already."""
    if sys.platform == "win32":
        import msvcrt

        time.sleep(PASTED)
        return msvcrt.kbhit()
    return bool(select.select([sys.stdin], [], [], PASTED)[0])
