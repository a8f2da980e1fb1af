"""Where the tokens of a text lie, so that where its ending occurred before is found without a search.

What a suffix automaton is for in SuffixDecoding (arXiv 2411.04975) and RASD (arXiv 2503.03434). A list of places for
each pair of tokens does the same here, forgets the end of a text as easily as it takes it in, and finds the longest
ending in some microseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import islice

TRIED = 64  # places of a pair of tokens that are looked at, the latest first


class Places:
    """A text that grows at its end or is cut there."""

    def __init__(self) -> None:
        self.tokens = list[int]()
        self._ends: dict[Hashable, list[int]] = defaultdict(list)  # behind a token, and behind two in a row

    def take(self, tokens: Sequence[int]) -> None:
        """Go on with ``tokens``."""
        for token in tokens:
            self.tokens.append(token)
            for key in self._keys():
                self._ends[key].append(len(self.tokens))

    def cut(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        while len(self.tokens) > length:
            for key in self._keys():
                self._ends[key].pop()
            self.tokens.pop()

    def find(self, tape: Sequence[int], longest: int, shortest: int) -> tuple[int, int]:
        """Return how many of the last tokens of ``tape`` occur here with something behind, and where that place ends.

        At most ``longest`` count; the longest match wins, among equals the latest. (0, 0) where fewer than ``shortest``
        match. ``tape`` may be this text itself.
        """
        if not tape:
            return 0, 0
        best = self._longest(tape, tuple(tape[-2:]), longest)
        if not best[0] and shortest == 1:
            best = self._longest(tape, tape[-1], 1)
        return best if best[0] >= shortest else (0, 0)

    def _longest(self, tape: Sequence[int], key: Hashable, longest: int) -> tuple[int, int]:
        """Return the length of the best match of those that ``key`` leads to, and where it ends."""
        best = 0, 0
        for end in islice(reversed(self._ends.get(key, ())), TRIED):
            if end < len(self.tokens) and (length := self._alike(tape, end, longest)) > best[0]:
                best = length, end
                if length == longest:
                    break
        return best

    def _alike(self, tape: Sequence[int], end: int, longest: int) -> int:
        """Return how many tokens before ``end`` are as the last of ``tape``, up to ``longest``."""
        length, most = 0, min(longest, end, len(tape))
        while length < most and self.tokens[end - 1 - length] == tape[-1 - length]:
            length += 1
        return length

    def _keys(self) -> tuple[Hashable, ...]:
        """Return what ends with the last token: it, and it with the one before."""
        last = self.tokens[-2:]
        return (last[-1], tuple(last)) if len(last) == 2 else (last[-1],)
