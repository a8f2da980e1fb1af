"""Chooses the method a model set starts with, until the user picks another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from engine.architecture import read_architecture
from engine.architecture.holding import Device
from engine.config import DRAFTERS, PRESETS, ModelSet, Preset, Role
from engine.errors import UpdraftError
from engine.library.catalogue import CATALOGUE
from engine.library.starter import TITLE as STARTER

EXITS: Role = "exits"
# Where nothing is known of a set but what it is made of: what to begin with, the first that it can run.
BY_NATURE: Mapping[Device, tuple[str, ...]] = MappingProxyType(
    {
        # On a GPU a pass over a few tokens costs hardly more than over one. A block is guessed in one pass, a head's
        # takes one for every token, smaller models several times as long; copying costs nothing.
        "cuda": ("block", "head", "hispec", "hsd", "draft", "lookup"),
        # On a processor every token of a pass costs, and a drafter's own passes with it: a block trained for SmolLM2
        # was slower than plain decoding on two cores. Where one pays, it gets a line in BY_NAME.
        "cpu": ("hispec", "hsd", "draft", "lookup"),
    }
)
BY_NAME: Mapping[tuple[str, Device], tuple[str, ...]] = MappingProxyType(
    {  # sets of which it was measured: by the name of the set
        # Its smaller models are there to be watched: on two cores they cost more than they save.
        (STARTER, "cpu"): ("lookup",),
        # On an H200 its head made it 1.4 to 1.7 times as fast, copying and a block 1.2 to 1.5.
        (STARTER, "cuda"): ("head", "lookup"),
    }
)
# Where auto was held against the method that a set would begin with, and all others it has: there it begins with auto.
# On an H200 with the starter, from the first answer on, it was as fast as its head by itself, and nowhere slower than
# plain decoding; so it was at the published costs of an 8B and its head (engine/bench/README.md).
CHOSEN: frozenset[tuple[str, Device]] = frozenset({("head", "cuda")})


def starting_preset(models: ModelSet, device: Device) -> Preset:
    """Return the method to begin with on ``device``: one that has a reason to be faster there, and never loses much.

    A set of the catalogue begins with the first it lists, on a processor without drafters. Early exits are read only
    where the set has what was taught for them, or the model was trained for them (``early_exits`` in config.json): an
    untrained one guesses badly and costs a third of every pass. A model by itself copies what was said already, which
    costs nothing where there is nothing to copy, and as much as pays where wider passes are dearer. One that cannot be
    read is plain: loading it says why.
    """
    named = BY_NAME.get((models.name, device)) or _listed(models, device)
    for name in (*named, *_by_nature(models, device)):
        if models.runs(PRESETS[name]):
            return PRESETS["auto" if (name, device) in CHOSEN else name]
    return PRESETS["plain"]


def _listed(models: ModelSet, device: Device) -> tuple[str, ...]:
    """Return what the catalogue lists for the set that ``models`` is called after, as far as it is for ``device``."""
    listed = next((entry.presets for entry in CATALOGUE.values() if entry.title == models.name), ())
    return tuple(name for name in listed if device == "cuda" or not PRESETS[name].roles & DRAFTERS)


def _by_nature(models: ModelSet, device: Device) -> Iterator[str]:
    try:
        exits = EXITS in models.models or read_architecture(models.target).exits
    except (UpdraftError, OSError):
        return
    yield from (name for name in BY_NATURE[device] if exits or name != "hispec")
