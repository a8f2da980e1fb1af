"""One reply in flight: runs the chain round by round and turns what it reports into events."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence

from engine.decoding.planning.pilot import Pilot
from engine.decoding.planning.search import Chain
from engine.decoding.relay import Relay
from engine.decoding.rounds import RoundLog
from engine.decoding.tape import Tape
from engine.events import FEWEST, Drafting, Event, Finished, Planned, Prefill, Reason, Round
from engine.pace import Watch
from engine.textstream import TextStream
from engine.thoughts import Unified, begun
from engine.tokenizer import ChatTokenizer

Reading = Callable[[Sequence[int], int], Iterator[float]]


class Reply:
    """A chain at work on a tape that ends where the reply begins.

    ``settled``: how many tokens of the tape are final; the rest is in question and goes if the reply is dropped.
    ``chain.plain``: plain decoding over the same caches, which ``watch`` has timed now and then; that leaves no trace,
    so a reply is the same however often it happens. ``top``: the target's index.
    ``limited_by``: the reason to give when the tape reaches its limit. ``thoughts`` puts their marks in one spelling.
    ``pilot`` names the chain to go on with after each round; None: it stays what it is.
    """

    def __init__(
        self,
        tape: Tape,
        chain: Relay,
        tokenizer: ChatTokenizer,
        stops: Sequence[str],
        *,
        limited_by: Reason,
        thoughts: Unified,
        watch: Watch,
        pilot: Pilot | None = None,
    ) -> None:
        self.tape, self.chain, self.tokenizer = tape, chain, tokenizer
        self.top = len(chain.preset.stages) - 1
        self.limited_by, self.watch, self.pilot = limited_by, watch, pilot
        self.prompt = self.settled = len(tape)
        self.text = SettledText(tokenizer.stream(tape), (*stops, *tokenizer.stops), thoughts)
        self.prefill_seconds = 0.0
        self._lags: list[float] = []  # of the tokens that are not the target's own
        self._former: Chain | None = None  # whose round has begun already, while a turn waits for it

    def prefill(self, reused: int, chunk: int, reading: Reading) -> Iterator[Prefill]:
        """Bring every level's caches to the prompt's end but one, ``chunk`` tokens at a time; see Runner.reading."""
        began, at = time.perf_counter(), reused
        total = self.prompt - 1
        for upto in [*range(reused + chunk, total, chunk), total]:
            for share in reading(self.tape, upto):
                done = at - reused + int(share * (upto - at))
                yield Prefill(min(done, total - reused - 1), total - reused, time.perf_counter() - began)
            self.chain.prefill(self.tape, upto)
            self.prefill_seconds = time.perf_counter() - began
            yield Prefill(upto - reused, total - reused, self.prefill_seconds)
            at = upto
        if self.pilot is not None and (self.pilot.free or total - reused > chunk):  # a GPU may be at its last chunk yet
            self.pilot.read(self.prefill_seconds)

    def rounds(self) -> Iterator[Event]:
        """Yield the rounds until the reply ends, then Finished."""
        epoch, index, watch = time.perf_counter(), 0, self.watch
        plan = None if self.pilot is None else self.pilot.planned(0)
        while (reason := self._reason()) is None:
            if plan is not None:
                yield plan
            alone = self.chain.alone
            measuring = not alone and watch.due(len(self.tape), time.perf_counter() - epoch)
            if measuring:
                self.chain.plain.expect(self.tape)
            round_ = yield from self._round(index, epoch + watch.paused, plan)
            yield round_
            index += 1
            if alone:
                watch.add(len(self.tape), round_.seconds)
            elif measuring and self._reason() is None:
                self._measure(round_)
            if measuring and (pace := watch.pace(len(self.tape))) is not None:
                yield pace
            plan = self._turned(round_)
        yield self._finished(reason, time.perf_counter() - epoch - watch.paused, index)

    def _turned(self, round_: Round) -> Planned | None:
        """Let the pilot learn from a round, and go on as it says; return what it planned, if that is new."""
        if self.pilot is None or not self.chain.whole or self._reason() is not None:
            return None
        before = self._former or self.pilot.chain
        if self._former is not None:
            self.pilot.passed(round_, self._former)
        elif not self.pilot.after(round_, self.tape):
            return None
        turned = self.chain.turn_to(self.pilot.preset, self.tape)
        self._former = None if turned else before
        return self.pilot.planned(self.settled - self.prompt) if turned else None

    def _finished(self, reason: Reason, seconds: float, rounds: int) -> Finished:
        """Return the end of a reply of ``rounds`` passes of the target."""
        count = self.settled - self.prompt
        pace = self.watch.pace(self.prompt + count // 2) if self.top else None
        found = pace and pace.compared(count, seconds, rounds)
        plain, error = (found.value * seconds, found.error * seconds) if found else (None, None)
        doubt = "" if pace is None or found or count < FEWEST else pace.doubt or "uneven"
        speed = count / seconds if count else 0.0
        compared = self.prefill_seconds, plain, error, doubt
        drift = len(self._lags), sum(self._lags)
        return Finished(self.text.final, count, seconds, speed, reason, *compared, *drift)

    def _round(self, index: int, epoch: float, plan: Planned | None) -> Generator[Drafting, None, Round]:
        """Run one target verification with all that leads to it."""
        self.watch.begin()
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
        self.watch.end()
        tokens = log.tokens(self.tokenizer.piece, previous, texts)
        self._lags += (token.lag for token in tokens if token.instead is not None)
        return Round(
            index,
            tokens,
            tuple(log.passes),
            self.text.final[released:],
            start - epoch,
            time.perf_counter() - start,
            plan,
        )

    def _reason(self) -> Reason | None:
        """Say why the reply is over, or None."""
        count = len(self.tape) - self.prompt
        if count and self.tape[-1] in self.tape.ends:
            return "end"
        if self.text.stopped:
            return "stop"
        return self.limited_by if len(self.tape) >= self.tape.limit else None

    def _measure(self, round_: Round) -> None:
        """Time a plain step at this point of the reply, which leaves everything as it was; ``round_`` may be one."""
        if (seconds := self.watch.plain(round_.passes)) is not None:
            self.watch.add(len(self.tape), seconds)
            return
        began = time.perf_counter()
        seconds = self.chain.plain.measure(self.tape)
        self.watch.add(len(self.tape), seconds, time.perf_counter() - began)
        if self.pilot is not None:
            self.pilot.timed(seconds)


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
