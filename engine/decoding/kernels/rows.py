"""How a pass begins: embeddings of the tape's last tokens, or the states that an earlier span left for them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.decoding.kernels import reference
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.record import Record
from engine.decoding.kernels.sources import MOST_TAPS, RING, kernel
from engine.model.kernels.launch import launch

THREADS = 256


def open_pass(
    board: Board, embedding: Tensor, tokens: int, start: Tensor, record: Record | None, *, idle: bool = False
) -> Tensor:
    """Return the embeddings of the tape's last ``tokens`` tokens, [tokens, width], and set ``start`` to the first.

    ``embedding``: [vocabulary, width], rows a multiple of 16 bytes, on the device or in pinned memory; ``start``: int32
    [1], 0 where the tape is shorter. Stamps the record's begin. ``idle``: while board.idle is set the start stays and
    nothing is stamped, so the pass computes again what it computed last, which changes nothing.
    """
    _must_be_whole(embedding)
    hidden = torch.empty(tokens, embedding.shape[1], dtype=embedding.dtype, device=board.tape.device)
    if hidden.is_cuda:
        _launch("open_pass", hidden, embedding, start, board, record, idle=idle)
        return hidden
    if not (idle and board.idle):
        start.fill_(max(int(board.length) - tokens, 0))
        if record:
            reference.stamp(record)
    at = torch.arange(tokens) + start
    known = board.tape[at.clamp(max=len(board.tape) - 1)].clamp(min=0)
    return torch.index_select(embedding, 0, known, out=hidden)


def keep(ring: Tensor, start: Tensor, hidden: Tensor, board: Board | None = None) -> None:
    """Keep the states ``hidden`` [tokens, width] of positions start, start + 1, ... in ``ring`` [64, width].

    Rows a multiple of 16 bytes; the oldest states give way. With a ``board`` nothing is kept while board.idle is set.
    """
    _must_be_whole(ring)
    if ring.is_cuda:
        _launch("keep", hidden, ring, start, board, None, idle=board is not None)
    elif board is None or not board.idle:
        ring[(torch.arange(len(hidden)) + start) % RING] = hidden


def recall(ring: Tensor, board: Board, tokens: int, start: Tensor, record: Record | None) -> Tensor:
    """Return the states kept for the tape's last ``tokens`` positions, [tokens, width]; start, stamp: see open_pass."""
    _must_be_whole(ring)
    hidden = ring.new_empty(tokens, ring.shape[1])
    if hidden.is_cuda:
        _launch("recall", hidden, ring, start, board, record)
        return hidden
    start.fill_(max(int(board.length) - tokens, 0))
    if record:
        reference.stamp(record)
    return torch.index_select(ring, 0, (torch.arange(tokens) + start) % RING, out=hidden)


def open_rows(
    board: Board,
    embedding: Tensor,
    rings: Sequence[Tensor],
    tokens: int,
    starts: Tensor,
    record: Record | None,
    *,
    apart: bool = False,
    idle: bool = False,
    placed: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return what the last ``tokens`` rows take of a drafter whose row i pairs states of token i with token i + 1.

    These are embeddings [tokens, width], the tape's last token's in the last row, and states of the ``rings`` (up to
    eight): [tokens, rings * state] side by side, or ``apart`` [rings, tokens, state]. ``starts``: int32 [2], set to the
    first row, 0 where the tape is shorter, and to the position of its token; ``placed``: they are the rows from
    starts[0] on, which stays, and nothing is stamped. See open_pass.
    """
    for table in (embedding, *rings):
        _must_be_whole(table)
    if len(rings) > MOST_TAPS:
        raise ValueError(f"{len(rings)} rings where {MOST_TAPS} at most are read")
    state = rings[0].shape[1] if rings else 0
    hidden = torch.empty(tokens, embedding.shape[1], dtype=embedding.dtype, device=board.tape.device)
    states = hidden.new_empty((len(rings), tokens, state) if apart else (tokens, len(rings) * state))
    if hidden.is_cuda:
        _launch_rows(hidden, states, embedding, rings, starts, board, record, apart=apart, idle=idle, placed=placed)
        return hidden, states
    if not (placed or (idle and board.idle)):
        starts.copy_(torch.arange(2) + max(int(board.length) - 1 - tokens, 0))
        if record:
            reference.stamp(record)
    at = torch.arange(tokens) + starts[0]
    known = board.tape[(at + 1).clamp(max=len(board.tape) - 1)].clamp(0, len(embedding) - 1)
    torch.index_select(embedding, 0, known, out=hidden)
    found = [ring[at % RING] for ring in rings]
    if found:
        states.copy_(torch.stack(found) if apart else torch.cat(found, dim=1))
    return hidden, states


def _launch_rows(
    hidden: Tensor,
    states: Tensor,
    embedding: Tensor,
    rings: Sequence[Tensor],
    starts: Tensor,
    board: Board,
    record: Record | None,
    *,
    apart: bool,
    idle: bool,
    placed: bool,
) -> None:
    """Launch open_rows, which fills ``hidden`` and ``states``."""
    pieces = _pieces(embedding)
    launch(
        kernel("rows", "open_rows", hidden.device),
        hidden.device,
        (len(hidden), 1 + len(rings)),
        min(THREADS, pieces),
        0,
        hidden=hidden,
        states=states,
        embedding=embedding,
        **{f"ring{index}": rings[index] if index < len(rings) else None for index in range(MOST_TAPS)},
        starts=starts,
        state=board.words,
        tape=board.tape,
        record=record.words if record else None,
        room=len(board.tape),
        pieces=pieces,
        known=len(embedding),
        state_pieces=_pieces(rings[0]) if rings else 0,
        apart=apart,
        idle=idle,
        placed=placed,
    )


def _pieces(table: Tensor) -> int:
    """Return of how many times 16 bytes a row of ``table`` consists."""
    return table.shape[1] * table.element_size() // 16


def _must_be_whole(rows: Tensor) -> None:
    if rows.shape[1] * rows.element_size() % 16:
        raise ValueError(f"rows of {rows.shape[1]} {rows.dtype} are no multiple of 16 bytes")


def _launch(
    entry: str,
    hidden: Tensor,
    table: Tensor,
    start: Tensor,
    board: Board | None,
    record: Record | None,
    *,
    idle: bool = False,
) -> None:
    """Launch ``entry``; ``idle``: heed board.idle."""
    pieces = _pieces(table)
    launch(
        kernel("rows", entry, hidden.device),
        hidden.device,
        (len(hidden),),
        min(THREADS, pieces),
        0,
        hidden=hidden,
        table=table,
        start=start,
        state=board.words if board else None,
        tape=board.tape if board else None,
        record=record.words if record else None,
        room=len(board.tape) if board else 0,
        pieces=pieces,
        known=len(table),
        idle=idle,
    )
