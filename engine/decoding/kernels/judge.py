"""Which proposed tokens are kept and which token follows them, decided without the host."""

from __future__ import annotations

import torch

from engine.decoding.kernels import reference
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.laws import Laws, rank
from engine.decoding.kernels.record import Record
from engine.decoding.kernels.sources import MOST, kernel
from engine.model.kernels.launch import launch
from engine.model.kernels.parameters import Argument

THREADS = 1024  # that compare two laws
WARP = 32


def judge(
    level: int,
    board: Board,
    own: Laws,
    record: Record,
    *,
    guess: Laws | None = None,
    tau: float = 0.0,
    bonus: bool = True,
    top: bool = False,
) -> None:
    """Judge the tokens (31 at most) the level below produced since starts[level - 1], and put the verdict on the tape.

    A token stands if it is the choice of ``own``; LOSSY with ``guess``, the laws of the level below: while the two
    differ by at most ``tau``. See engine.decoding.acceptance. Behind tokens that all stand the level's own choice
    follows if ``bonus``, and where nothing was proposed; never on a full tape, nor where it has no row. ``top``: what
    is kept is settled. ``record`` gets the verdict and the time.
    """
    raw, device = own.raw, own.raw.device
    if not raw.is_cuda:
        reference.judge(level, board, own, record, guess=guess, tau=tau, bonus=bonus, top=top)
        return
    rows, vocabulary = raw.shape
    both: dict[str, Argument] = {
        "state": board.words,
        "tape": board.tape,
        "first": board.first,
        "shaped": own.shaped,
        "raw": raw,
        "guess": guess.raw if guess else None,
        "apart": torch.empty(rows, dtype=torch.float32, device=device) if guess else None,
        "record": record.words,
        "level": level,
        "rows": rows,
        "vocabulary": vocabulary,
        "tau": tau,
        "bonus": bonus,
        "top": top,
    }
    if guess is not None:
        launch(kernel("judge", "diverge", device), device, (rows,), THREADS, 0, **both)
    launch(kernel("judge", "decide", device), device, (1,), WARP, 0, **both)
    rank(own, record, min(rows + 1, MOST))
