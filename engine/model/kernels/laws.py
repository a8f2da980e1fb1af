"""From logits to the laws that tokens are drawn from, and the drawing, without the host."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.model.kernels import reference
from engine.model.kernels.board import Board
from engine.model.kernels.launch import Argument, kernel, launch
from engine.model.kernels.record import Record

SLICES = 32  # CTAs of a row
THREADS = 256  # of a slice
CHOOSER = 1024  # threads that draw
ROW_BYTES = 24576  # of a row's scratch memory
SHAPE, FIRST, NEXT = range(3)  # what the kernels are run for
STEPS = (("survey", SLICES), ("weigh", SLICES), ("gather", SLICES), ("choose", 1), ("spread", SLICES))


def shape_laws(
    logits: Tensor, start: Tensor, board: Board, laws: Tensor, raw: Tensor, ids: Tensor | None = None
) -> None:
    """Write the laws that a pass's logits give: row i is that of position start + i + 1, at laws[position - base].

    ``logits``: [M, columns], bf16 on a GPU, M up to 16, the vocabulary's columns first; ``start``: int32 [1];
    ``laws``: float32 [rows, vocabulary]; ``raw``: bf16 [rows, vocabulary], the plain logits. A position without a row
    is left out. ``ids``: int32 [m], the tokens the first m columns speak of; all others get probability 0 and raw -inf.
    Settings and their order are those of engine.config.Sampling; tokens tied with the last one that top-k or top-p
    keeps are kept with it; temperature 0 is one-hot at the lowest of the likeliest tokens. Raises TypeError for other
    dtypes on a GPU.
    """
    if logits.is_cuda:
        _shape(logits, start, board, laws, raw, ids, SHAPE)
    else:
        reference.shape_laws(logits, start, board, laws, raw, ids)


def draw(
    logits: Tensor,
    start: Tensor,
    board: Board,
    laws: Tensor,
    raw: Tensor,
    record: Record,
    *,
    ids: Tensor | None = None,
    entropy: float | None = None,
    first: bool = False,
    settle: bool = False,
) -> None:
    """Shape the law of the tape's next position and append a token drawn from it; tensors as in shape_laws.

    ``record`` gets the token, its probability, its rank and the time. Nothing more is drawn (board.idle) after a
    law of more than ``entropy`` nats, behind a token that fills the tape, or where the law has no row. ``first``: the
    drafting begins, unless the tape is full already: level 0's production and the record start here. Otherwise nothing
    happens while idle. ``settle``: no judge above: all that is drawn is settled.
    """
    if not logits.is_cuda:
        options = {"ids": ids, "entropy": entropy, "first": first, "settle": settle}
        reference.draw(logits, start, board, laws, raw, record, **options)  # type: ignore[arg-type]
        return
    arguments = _shape(logits, start, board, laws, raw, ids, FIRST if first else NEXT)
    most = math.inf if entropy is None else entropy
    code = kernel("laws", "draw", logits.device)
    launch(code, logits.device, (1, 1), CHOOSER, 0, *arguments, record.words, most, int(settle))
    rank(raw, record, 1)


def rank(raw: Tensor, record: Record, tokens: int) -> None:
    """Count the ranks of the last ``tokens`` tokens or fewer that ``record`` tells of and has not ranked yet."""
    code = kernel("rank", "rank", raw.device)
    launch(code, raw.device, (SLICES, tokens), THREADS, 0, raw, record.words, raw.shape[1])


def _shape(
    logits: Tensor, start: Tensor, board: Board, laws: Tensor, raw: Tensor, ids: Tensor | None, mode: int
) -> tuple[Argument, ...]:
    """Launch the kernels that shape; return what they were given."""
    if not (logits.dtype == raw.dtype == torch.bfloat16 and logits.is_contiguous()):
        raise TypeError(f"logits of {logits.dtype} and {raw.dtype} where contiguous bfloat16 is needed")
    tokens, columns = logits.shape
    rows, vocabulary = laws.shape
    count = vocabulary if ids is None else len(ids)
    worked = tokens if mode == SHAPE else 1
    scratch = torch.empty(worked * ROW_BYTES, dtype=torch.uint8, device=logits.device)
    memory = (logits, start, board.words, board.tape, board.first, ids, laws, raw, scratch)
    arguments = (*memory, tokens, columns, count, vocabulary, rows, mode)
    for entry, slices in STEPS:
        launch(kernel("laws", entry, logits.device), logits.device, (slices, worked), THREADS, 0, *arguments)
    return arguments
