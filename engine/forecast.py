"""Says before anything is loaded how fast a model runs of which some layers come over the bus. No torch.

A pass takes what the bus takes for those layers, and reading the rest. It takes as long for many tokens as for one, so
a smaller model that stays on the GPU guesses far ahead: how far pays follows from what its passes take, and from how
often its guesses hold, which nobody knows before the two have talked. So a careful share is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from engine.account import WIDE_ROWS, Account, Needs
from engine.bandwidth import Bandwidth
from engine.placement import Host
from engine.words import pace, size

PAGEABLE = 8e9  # bytes a second at most of what is not pinned: it is copied twice (48e9 measured on a server's memory)
HELD = ((1 / 12, 0.75), (1 / 40, 0.65), (0.0, 0.5))  # how often guesses of a model of so many times fewer weights hold
STEP = 0.001  # seconds that a pass of a small model takes at least
PROCESSOR = 20e9  # bytes of memory a second that a processor reads of weights


@dataclass(frozen=True, slots=True)
class Forecast:
    """Tokens a second, ``plain`` and with the best ``guessing`` ahead (0: nothing of the set can), both estimated.

    ``host``: the bytes of the computer's memory it takes. ``layers``: how many come over the bus, of how many.
    ``processor``: tokens a second without the GPU, 0 where that has no room. ``measured``: by this machine's own bus.
    """

    plain: float
    guessing: float
    host: int
    layers: tuple[int, int]
    processor: float
    measured: bool

    @property
    def best(self) -> float:
        """The most tokens a second that are to be expected of the GPU."""
        return max(self.plain, self.guessing)

    @property
    def sentence(self) -> str:
        """Say it to a person who is about to choose."""
        streamed, layers = self.layers
        plain, guessing = (f"{pace(each)} tokens a second" for each in (self.plain, self.guessing))
        runs = f"{guessing} guessing ahead, {pace(self.plain)} without" if self.guessing > self.plain else plain
        basis = "estimated" if self.measured else "a guess"
        said = (
            f"Larger than the free GPU memory: {streamed} of {layers} layers stay in the computer's memory, "
            f"{size(self.host)} of it, and come over for every pass. About {runs} ({basis})."
        )
        if self.processor <= self.best:
            return said
        return f"{said} The processor alone would be faster: about {pace(self.processor)} (--device cpu)."


def forecast(
    needs: Needs,
    streamed: int,
    bandwidth: Bandwidth,
    host: Host,
    processor: int,
    agreed: Sequence[float | None] = (),
) -> Forecast:
    """Reckon how the set of ``needs`` runs, of whose target ``streamed`` layers come over the bus.

    ``processor``: the bytes a processor would read for every token, 0 where it has no room for them. ``agreed``: how
    often guesses of each smaller model held before, None where that is not known.
    """
    target, *smaller = needs.levels
    pinned = min(target.streamed, host.pinned)
    slow = min(PAGEABLE, bandwidth.bus)
    one = pinned / bandwidth.bus + (target.streamed - pinned) / slow + _own(target, bandwidth)
    of_target = needs.dimensions[0].parameters
    guessing = max(
        (
            _ahead(one, max(STEP, _own(level, bandwidth)), known or _held(each.parameters / of_target))
            for level, each, known in zip_longest(smaller, needs.dimensions[1:], agreed[: len(smaller)])
        ),
        default=0.0,
    )
    layers = needs.dimensions[0].architecture.layers
    by_processor = PROCESSOR / processor if processor else 0.0
    return Forecast(1 / one, guessing, needs.host, (streamed, layers), by_processor, bandwidth.measured)


def _own(level: Account, bandwidth: Bandwidth) -> float:
    """Return the seconds a pass takes for what is on the GPU."""
    return (level.linears + level.head) / bandwidth.own


def _held(share: float) -> float:
    """Return how often guesses of a model with this ``share`` of the weights are taken to hold."""
    return next(held for least, held in HELD if share >= least)


def _ahead(one: float, guess: float, held: float) -> float:
    """Return the tokens a second with the best window, if a pass takes ``one`` second and a guess ``guess``."""
    windows = range(1, WIDE_ROWS)
    return max((1 - held ** (window + 1)) / (1 - held) / (one + window * guess) for window in windows)
