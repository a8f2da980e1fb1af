"""The levels and the chains that one reply may run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from engine.config import Preset, Source
from engine.decoding.planning.gathering import preset_of, without
from engine.decoding.planning.planner import Planner
from engine.decoding.planning.search import Chain

RECORDED, FREE = 4, 6  # chains of a reply: where each has to be recorded, and where none has


@dataclass(frozen=True, slots=True)
class Course:
    """``whole``: all levels that may come to work; ``chains``: those made of them, plain decoding among them.

    ``recorded``: each chain has to be made ready before the reply, with windows that stay.
    """

    planner: Planner
    whole: Preset
    chains: tuple[Chain, ...]
    recorded: bool

    @classmethod
    def of(cls, planner: Planner, whole: Preset, *, recorded: bool) -> Course:
        """Return what ``planner`` would choose from of the levels of ``whole``, and no other levels."""
        most = RECORDED if recorded else FREE
        levels = [stage.source for stage in whole.stages]
        return cls(planner, whole, (), recorded).running(planner.shortlist(levels, most, recorded=recorded))

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Its chains as presets."""
        return tuple(preset_of(self.whole, chain) for chain in self.chains)

    def among(self, ready: Callable[[Preset], bool]) -> Course:
        """Return it with the chains alone that are ``ready``."""
        return self.running([chain for chain in self.chains if ready(preset_of(self.whole, chain))])

    def without(self, sources: Collection[Source]) -> Course:
        """Return it without the levels of ``sources``, and the chains that have one of them."""
        chains = tuple(chain for chain in self.chains if not set(chain.sources) & set(sources))
        return replace(self, whole=without(self.whole, sources), chains=chains)

    def running(self, chains: Sequence[Chain]) -> Course:
        """Return it with these ``chains``, and the levels that they have."""
        used = {source for chain in chains for source in chain.sources}
        return replace(self, whole=without(self.whole, self.whole.sources - used), chains=tuple(chains))
