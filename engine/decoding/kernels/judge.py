"""Which proposed tokens are kept and which token follows them, decided without the host."""

from __future__ import annotations

from typing import Final, get_args

import torch

from engine.config import Acceptance, Rule
from engine.decoding.kernels import reference
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.laws import Laws, rank
from engine.decoding.kernels.record import Record
from engine.decoding.kernels.sources import MOST, kernel
from engine.model.kernels.launch import launch
from engine.model.kernels.parameters import Argument

THREADS: Final = 1024  # that measure a position
WARP: Final = 32
MEASURES: Final[dict[Rule, str]] = {"fuzzy": "diverge", "likely": "surprise", "trusted": "hesitate"}


def judge(
    level: int,
    board: Board,
    own: Laws,
    record: Record,
    *,
    acceptance: Acceptance = Acceptance(),  # noqa: B008 - frozen
    guess: Laws | None = None,
    bonus: bool = True,
    top: bool = False,
) -> None:
    """Judge the tokens (31 at most) the level below produced since starts[level - 1], and put the verdict on the tape.

    A token is kept if it is the choice of ``own``, and by an ``acceptance`` that is LOSSY also others (see
    engine.decoding.acceptance). ``guess``: the laws of the level below; without them a rule that compares with these is
    exact. Behind tokens that are all kept the level's own choice follows if ``bonus``, and where nothing was proposed;
    never on a full tape, nor where it has no row. ``top``: what is kept is settled. ``record`` gets verdict and time.
    """
    raw, rows, device = own.raw, len(own.raw), own.raw.device
    if guess is None:
        acceptance, guess = Acceptance() if acceptance.compares else acceptance, own
    if not raw.is_cuda:
        reference.judge(level, board, own, record, acceptance=acceptance, guess=guess, bonus=bonus, top=top)
        return
    both: dict[str, Argument] = {
        "state": board.words,
        "tape": board.tape,
        "first": board.first,
        "shaped": own.shaped,
        "raw": raw,
        "guess": guess.raw,
        "far": torch.empty(rows, dtype=torch.float32, device=device),
        "record": record.words,
        "level": level,
        "rows": rows,
        "vocabulary": raw.shape[1],
        "tau": acceptance.tau,
        "bonus": bonus,
        "top": top,
        "rule": get_args(Rule).index(acceptance.rule),
    }
    if not acceptance.lossless:
        launch(kernel("judge", MEASURES[acceptance.rule], device), device, (rows,), THREADS, 0, **both)
    launch(kernel("judge", "decide", device), device, (1,), WARP, 0, **both)
    rank(own, record, min(rows + 1, MOST))
