"""The kinds of drafters that can be taught, one value each: how one begins, and what it is once it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.config import PRESETS, TARGET, Preset, Role
from engine.teaching import beginning
from engine.teaching.pupil import Pupil


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: what it is ``called`` in a sentence, and as which ``role`` a set of models has it.

    ``begin`` returns one before it has learnt anything, of the target and the tokens it is to guess among, int64 in
    order of their numbers; of these there are ``few`` at most, the commonest; 0: it guesses among all. ``preset``: the
    method that it is tried with. ``least``: the layers that a target must have. ``share``: of its layers, those that it
    has itself, where it is a model; ``begin`` takes their number, and the folder of another to begin as, besides.
    ``learns``: how many layers it has where it is none.
    """

    called: str
    role: Role
    begin: Callable[..., Pupil]
    preset: Preset
    few: int = 8192
    least: int = 7
    share: float = 0.0
    learns: int = 1

    @property
    def needs(self) -> frozenset[Role]:
        """What a set of models must have beside it so that its method runs."""
        return self.preset.roles - {self.role, TARGET}

    def layers(self, depth: int) -> int:
        """Return how many layers it has by itself beside a target of ``depth``; 0 for what is no model."""
        return max(2, round(self.share * depth)) if self.share else 0


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "head": Kind("a head", "head", beginning.head, PRESETS["head"]),
        "block": Kind("a block", "block", beginning.block, PRESETS["block"], learns=2),
        "draft": Kind("a draft", "draft", beginning.draft, PRESETS["draft"], few=16_384, least=4, share=1 / 6),
        "qualifier": Kind("a qualifier", "qualifier", beginning.qualifier, PRESETS["hsd"], least=4, share=1 / 3),
        "exits": Kind("early exits", "exits", beginning.exits, PRESETS["hispec"], few=0, least=3, learns=2),
    }
)
