"""Choose the draft vocabulary: the tokens replies are mostly made of, for levels that only draft."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from corpus import LEARN, Shelf


def frequent(
    shelves: Mapping[str, Shelf], mix: Mapping[str, float], vocabulary: int, keep: int
) -> tuple[list[int], float]:
    """Return the ``keep`` commonest ids of the shelves' replies, weighted by ``mix``, and the share they cover."""
    counts = np.zeros(vocabulary)
    for source, times in mix.items():
        if source in shelves:
            tokens = shelves[source].tokens
            spoken = tokens[(tokens & LEARN) != 0] & (LEARN - 1)
            counts += times * np.bincount(spoken, minlength=vocabulary)
    chosen = np.argsort(-counts, kind="stable")[:keep]
    return sorted(int(token) for token in chosen), float(counts[chosen].sum() / counts.sum())


def save(tokens: list[int], folder: Path) -> None:
    """Write the ids beside the checkpoint in ``folder``, where the engine looks for them."""
    (folder / "draft_vocabulary.json").write_text(json.dumps(tokens, separators=(",", ":")) + "\n", encoding="utf-8")
