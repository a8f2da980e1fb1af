"""How a token is drawn: settings that every level of a hierarchy shares, and what somebody chose of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import SettingError

COLDEST = 1e-30  # logits of up to 1e8, divided by it, are still float32


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is drawn from a level's logits; every level uses the same settings, so exactness holds.

    Applied in this order: repetition penalty, temperature, top-k, top-p, min-p. ``temperature`` 0 is greedy,
    ``top_k`` 0, ``top_p`` 1, ``min_p`` 0 and ``repetition_penalty`` 1 switch that step off. ``seed`` None
    draws a new seed for every reply. A temperature that logits cannot be divided by in float32 is 0. Raises
    SettingError for a value out of range.
    """

    temperature: float = 0.7
    top_k: int = 0
    top_p: float = 0.95
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        _within("temperature", self.temperature, 0, 5)
        if self.temperature < COLDEST:
            object.__setattr__(self, "temperature", 0.0)  # it is frozen
        _within("top_k", self.top_k, 0, 1_000_000)
        _within("top_p", self.top_p, 0, 1)
        _within("min_p", self.min_p, 0, 1)
        _within("repetition_penalty", self.repetition_penalty, 0.1, 10)
        if self.seed is not None:
            _within("seed", self.seed, -(2**63), 2**63 - 1)
        if self.top_p == 0:
            raise SettingError("top_p must be above 0.", "Use 1 to switch it off, or 0.95 to start with.")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise SettingError(f"{name} is {value}, but must lie between {low} and {high}.", f"Correct {name}.")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody chose of a Sampling; None leaves it to the model or, where that says nothing, to the usual.

    Raises SettingError for a value out of range.
    """

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        self.over(Sampling())

    def over(self, usual: Sampling) -> Sampling:
        """Return ``usual`` with what was chosen in its place."""
        chosen = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(usual, **chosen)
