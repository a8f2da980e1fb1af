"""How often a drafter agrees with the model it was made for, as the card says that came with it: what to begin with."""

from __future__ import annotations

from contextlib import suppress
from itertools import repeat
from math import isfinite
from pathlib import Path
from typing import Any

from engine.config import INNER, Block, Head, ModelSet, Source
from engine.errors import UpdraftError
from engine.files import read_object

EASIER = 0.87  # of what is held out, is what people ask guessed as often: of the starter's head .56 instead of .65
UNREADABLE = (UpdraftError, OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError)


def cards_of(models: ModelSet) -> dict[Source, tuple[float, ...]]:
    """Return how likely its model keeps each token of a window, all before it kept, of each drafter with a card."""
    found: dict[Source, tuple[float, ...]] = {}
    for source in (Head(), Block(), *INNER.values()):
        if folder := models.models.get(source.own or ""):
            with suppress(*UNREADABLE):
                found[source] = _shares(folder)
    return found


def _shares(folder: Path) -> tuple[float, ...]:
    """Return what a card.json says; raises one of UNREADABLE for anything that teaching does not write."""
    held: Any = read_object(folder / "card.json")["held out"]
    held = held.get("alone", held)
    steps = zip(held["kept"], held["noise"], held["overlap"], repeat(EASIER), strict=False)
    found = tuple(float(kept * noise / overlap * easier) for kept, noise, overlap, easier in steps)
    if not found or not all(isfinite(share) and 0 <= share <= 1 for share in found):
        raise ValueError("no shares")
    return found
