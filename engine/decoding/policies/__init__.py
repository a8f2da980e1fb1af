"""When a drafter stops before its window is full: a file for each rule, see README.md for what each brings.

A rule may look at anything that is known: the token it stops after is kept and judged like any other, and every level
draws with the same noise, so the reply stays what it is.
"""

from __future__ import annotations

from engine.config import Window
from engine.decoding.policies.confidence import Confidence
from engine.decoding.policies.entropy import Entropy
from engine.decoding.policies.stop import Stop

__all__ = ["Confidence", "Entropy", "Stop", "stops"]


def stops(window: Window) -> list[Stop]:
    """Return the rules that may end a window such as ``window``, at its beginning."""
    rules = list[Stop]()
    if window.entropy is not None:
        rules.append(Entropy(window.entropy))
    if window.confidence is not None:
        rules.append(Confidence(window.confidence))
    return rules
