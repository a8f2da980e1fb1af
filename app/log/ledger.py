"""Lists every token of a reply in reading order, with its round and the passes that computed it. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.events import Drafting, Event, Finished, LevelInfo, Round, Started, Token, guesses


@dataclass(frozen=True, slots=True)
class Share:
    """The probability one level gave a token, and the ``passes`` it spent, ``seconds`` together.

    ``probability`` and ``rank`` (1: its likeliest token) are None where the level never looked at the token or did not
    say. ``others``: how many more tokens the pass was for; None where the log does not say which pass it was, and the
    passes are all that the level made in the round.
    """

    level: int
    probability: float | None
    rank: int | None
    passes: int
    seconds: float
    others: int | None = None


class Ledger:
    """Lists the tokens of a growing reply. ``tokens`` holds everything proposed or written, rejected tokens included.

    ``owners`` gives the position in ``rounds`` of each token's round; ``pending`` is the round in progress.
    """

    def __init__(self) -> None:
        self.levels: tuple[LevelInfo, ...] = ()
        self.rounds: list[Round] = []
        self.tokens: list[Token] = []
        self.owners: list[int] = []
        self.pending: tuple[Token, ...] = ()
        self._firsts: list[int] = []  # index of the first token of each round

    def become(self, text: str) -> None:
        """Hold a reply without a log, as one token with all of its ``text``."""
        self.levels = (LevelInfo("Target", "", "model"),)
        self._add_round(Round(0, (Token(0, text, 0, 0),), (), text, 0.0, 0.0))

    def add(self, events: Iterable[Event]) -> bool:
        """Take in ``events``; returns whether tokens already taken had to go because the reply ended before them."""
        shortened = False
        for event in events:
            match event:
                case Started():
                    self.levels = event.levels
                case Drafting():
                    self.pending = event.tokens
                case Round():
                    self.pending = ()
                    self._add_round(event)
                case Finished():
                    self.pending = ()
                    shortened = self._end_at(event.text)
        return shortened

    def rewind(self, rounds: int) -> None:
        """Forget all but the first ``rounds`` rounds."""
        if rounds < len(self.rounds):
            first = self._firsts[rounds]
            del self.rounds[rounds:], self._firsts[rounds:], self.tokens[first:], self.owners[first:]
        self.pending = ()

    @property
    def text(self) -> str:
        """The tokens that became part of the reply, joined."""
        return "".join(token.text for token in self.tokens if not token.ghost)

    def of_round(self, at: int) -> range:
        """Return the indices of the tokens of ``rounds[at]``."""
        end = self._firsts[at + 1] if at + 1 < len(self._firsts) else len(self.tokens)
        end = min(end, len(self.tokens))  # the reply may have ended before the round did
        return range(min(self._firsts[at], end), end)

    def of_pass(self, at: int, number: int) -> Sequence[int]:
        """Return the indices of the tokens that pass ``number`` of ``rounds[at]`` wrote or judged.

        Logs of the first version do not record which of a level's passes judged which token, but where its tokens fall
        into as many windows as the level made passes, the order tells; elsewhere all the level looked at are returned.
        """
        if self._recorded(at):
            return [index for index in self.of_round(at) if number in self.tokens[index].passes]
        passes = self.rounds[at].passes
        level = passes[number].level
        same = [i for i, pass_ in enumerate(passes) if pass_.level == level]
        windows = list(self._windows(at, level))
        if len(windows) == len(same):
            return windows[same.index(number)]
        return [index for window in windows for index in window]

    def passes_of(self, index: int) -> list[int]:
        """Return which passes of its round wrote or judged the token at ``index``."""
        at = self.owners[index]
        return [number for number in range(len(self.rounds[at].passes)) if index in self.of_pass(at, number)]

    def shares(self, index: int) -> list[Share]:
        """Return the share of each level in the token at ``index``, the target first.

        A level that had no part in its round is left out.
        """
        token, passes = self.tokens[index], self.rounds[self.owners[index]].passes
        asked = {level: place for place, (level, _) in enumerate(token.judged)}
        busy = {pass_.level for pass_ in passes} | set(asked)
        return [self._share(index, level, asked.get(level)) for level in sorted(busy, reverse=True)]

    def replacement(self, index: int) -> Token | None:
        """Return what was written in place of the rejected token at ``index``, if anything was."""
        rest = range(index + 1, self.of_round(self.owners[index]).stop)
        later = next((at for at in rest if not self.tokens[at].discarded), None)
        return None if later is None or guesses(self.levels, self.tokens[later].level) else self.tokens[later]

    def _share(self, index: int, level: int, place: int | None) -> Share:
        """Return what ``level``, which spoke of the token in that ``place`` or not at all, gave and spent."""
        token, at = self.tokens[index], self.owners[index]
        passes = self.rounds[at].passes
        probability = None if place is None else token.judged[place][1]
        rank = token.ranks[place] if place is not None and place < len(token.ranks) else None
        if not self._recorded(at):
            own = [pass_.seconds for pass_ in passes if pass_.level == level]
            return Share(level, probability, rank, len(own), sum(own))
        if place is None:
            return Share(level, None, None, 0, 0.0, 0)
        number = token.passes[place]
        return Share(level, probability, rank, 1, passes[number].seconds, len(self.of_pass(at, number)) - 1)

    def _recorded(self, at: int) -> bool:
        """Tell whether ``rounds[at]`` says which pass each of its tokens is from."""
        return all(0 < len(token.judged) == len(token.passes) for token in self.rounds[at].tokens)

    def _add_round(self, round_: Round) -> None:
        self._firsts.append(len(self.tokens))
        self.tokens += round_.tokens
        self.owners += [len(self.rounds)] * len(round_.tokens)
        self.rounds.append(round_)

    def _end_at(self, text: str) -> bool:
        """Take back what runs past ``text``, the reply's final form."""
        surplus = len(self.text) - len(text)
        shortened = surplus > 0
        while surplus > 0:
            token, owner = self.tokens.pop(), self.owners.pop()
            if token.ghost:
                continue
            if surplus < len(token.text):
                self.tokens.append(replace(token, text=token.text[:-surplus]))
                self.owners.append(owner)
            surplus -= len(token.text)
        return shortened

    def _windows(self, at: int, level: int) -> Iterator[list[int]]:
        """Yield the tokens of ``rounds[at]`` that ``level`` looked at, a window up to each token of its own."""
        window: list[int] = []
        for index in self.of_round(at):
            token = self.tokens[index]
            if any(judge == level for judge, _ in token.judged):
                window.append(index)
                if token.level == level:
                    yield window
                    window = []
        if window:
            yield window
