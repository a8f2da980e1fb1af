"""From logits to the laws that tokens are drawn from, and the draws, without the host."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.decoding.kernels import reference
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.record import Record
from engine.decoding.kernels.sources import FIRST, NEXT, ROW_BYTES, SHAPE, SLICES, kernel
from engine.model.kernels.launch import launch
from engine.model.kernels.parameters import Argument

THREADS: Final = 256  # of a slice
SHAPED_WORDS = reference.SHAPED.itemsize // 8
STEPS = (("survey", SLICES), ("weigh", SLICES), ("gather", SLICES), ("choose", 1), ("race", SLICES))


@dataclass(frozen=True, slots=True, eq=False)
class Laws:
    """What a level keeps of the laws of a round: row i is that of position base + i.

    ``raw``: [rows, vocabulary], the plain logits. ``shaped``: int64 [rows, 3], what the sampling settings make of them
    and the token drawn, laid out as reference.SHAPED.
    """

    raw: Tensor
    shaped: Tensor

    @classmethod
    def empty(cls, rows: int, vocabulary: int, device: torch.device, dtype: torch.dtype) -> Laws:
        """Return memory for so many rows; ``dtype``: of logits."""
        raw = torch.zeros(rows, vocabulary, dtype=dtype, device=device)
        return cls(raw, torch.zeros(rows, SHAPED_WORDS, dtype=torch.int64, device=device))


def shape_laws(logits: Tensor, start: Tensor, board: Board, laws: Laws, ids: Tensor | None = None) -> None:
    """Note the laws that a pass's logits give, and draw from each: row i is that of position start + i + 1.

    ``logits``: [M, columns], bf16 on a GPU, M up to 16, the vocabulary's columns first; ``start``: int32 [1]. A
    position without a row in ``laws`` is left out. ``ids``: int32 [m], the tokens the first m columns speak of; all
    others get probability 0 and raw -inf. Settings and their order are those of engine.config.Sampling; tokens tied
    with the last one that top-k or top-p keeps are kept with it; temperature 0 is one-hot at the lowest of the
    likeliest tokens. Draws are those of engine.decoding.noise. Raises TypeError for other dtypes on a GPU.
    """
    if logits.is_cuda:
        _shape(logits, start, board, laws, ids, SHAPE)
    else:
        reference.shape_laws(logits, start, board, laws, ids)


def draw(
    logits: Tensor,
    start: Tensor,
    board: Board,
    laws: Laws,
    record: Record,
    *,
    ids: Tensor | None = None,
    entropy: float | None = None,
    first: bool = False,
    settle: bool = False,
    level: int = 0,
) -> None:
    """Draw the tape's next token and append it; tensors as in shape_laws.

    ``record`` gets the token, its probability, its rank and the time. Nothing more is drawn (board.idle) after a law of
    more than ``entropy`` nats, behind a token that fills the tape or board.windows[level], or where the law has no row.
    ``first``: the drafting begins, unless the tape is full already: level 0's production and the record start here. A
    ``level`` above 0 draws only where none below has proposed anything. Otherwise nothing happens while idle.
    ``settle``: no judge above: all that is drawn is settled.
    """
    if not logits.is_cuda:
        about = laws, record
        reference.draw(logits, start, board, *about, ids=ids, entropy=entropy, first=first, settle=settle, level=level)
        return
    given = _shape(logits, start, board, laws, ids, FIRST if first else NEXT)
    given |= {"record": record.words, "most": math.inf if entropy is None else entropy}
    given |= {"settled": settle, "level": level}
    launch(kernel("laws", "draw", logits.device), logits.device, (1, 1), 1, 0, **given)
    rank(laws, record, 1)


def rank(laws: Laws, record: Record, tokens: int) -> None:
    """Count the ranks of the last ``tokens`` tokens or fewer that ``record`` tells of and has not ranked yet."""
    raw = laws.raw
    code = kernel("rank", "rank", raw.device)
    launch(code, raw.device, (SLICES, tokens), THREADS, 0, raw=raw, record=record.words, vocabulary=raw.shape[1])


def _shape(
    logits: Tensor, start: Tensor, board: Board, laws: Laws, ids: Tensor | None, mode: int
) -> dict[str, Argument]:
    """Launch the kernels that shape and draw; return what they were given."""
    if not (logits.dtype == laws.raw.dtype == torch.bfloat16 and logits.is_contiguous()):
        raise TypeError(f"logits of {logits.dtype} and {laws.raw.dtype} where contiguous bfloat16 is needed")
    tokens, columns = logits.shape
    rows, vocabulary = laws.raw.shape
    count = vocabulary if ids is None else len(ids)
    worked = tokens if mode == SHAPE else 1
    given: dict[str, Argument] = {
        "logits": logits,
        "start": start,
        "state": board.words,
        "tape": board.tape,
        "first": board.first,
        "ids": ids,
        "shaped": laws.shaped,
        "raw": laws.raw,
        "scratch": torch.empty(worked * ROW_BYTES, dtype=torch.uint8, device=logits.device),
        "record": None,
        "tokens": tokens,
        "columns": columns,
        "count": count,
        "vocabulary": vocabulary,
        "rows": rows,
        "mode": mode,
        "most": 0.0,
        "settled": 0,
        "level": 0,
    }
    for entry, slices in STEPS:
        launch(kernel("laws", entry, logits.device), logits.device, (slices, worked), THREADS, 0, **given)
    return given
