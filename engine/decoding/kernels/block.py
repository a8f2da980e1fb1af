"""What a drafter of blocks needs beside the passes and draws of all: its first rows, and what the token before says."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.decoding.kernels import reference
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.record import Record
from engine.decoding.kernels.sources import kernel
from engine.model.kernels.launch import launch

THREADS = 256
COLUMNS = 64  # of a CTA that adds to logits


def open_block(board: Board, embedding: Tensor, mask: Tensor, rows: int, start: Tensor, record: Record) -> Tensor:
    """Return what a block begins with, [rows, width]: the newest token's embedding, and ``mask`` [1, width] below it.

    ``start`` (int32 [1]) is set to the newest token's position; the record's begin is stamped. See open_pass.
    """
    hidden = torch.empty(rows, embedding.shape[1], dtype=embedding.dtype, device=board.tape.device)
    if hidden.is_cuda:
        pieces = hidden.shape[1] * hidden.element_size() // 16
        launch(
            kernel("block", "open_block", hidden.device),
            hidden.device,
            (rows,),
            min(THREADS, pieces),
            0,
            hidden=hidden,
            embedding=embedding,
            mask=mask,
            start=start,
            state=board.words,
            tape=board.tape,
            record=record.words,
            pieces=pieces,
            known=len(embedding),
        )
        return hidden
    start.fill_(max(int(board.length) - 1, 0))
    reference.stamp(record)
    hidden[:] = mask
    hidden[0] = embedding[max(int(board.tape[int(start)]), 0)]
    return hidden


def lean(
    logits: Tensor, start: Tensor, board: Board, rows: Tensor, spread: Tensor, *, idle: Tensor | None = None
) -> None:
    """Add what the tape's newest token says of the next one to its row of ``logits`` [n, columns], row i for start + i.

    ``rows``: [vocabulary, rank], ``spread``: [columns, rank], rank a multiple of 8. All bf16 on a GPU. ``idle``: int32
    [1]; where it is not zero nothing is added.
    """
    if logits.is_cuda:
        columns = logits.shape[1]
        launch(
            kernel("block", "lean", logits.device),
            logits.device,
            (-(-columns // COLUMNS),),
            THREADS,
            0,
            logits=logits,
            start=start,
            state=board.words,
            tape=board.tape,
            rows=rows,
            spread=spread,
            idle=idle,
            tokens=len(logits),
            columns=columns,
            pieces=rows.shape[1] // 8,
            known=len(rows),
        )
    elif idle is None or not idle:
        newest = int(board.length) - 1
        row = newest - int(start)
        if 0 <= row < len(logits):
            logits[row] += (spread.float() @ rows[int(board.tape[newest])].float()).to(logits.dtype)


def doubt(
    states: Tensor, start: Tensor, board: Board, rows: Tensor | None, weight: Tensor, bias: Tensor, least: float
) -> None:
    """Let the drafter rest where it is less sure than ``least`` of what follows the tape's newest token.

    ``states``: [n, width], row i of position start + i. ``weight``: float32 [width], or [width + rank] with ``rows``
    [vocabulary, rank] that are looked up by the newest token. ``bias``: float32 [1].
    """
    tokens, width = states.shape
    rank = len(weight) - width
    if states.is_cuda:
        launch(
            kernel("block", "doubt", states.device),
            states.device,
            (1,),
            THREADS,
            0,
            states=states,
            start=start,
            state=board.words,
            tape=board.tape,
            rows=rows,
            weight=weight,
            bias=bias,
            tokens=tokens,
            width=width,
            rank=rank,
            known=1 if rows is None else len(rows),
            least=least,
        )
        return
    newest = int(board.length) - 1
    row = newest - int(start)
    if board.idle or not 0 <= row < tokens:
        return
    known_by = states[row].float()
    if rank and rows is not None:
        known_by = torch.cat([known_by, rows[int(board.tape[newest])].float()])
    if float((known_by @ weight + bias).sigmoid()) < least:
        board.idle.fill_(1)
