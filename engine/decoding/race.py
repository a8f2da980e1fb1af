"""The draws of ``noise`` by torch's operators: the same tokens, of laws that lie on a GPU.

Philox4x32-10's words are held in int64, whose products wrap around without losing the bits that count.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.decoding.noise import MULTIPLIERS, ROUNDS, SHARED, UNIT, WEYL

WORD = 0xFFFFFFFF
ROWS = 16  # of laws at a time: a row of a large vocabulary takes some megabytes


def drawn(key: int, position: int, laws: Tensor) -> list[int]:
    """Return the draw of each row: laws float32 [n, vocabulary], row i that of ``position`` + i; see noise.choices."""
    tokens = list[int]()
    for at in range(0, len(laws), ROWS):
        some = laws[at : at + ROWS]
        bits = _numbers(key, position + at, len(some), some.shape[1], some.device)
        arrivals = -torch.log1p((bits + 0.5) * -UNIT) / some.double()  # never, where the law is 0
        tokens += arrivals.argmin(dim=1).tolist()
    return tokens


def _numbers(key: int, position: int, rows: int, columns: int, device: torch.device) -> Tensor:
    """Return the random bits of every token at ``rows`` positions from ``position`` on, int64 [rows, columns]."""
    groups = torch.arange(-(-columns // SHARED), device=device).expand(rows, -1)
    places = (position + torch.arange(rows, device=device))[:, None].expand_as(groups)
    even, odd = (groups, torch.zeros_like(groups)), (places, torch.zeros_like(groups))
    words = key & WORD, key >> 32 & WORD
    factors = [int(factor) for factor in MULTIPLIERS.flat]
    for turn in range(ROUNDS):
        low, high = (each * factor for each, factor in zip(even, factors, strict=True))
        first, second = ((word + turn * step) & WORD for word, step in zip(words, WEYL, strict=True))
        even = (high >> 32 & WORD) ^ odd[0] ^ first, (low >> 32 & WORD) ^ odd[1] ^ second
        odd = high & WORD, low & WORD
    return torch.stack((even[0], odd[0], even[1], odd[1]), dim=2).flatten(1)[:, :columns]
