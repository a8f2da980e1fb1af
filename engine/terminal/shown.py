"""A reply as coloured text: the terminal's view of the event log."""

from __future__ import annotations

import os
from shutil import get_terminal_size
from typing import TextIO

from engine.config import PRESETS, source_kind
from engine.events import (
    Drafting,
    Event,
    Finished,
    Loading,
    Notice,
    Prefill,
    Round,
    Started,
    Token,
    figures,
    guesses,
    why_uncompared,
)
from engine.printable import printable
from engine.tally import Tally

RESET = "\x1b[0m"
GREY_ITALIC = "\x1b[2;3;4m"
STRUCK = "\x1b[9;31m"
TARGET = "\x1b[4;34m"  # written by the target: underlined
MIDDLE = "\x1b[33m"
DRAFT = "\x1b[32m"
LOOKUP = "\x1b[35m"
ERASE = "\x1b[u\x1b[J"  # back to the saved cursor, and clear what follows
SAVE = "\x1b[s"
KEEP = "\n\t"  # of a model's control characters: what an answer is laid out with


class Terminal:
    """Shows events as they come: marked text on a terminal that can, plain text anywhere else.

    The reply goes to ``out``; progress and the summary go to ``err``, so that a pipe gets the text alone.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out, self._err = out, err
        self._colour = out.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ
        self._tally = Tally()
        self.text = ""  # the reply so far
        self._column = 0  # where the cursor is, ghosts included

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Loading | Prefill):
            self._progress(event)
        elif isinstance(event, Notice):
            self._err.write(f"{printable(event.sentence)}\n")
        elif isinstance(event, Started):
            self._tally, self.text, self._column = Tally(), "", 0
            self._tally.add([event])
        elif isinstance(event, Drafting):
            self._pending(event)
        elif isinstance(event, Round):
            self._settle(event)
        elif isinstance(event, Finished):
            self._finish(event)

    def _progress(self, event: Loading | Prefill) -> None:
        if not self._err.isatty():
            return
        if isinstance(event, Loading):
            line = "" if event.fraction >= 1 else f"Loading {printable(event.part)}: {event.fraction:.0%}"
        else:
            line = "" if event.done >= event.total else f"Reading the prompt: {event.done} of {event.total} tokens"
        self._err.write(f"\r\x1b[K{line}")
        self._err.flush()

    def _pending(self, event: Drafting) -> None:
        """Show what is in question for a moment, as far as the line goes: beyond it the screen might scroll."""
        if not self._colour:
            return
        room, shown = get_terminal_size().columns - self._column - 1, ""
        for token in event.tokens:
            text = _visible(token, in_line=True)
            if len(text) > room:
                break
            room -= len(text)
            shown += self._marked(token, text, pending=True)
        self._out.write(SAVE + shown + ERASE)
        self._out.flush()

    def _settle(self, round_: Round) -> None:
        self._tally.add([round_])
        self.text += round_.text
        if self._colour:
            self._out.write("\x1b[J")
            for token in round_.tokens:
                text = _visible(token)
                self._out.write(self._marked(token, text))
                self._advance(text)
        else:
            self._out.write(printable(round_.text, KEEP))
        self._out.flush()

    def _advance(self, text: str) -> None:
        """Follow the cursor; wide characters are taken for narrow ones, which only shortens what is shown pending."""
        *lines, last = text.split("\n")
        self._column = ((0 if lines else self._column) + len(last)) % get_terminal_size().columns

    def _marked(self, token: Token, text: str, *, pending: bool = False) -> str:
        if not text:
            return ""
        if token.rejected_by is not None:
            return f"{STRUCK}{text}{RESET}"
        return f"{GREY_ITALIC if pending else self._style(token.level)}{text}{RESET}"

    def _style(self, level: int) -> str:
        levels = self._tally.levels
        if self._tally.plain:
            return ""
        if not source_kind(levels[level].info.kind).passes:
            return LOOKUP
        if level == len(levels) - 1:
            return TARGET
        return DRAFT if guesses([each.info for each in levels], level) else MIDDLE

    def _finish(self, event: Finished) -> None:
        self._tally.add([event])
        self._out.write("\n")
        self._out.flush()
        self._err.write("\n".join(["", *self._table(), self._verdict(event), *self._plan(), ""]))
        self._err.flush()

    def _table(self) -> list[str]:
        """Return one line per level that did something, the target first."""
        total = sum(level.seconds for level in self._tally.levels) or 1.0
        busy = [level for level in self._tally.levels if level.passes or level.written]
        names = {level.info: printable(f"{level.info.title} ({level.info.detail})") for level in busy}
        room = max(34, *map(len, names.values()), 0)
        lines = [f"{'level':<{room}}{'wrote':>7}{'kept':>14}{'passes':>8}{'ms/pass':>9}{'time':>6}"]
        for level in reversed(busy):
            kept = f"{level.stood} of {level.judged}" if level.judged else "-"
            each, share = level.per_pass or 0.0, level.seconds / total
            lines.append(
                f"{names[level.info]:<{room}}{level.written:>7}{kept:>14}{level.passes:>8}{each:>9.2f}{share:>6.0%}"
            )
        return lines

    def _plan(self) -> list[str]:
        """Return a line on the chain that the engine chose last, if it chose any."""
        if not self._tally.plans:
            return []
        last = self._tally.plans[-1]
        return [f"{printable(last.plan.chain)}: {printable(last.plan.reason)} {last.outcome.capitalize()}."]

    def _verdict(self, event: Finished) -> str:
        """Return the figures of the reply in the window's words, behind the method that made it."""
        plain, factor, started = self._tally.plain, self._tally.factor, self._tally.started
        lossless = None if plain or started is None else started.lossless
        drift = self._tally.drift
        foreign = None if drift is None else drift.foreign
        parts = figures(event.tokens, event.tokens_per_second, factor, lossless=lossless, foreign=foreign)
        method = "" if started is None else PRESETS[started.preset].title
        line = f"{method}: {' · '.join(parts)}"
        if factor is not None:
            return f"{line} · {factor.outcome(event.seconds)}"
        why = "" if plain else why_uncompared(event.tokens, event.doubt)
        return f"{line} · not compared with plain decoding: {why}" if why else line


def _visible(token: Token, *, in_line: bool = False) -> str:
    """Return what is shown of ``token``: nothing of a discarded one, signs for line breaks where none may happen."""
    if token.discarded:
        return ""
    text = printable(token.text, KEEP)
    return text.replace("\n", "⏎") if in_line or token.ghost else text
