"""One reply in flight: runs the chain round by round and turns what it reports into events."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from statistics import median
from typing import Protocol

from engine.decoding.hierarchy import Fact
from engine.decoding.rounds import RoundLog
from engine.decoding.tape import Tape
from engine.events import Drafting, Event, Finished, PlainPace, Prefill, Reason, Round
from engine.textstream import TextStream
from engine.thoughts import Unified, begun
from engine.tokenizer import ChatTokenizer

PACE_STEPS = 3


class Chain(Protocol):
    """What a reply asks of the hierarchy at work: extend the tape by one round, and the caches."""

    def draft(self, tape: Tape) -> Generator[Fact, None, object]: ...

    def prefill(self, tape: Sequence[int], upto: int) -> None: ...

    def rewind(self, length: int) -> None: ...


class Reply:
    """A chain at work on a tape that ends where the reply begins.

    ``settled``: how many tokens of the tape are final; the rest is in question and goes if the reply is dropped.
    ``plain``: plain decoding over the same caches, for timing what it would have cost. ``top``: the target's index.
    ``limited_by``: the reason to give when the tape reaches its limit. ``thoughts`` puts their marks in one spelling.
    """

    def __init__(
        self,
        tape: Tape,
        chain: Chain,
        plain: Chain,
        top: int,
        tokenizer: ChatTokenizer,
        stops: Sequence[str],
        limited_by: Reason,
        thoughts: Unified,
    ) -> None:
        self.tape, self.chain, self.plain, self.top, self.tokenizer = tape, chain, plain, top, tokenizer
        self.limited_by = limited_by
        self.prompt = self.settled = len(tape)
        self.text = SettledText(tokenizer.stream(tape), (*stops, *tokenizer.stops), thoughts)
        self.prefill_seconds = 0.0
        self.pace: float | None = None  # seconds per token of plain decoding

    def prefill(self, reused: int, chunk: int) -> Iterator[Prefill]:
        """Bring every level's caches to the prompt's end but one, ``chunk`` tokens at a time."""
        began = time.perf_counter()
        total = self.prompt - 1
        for upto in [*range(reused + chunk, total, chunk), total]:
            self.chain.prefill(self.tape, upto)
            self.prefill_seconds = time.perf_counter() - began
            yield Prefill(upto - reused, total - reused, self.prefill_seconds)

    def rounds(self) -> Iterator[Event]:
        """Yield the rounds until the reply ends, then Finished."""
        epoch, paused, index = time.perf_counter(), 0.0, 0
        while (reason := self._reason()) is None:
            round_ = yield from self._round(index, epoch + paused)
            yield round_
            index += 1
            if self.pace is None:
                before = time.perf_counter()
                self.pace = self._plain_pace()
                paused += time.perf_counter() - before
                yield PlainPace(self.pace)
        seconds = time.perf_counter() - epoch - paused
        count = self.settled - self.prompt
        plain = None if self.pace is None else self.pace * count
        pace = count / seconds if count else 0.0
        yield Finished(self.text.final, count, seconds, pace, reason, self.prefill_seconds, plain)

    def _round(self, index: int, epoch: float) -> Generator[Drafting, None, Round]:
        """Run one target verification with all that leads to it."""
        start = time.perf_counter()
        log = RoundLog(epoch)
        previous = self.tape[-1]
        mark = len(self.tape)
        running = self.chain.draft(self.tape)
        try:
            for fact in running:
                log.add(fact)
                if fact.level < self.top:  # the target's verdict ends the round
                    yield Drafting(log.tokens(self.tokenizer.piece, previous))
        finally:
            running.close()
        del self.tape[self.tape.limit :]
        released = len(self.text.final)
        texts = self.text.push(self.tape[mark:])
        del self.tape[mark + len(texts) :]
        self.settled = len(self.tape)
        if self._reason() is not None:
            texts[-1] += self.text.release()
        return Round(
            index,
            log.tokens(self.tokenizer.piece, previous, texts),
            tuple(log.passes),
            self.text.final[released:],
            start - epoch,
            time.perf_counter() - start,
        )

    def _reason(self) -> Reason | None:
        """Say why the reply is over, or None."""
        count = len(self.tape) - self.prompt
        if count and self.tape[-1] in self.tape.ends:
            return "end"
        if self.text.stopped:
            return "stop"
        return self.limited_by if len(self.tape) >= self.tape.limit else None

    def _plain_pace(self) -> float:
        """Time a few plain decoding steps at this point of the reply and undo them; return the median in seconds."""
        ending = [self.tape.pop()] if self.tape.full else []  # nothing can be drawn behind a reply's end
        length = len(self.tape)
        steps: list[float] = []
        for _ in range(PACE_STEPS):
            steps.extend(fact.seconds for fact in self.plain.draft(self.tape))
            del self.tape[length:]
            self.plain.rewind(length - 1)
        self.tape.extend(ending)
        return median(steps)


class SettledText:
    """The reply's text as it settles, thoughts marked in one spelling; ends before the first of ``stops``."""

    def __init__(self, stream: TextStream, stops: Sequence[str], thoughts: Unified) -> None:
        self._stream, self._thoughts, self._stops = stream, thoughts, [stop for stop in stops if stop]
        self._raw = ""
        self.final = ""
        self.stopped = False

    def push(self, tokens: Sequence[int]) -> list[str]:
        """Take settled ``tokens``, extend ``final`` by what is certain; return the text of each before a stop."""
        texts: list[str] = []
        for token in tokens:
            text = self._thoughts.push(self._stream.push(token))
            self._raw += text
            cuts = [at for stop in self._stops if (at := self._raw.find(stop)) >= 0]
            if cuts:
                over = len(self._raw) - min(cuts)
                self.final, self.stopped = self._raw[: min(cuts)], True
                return [*texts, text[: max(len(text) - over, 0)]]
            texts.append(text)
        self.final = self._raw[: len(self._raw) - begun(self._raw, self._stops)]
        return texts

    def release(self) -> str:
        """Make final what was held back, as no more text comes; returns what of it belongs to no token yet."""
        if self.stopped:
            return ""
        rest = self._thoughts.flush()
        self._raw += rest
        self.final = self._raw
        return rest
