"""What a level tells as it happens: what it proposed, and what it let stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drafted:
    """A bottom level proposed ``tokens`` in one pass, giving each the probability and the rank beside it.

    A rank is the token's place by the level's plain logits, 1 the likeliest. Seconds are wall clock.
    """

    level: int
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    positions: int
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A level judged the last ``proposed`` standing tokens: ``kept`` stand, and its own token ``following`` comes next.

    ``probabilities`` and ``ranks``: what the level gave each proposed token, then ``following`` if it is not None.
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


Fact = Drafted | Judged
