"""Which proposed tokens are kept and which token follows them, decided without the host."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from engine.model.kernels import reference
from engine.model.kernels.board import Board
from engine.model.kernels.launch import kernel, launch
from engine.model.kernels.laws import CHOOSER, SLICES, THREADS, rank
from engine.model.kernels.record import MOST, Record

Rule = Literal["block", "token", "fuzzy"]
RULES: tuple[Rule, ...] = ("block", "token", "fuzzy")  # as judge.cu numbers them


def judge(
    level: int,
    top: bool,
    board: Board,
    guess_laws: Tensor | None,
    own_laws: Tensor,
    guess_raw: Tensor | None,
    own_raw: Tensor,
    record: Record,
    *,
    rule: Rule,
    tau: float = 0.0,
    bonus: bool = True,
) -> None:
    """Judge the tokens (31 at most) the level below produced since starts[level - 1], and put the verdict on the tape.

    ``own_laws`` and ``guess_laws``: float32 [rows, vocabulary], row i of position base + i; a lookup proposes without
    ``guess_laws``, sure of every token. ``own_raw`` and ``guess_raw``: the plain logits, bf16 of the same shape;
    without ``guess_raw`` the fuzzy rule is the token rule. Rules as in engine.decoding.acceptance. Behind tokens that
    all stand the level writes one of its own if ``bonus``, and where nothing was proposed; never on a full tape, nor
    where it has no row. ``top``: what is kept is settled. ``record`` gets the verdict and the time.
    """
    if not own_laws.is_cuda:
        laws, raws = (guess_laws, own_laws), (guess_raw, own_raw)
        reference.judge(level, top, board, *laws, *raws, record, rule=rule, tau=tau, bonus=bonus)
        return
    device, (rows, vocabulary) = own_laws.device, own_laws.shape
    number = RULES.index("token" if rule == "fuzzy" and guess_raw is None else rule)
    owed = torch.empty(rows, SLICES, dtype=torch.int64, device=device)
    apart = torch.empty(rows, dtype=torch.float32, device=device)
    memory = (board.words, board.tape, board.first, guess_laws, own_laws, owed, apart)
    arguments = (*memory, level, rows, vocabulary, number)
    launch(kernel("judge", "owe", device), device, (SLICES, rows), THREADS, 0, *arguments)
    if RULES[number] == "fuzzy":
        launch(kernel("judge", "diverge", device), device, (rows,), CHOOSER, 0, *arguments, guess_raw, own_raw)
    verdict = (record.words, tau, int(bonus), int(top))
    launch(kernel("judge", "decide", device), device, (1,), CHOOSER, 0, *arguments, *verdict)
    rank(own_raw, record, min(rows + 1, MOST))
