"""What the kernels of laws.cu and judge.cu mean, in torch on a CPU: for machines without a GPU, and for their tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.decoding.acceptance import agreeing, measured, tolerated
from engine.decoding.kernels.board import SETTINGS, Board
from engine.decoding.kernels.record import LAYOUT, Record
from engine.decoding.kernels.sources import DRAFTS, LENIENT, NO_NUMBERS, VERDICT
from engine.decoding.matching import copied, match
from engine.decoding.noise import choices

if TYPE_CHECKING:
    from engine.config import Acceptance
    from engine.decoding.kernels.laws import Laws

# What is kept of a position's law, as choice.cuh lays it out. A logit x has the weight exp((x - highest) / temperature)
# and the probability `scale` times that, if it is kept at all. `first`: the draw, in the lower half upside down.
SHAPED = np.dtype([("first", "<u8"), ("highest", "<f4"), ("scale", "<f4"), ("least", "<f4"), ("winner", "<i4")])
LOW = 0xFFFFFFFF


# Laws.


def shaped(logits: Tensor, settings: Any) -> Tensor:
    """Return the law of one row, float32 [m]: ``logits`` float32 [m], penalised already, ``settings`` as SETTINGS.

    Tokens tied with the last one that top-k or top-p keeps are kept with it. Where the highest logit is not finite the
    law is NO_NUMBERS for it and 0 for all others: every step can go on with that, and the host sees it.
    """
    temperature, top_p = float(settings["temperature"]), float(settings["top_p"])
    numbers = bool(logits.max().isfinite())
    if temperature == 0 or not numbers:
        return torch.zeros_like(logits).index_fill_(0, logits.argmax(), 1.0 if numbers else NO_NUMBERS)
    weights = ((logits.double() - logits.max()) / temperature).exp()
    if 0 < settings["top_k"] < len(logits):
        weights = weights.where(logits >= logits.topk(int(settings["top_k"])).values[-1], 0)
    if top_p < 1:
        falling = weights.sort(descending=True).values
        above = falling.cumsum(0) - falling
        weights = weights.where(weights >= falling[above < top_p * weights.sum()][-1], 0)
    weights = weights.where(weights >= float(settings["min_p"]), 0)
    return (weights / weights.sum()).float()


def _penalised(logits: Tensor, tokens: Tensor, position: int, board: Board) -> Tensor:
    """Return what the repetition penalty leaves of ``logits`` [m] of ``tokens`` [m] at ``position``, in float32."""
    penalty = float(_settings(board)["penalty"])
    before = board.first[tokens]
    seen = (before < position) & (board.tape[before.clamp(max=len(board.tape) - 1)] == tokens)
    logits = logits.float()
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def _settings(board: Board) -> Any:
    return board.settings.numpy().view(SETTINGS)[0]


def _known(laws: Laws, row: int) -> Any:
    return laws.shaped.numpy().view(SHAPED)[row, 0]


def probabilities(laws: Laws, row: int, tokens: Tensor, board: Board) -> Tensor:
    """Return what ``laws`` give each of ``tokens`` [m] in ``row``, float32 [m]."""
    known, settings = _known(laws, row), _settings(board)
    if known["winner"] >= 0:
        return torch.where(tokens == int(known["winner"]), float(known["scale"]), 0.0)
    logits = _penalised(laws.raw[row, tokens], tokens, int(board.base) + row, board)
    weights = ((logits.double() - float(known["highest"])) / float(settings["temperature"])).exp()
    kept = (logits >= float(known["least"])) & (weights.float() >= float(settings["min_p"]))
    return (weights * float(known["scale"])).where(kept, 0).float()


def choice(laws: Laws, row: int) -> int:
    """Return the token drawn in ``row``."""
    return ~int(_known(laws, row)["first"]) & LOW


def _shape_row(logits: Tensor, position: int, board: Board, laws: Laws, ids: Tensor | None) -> Tensor | None:
    """Note the law of ``position`` from its logits [columns] and return it, or None if it has no row."""
    row = position - int(board.base)
    if not 0 <= row < len(laws.raw):
        return None
    tokens = torch.arange(laws.raw.shape[1]) if ids is None else ids.long()
    plain = logits[: len(tokens)]
    laws.raw[row] = torch.full_like(laws.raw[row], -torch.inf).index_copy_(0, tokens, plain.to(laws.raw.dtype))
    penalised = _penalised(plain, tokens, position, board)
    law = shaped(penalised, _settings(board))
    kept, key = law > 0, int(board.key) & (2**64 - 1)
    (drawn,) = choices(key, position, law.new_zeros(laws.raw.shape[1]).index_copy_(0, tokens, law)[None].numpy())
    greedy = float(law.max()) == NO_NUMBERS or float(_settings(board)["temperature"]) == 0
    limits = float(penalised.max()), float(law.max()), float(penalised[kept].min())
    laws.shaped.numpy().view(SHAPED)[row, 0] = (~drawn & (2**64 - 1), *limits, drawn if greedy else -1)
    return law


def shape_laws(logits: Tensor, start: Tensor, board: Board, laws: Laws, ids: Tensor | None = None) -> None:
    """See laws.shape_laws."""
    for i, row in enumerate(logits):
        _shape_row(row, int(start) + i + 1, board, laws, ids)


# The tape.


def _full(board: Board) -> bool:
    settings, length = _settings(board), int(board.length)
    ends = settings["ends"][: settings["end_count"]].tolist()
    return bool(length >= settings["limit"] or (length > settings["start"] and int(board.tape[length - 1]) in ends))


def _append(board: Board, token: int) -> None:
    """Put ``token`` behind the last one; its entry in ``first`` gives way unless it is right."""
    at, before = int(board.length), int(board.first[token])
    if not (before < at and int(board.tape[before]) == token):
        board.first[token] = at
    board.tape[at] = token
    board.length += 1


def _tell(told: Any, token: int, row: int, board: Board, laws: Laws) -> None:
    """Add ``token`` to a record, with its probability and rank in ``row``."""
    at, raw = int(told["count"]), laws.raw[row]
    told["tokens"][at], told["probabilities"][at] = token, float(probabilities(laws, row, torch.tensor([token]), board))
    told["ranks"][at] = 1 + int((raw > raw[token]).sum())
    told["count"] = at + 1


def stamp(record: Record) -> None:
    """Note when a pass begins."""
    record.words.numpy().view(LAYOUT)[0]["began"] = time.perf_counter_ns()


# Drafts.


def draw(
    logits: Tensor,
    start: Tensor,
    board: Board,
    laws: Laws,
    record: Record,
    *,
    ids: Tensor | None,
    entropy: float | None,
    first: bool,
    settle: bool,
    level: int = 0,
) -> None:
    """See laws.draw."""
    told = record.words.numpy().view(LAYOUT)[0]
    if first:
        told["kind"], told["count"] = DRAFTS, 0
        if level == 0:
            board.starts[0] = int(board.length)
        board.idle.fill_(_full(board) or int(board.length) > int(board.starts[level]))
    if not board.idle:
        position = int(board.length)
        law = _shape_row(logits[position - 1 - int(start)], position, board, laws, ids)
        if law is None:
            board.idle.fill_(1)
        else:
            _put(told, position - int(board.base), board, laws)
            unsure = entropy is not None and float(torch.special.entr(law).sum()) > entropy
            board.idle.fill_(unsure or told["count"] >= int(board.windows[level]) or _full(board))
    if settle:
        for mark in (board.base, board.starts):
            mark.fill_(int(board.length))


def _put(told: Any, row: int, board: Board, laws: Laws) -> None:
    """Put the draw of ``row`` on the tape and tell it."""
    at, token = int(told["count"]), choice(laws, row)
    told["row"] = row
    _tell(told, token, row, board, laws)
    _append(board, token)
    told["begins"][at], told["ends"][at] = told["began"], time.perf_counter_ns()


def look_up(board: Board, record: Record, longest: int, shortest: int, most: int) -> None:
    """See lookup.look_up."""
    began, settings, length = time.perf_counter_ns(), _settings(board), int(board.length)
    tape = board.tape[:length].tolist()
    found = None if _full(board) else match(tape, longest, shortest)
    room = min(most, int(board.windows[0]), int(settings["limit"]) - length)
    ends = frozenset(settings["ends"][: settings["end_count"]].tolist())
    tokens = copied(tape, found[1], room, ends) if found else []
    told, count = record.words.numpy().view(LAYOUT)[0], len(tokens)
    told["kind"], told["count"], told["tokens"][:count] = DRAFTS, count, tokens
    told["probabilities"][:count] = told["ranks"][:count] = 1
    told["begins"][:count], told["ends"][:count] = began, time.perf_counter_ns()
    board.starts[0] = length
    for token in tokens:
        _append(board, token)


# Verdicts.


def judge(
    level: int,
    board: Board,
    own: Laws,
    record: Record,
    *,
    acceptance: Acceptance,
    guess: Laws,
    bonus: bool,
    top: bool,
) -> None:
    """See judge.judge."""
    mark, length = int(board.starts[level - 1]), int(board.length)
    n, row = length - mark, mark - int(board.base)
    tokens = board.tape[mark:length].tolist()
    further = not _full(board) and (n == 0 or bonus) and row + n < len(own.raw)
    told = record.words.numpy().view(LAYOUT)[0]
    choices, rows = [choice(own, row + i) for i in range(n)], own.raw[row : row + n].float()
    if acceptance.lossless:
        kept, told["kind"] = agreeing(tokens, choices), VERDICT
    else:
        far = measured(acceptance.rule, rows, guess.raw[row : row + n].float(), tokens)
        kept, told["kind"] = tolerated(tokens, choices, far, acceptance.tau), LENIENT
        told["own"][:n], told["lags"][:n] = choices, rows[range(n), choices] - rows[range(n), tokens]
    told["count"], told["kept"], told["row"], told["following"] = 0, kept, row, -1
    for i, token in enumerate(tokens):
        _tell(told, token, row + i, board, own)
    following = choice(own, row + kept) if kept < n or further else None
    if following is not None:
        told["following"] = following
        _tell(told, following, row + kept, board, own)
    board.length.fill_(mark + kept)
    if following is not None:
        _append(board, following)
    board.starts[: None if top else level] = int(board.length)
    if top:
        board.base.copy_(board.length)
    told["ends"][0] = time.perf_counter_ns()
