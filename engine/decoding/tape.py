"""The tokens of a conversation as every level sees them: settled ones, and behind them those still in question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Tape(list[int]):
    """Token ids, plus where drafting has to stop: after one of ``ends``, and at ``limit`` tokens."""

    def __init__(self, tokens: Iterable[int], ends: frozenset[int] = frozenset(), limit: int = 1 << 62) -> None:
        super().__init__(tokens)
        self.ends = ends
        self.limit = limit
        self.start = len(self)  # an end token of the prompt ends no reply

    @property
    def full(self) -> bool:
        """True when nothing may be drafted behind the last token.

        Depends on settled facts about tokens that are kept, so stopping here leaves every law as it is.
        """
        return len(self) >= self.limit or (len(self) > self.start and self[-1] in self.ends)

    def shared(self, prompt: Sequence[int]) -> int:
        """Return how long a prefix it shares with ``prompt``, never all of that; caches hold its prefixes."""
        pairs = enumerate(zip(self, prompt[:-1], strict=False))
        return next((at for at, (known, wanted) in pairs if known != wanted), max(0, min(len(self), len(prompt) - 1)))
