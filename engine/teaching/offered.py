"""The kinds of drafters that can be taught, in words for who chooses one. No torch: kinds.py has how each is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.config import PRESETS, Preset


@dataclass(frozen=True, slots=True)
class Offered:
    """One kind: its ``title``, as in "teach it" something, and in sentences what it is and what it ``asks`` for.

    ``preset``: the method that reads it.
    """

    title: str
    sentence: str
    asks: str
    preset: Preset


OFFERED: Mapping[str, Offered] = MappingProxyType(
    {  # by the word of the command line; the first is what is taught unless another one is asked for
        "head": Offered(
            "A head",
            "Looks into the model while it writes and guesses the next few words, one after the other.",
            "Learns soonest: choose it where time is short.",
            PRESETS["head"],
        ),
        "block": Offered(
            "A block",
            "Looks into the model while it writes and guesses the next seven words all at once.",
            "Needs more time to learn than a head; suits a GPU, where wide checks cost little.",
            PRESETS["block"],
        ),
        "draft": Offered(
            "A draft",
            "A small model of some of the model's own layers, which writes ahead of it.",
            "Needs more time than a head, and memory of its own; suits a GPU, where a pass of it is quick.",
            PRESETS["draft"],
        ),
        "qualifier": Offered(
            "A qualifier",
            "A middle model of more of its layers, which checks what a draft wrote before the model does.",
            "Needs a draft, and the most time and memory of all.",
            PRESETS["hsd"],
        ),
        "exits": Offered(
            "Early exits",
            "The first layers of the model itself guess the next words and sift them, through a layer made for that.",
            "Needs no memory for a model beside it; guesses less well than a head.",
            PRESETS["hispec"],
        ),
    }
)
