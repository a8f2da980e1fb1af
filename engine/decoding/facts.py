"""What a level tells as it happens: what it proposed, and what it let stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Guess(NamedTuple):
    """A token that a level would write, with the probability and the rank it gives it; see Drafted."""

    token: int
    probability: float
    rank: int


@dataclass(frozen=True, slots=True)
class Drafted:
    """A bottom level proposed ``tokens`` in one pass, giving each the probability and the rank beside it.

    A rank is the token's place by the level's plain logits, 1 the likeliest. Seconds are wall clock. ``runners_up``:
    its second choices in place of the first of ``tokens``.
    """

    level: int
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    positions: int
    began: float
    seconds: float
    runners_up: tuple[Guess, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A level judged the last ``proposed`` standing tokens: ``kept`` stand, and its own token ``following`` comes next.

    ``after``: its own token behind that, where ``following`` was the drafter's second choice. ``probabilities`` and
    ``ranks``: what the level gave each proposed token, then ``following`` and ``after`` if they are not None.
    ``own``: its own choices where it kept tokens by a rule that is LOSSY, one for each of those; ``lags``: by how many
    nats its plain logits favour these over what was kept. Empty where nothing but its own choices can be kept.
    """

    level: int
    proposed: int
    kept: int
    following: int | None
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    positions: int
    began: float
    seconds: float
    own: tuple[int, ...] = ()
    lags: tuple[float, ...] = ()
    after: int | None = None


Fact = Drafted | Judged
