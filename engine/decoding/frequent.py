"""The draft vocabulary: a model read for its frequent tokens alone.

Lossless: a token outside simply gets no probability from the level that drafts, and the target, which reads its whole
head, writes it where it is due (FR-Spec, arXiv 2502.14856; VocabTrim, arXiv 2506.22694).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from engine.account import TRIMMED_FROM, TRIMMED_SHARE
from engine.dimensions import DRAFT_VOCABULARY
from engine.errors import CheckpointError
from engine.files import present, read_value
from engine.model import Transformer
from engine.model.wide import Wide


class FrequentTokens:
    """The part of a model's head that covers most of what it says."""

    def __init__(self, model: Transformer, tokens: list[int]) -> None:
        """Raises ValueError for a head that cannot be cut."""
        self.tokens = torch.tensor(sorted(set(tokens)), dtype=torch.int64, device=model.device)  # [m]
        self.ids = self.tokens.int()  # as the kernels read them
        self.head = model.head_of(self.tokens)

    def read(self, model: Transformer | Wide, hidden: Tensor, vocabulary: int) -> Tensor:
        """Return logits float32 [n, vocabulary] of ``hidden`` [n, width]: minus infinity outside the tokens."""
        few = model.read(hidden, self.head)  # [n, m]
        return few.new_full((len(hidden), vocabulary), -torch.inf).index_copy_(1, self.tokens, few)


def frequent_tokens(
    folder: Path, model: Transformer, size: int, ends: frozenset[int], *, told: bool = False
) -> FrequentTokens | None:
    """Return the draft vocabulary of the checkpoint in ``folder`` with ``size`` token ids, or None if it has none.

    Its ``draft_vocabulary.json`` says which. Without one a large vocabulary is read for its lower ids: byte-pair
    merges are numbered in the order they were learned, the frequent ones first; not so if it has to be ``told``. The
    ``ends`` are always in.
    Raises CheckpointError for a file that is no list of ids.
    """
    path = folder / DRAFT_VOCABULARY
    if present(path):
        tokens = _read(path, size)
    elif size >= TRIMMED_FROM and not told:
        tokens = list(range(size // TRIMMED_SHARE))
    else:
        return None
    try:
        return FrequentTokens(model, [*tokens, *ends])
    except ValueError:
        return None


def _read(path: Path, size: int) -> list[int]:
    try:
        tokens = read_value(path)
    except (OSError, ValueError):
        tokens = None
    if not isinstance(tokens, list) or not all(type(token) is int and 0 <= token < size for token in tokens):
        raise CheckpointError(f"{path} is not a list of token ids below {size}.", "Delete it, or download it again.")
    return tokens
