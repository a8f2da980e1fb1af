"""The kinds of drafters that can be taught, one value each: how one begins, and what it is once it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from engine.config import PRESETS, Preset, Role
from engine.teaching import beginning
from engine.teaching.frozen import Frozen
from engine.teaching.pupil import Pupil


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: what it is ``called`` in a sentence, and as which ``role`` a set of models has it.

    ``begin`` returns one before it has learnt anything, of the target and the tokens it is to guess among, int64 in
    order of their numbers; of these there are ``few`` at most, the commonest. ``preset``: the method that it is tried
    with. ``least``: the layers that a target must have.
    """

    called: str
    role: Role
    begin: Callable[[Frozen, Tensor], Pupil]
    preset: Preset
    few: int = 8192
    least: int = 7


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "head": Kind("a head", "head", beginning.head, PRESETS["head"]),
        "block": Kind("a block", "block", beginning.block, PRESETS["block"]),
    }
)
