"""Where levels come from: a file for each kind of source, which holds what only that kind does.

To add one: its value in engine/config/sources.py, and a file here that registers what makes its levels (see Making).
"""

from engine.decoding.sources import block, exit, head, lookup, model  # noqa: A004 - each registers itself
from engine.decoding.sources.making import (
    Home,
    Making,
    Materials,
    Models,
    NotRecorded,
    Own,
    Place,
    fitted,
    makes,
    making,
    parts,
    places,
)

__all__ = [
    "Home",
    "Making",
    "Materials",
    "Models",
    "NotRecorded",
    "Own",
    "Place",
    "block",
    "exit",
    "fitted",
    "head",
    "lookup",
    "makes",
    "making",
    "model",
    "parts",
    "places",
]
