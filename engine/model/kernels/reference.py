"""What the kernels of laws.cu and judge.cu mean, in torch on a CPU: for machines without a GPU, and for their tests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from engine.model.kernels.board import SETTINGS, Board
from engine.model.kernels.record import DRAFTS, LAYOUT, NO_NUMBERS, VERDICT, Record

STEPS = 2**60  # a law's fixed point: exact for every probability from 2**-36 on


# Random numbers.


def philox(seed: int, counter: int) -> tuple[int, int, int, int]:
    """Return the four 32-bit words of Philox4x32-10 (Salmon et al., SC 2011) for a 64-bit key and counter."""
    low, high = 0xFFFFFFFF, 32
    x = [counter & low, counter >> high, 0, 0]
    key = [seed & low, seed >> high]
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(b >> high) ^ x[1] ^ key[0], b & low, (a >> high) ^ x[3] ^ key[1], a & low]
        key = [(key[0] + 0x9E3779B9) & low, (key[1] + 0xBB67AE85) & low]
    return x[0], x[1], x[2], x[3]


def _random(board: Board, ahead: int) -> tuple[int, int, int, int]:
    seed, counter = board.random.tolist()
    return philox(seed, counter + ahead)


def pick(law: Tensor, words: Sequence[int]) -> int | None:
    """Return the token where ``law`` (float32 [vocabulary], any sum up to 2), cumulated, passes a random share of it.

    None if nothing is left of it in fixed point.
    """
    heights = (law.double() * STEPS).long().cumsum(0)
    share = ((words[0] | words[1] << 32) * int(heights[-1])) >> 64
    return int(torch.searchsorted(heights, share, right=True)) if int(heights[-1]) else None


# Laws.


def shaped(logits: Tensor, seen: Tensor, settings: Any) -> Tensor:
    """Return the law of one row, float32 [m]: ``logits`` float32 [m], ``seen`` bool [m], ``settings`` as SETTINGS.

    Tokens tied with the last one that top-k or top-p keeps are kept with it. Where the highest logit is not finite the
    law is NO_NUMBERS for it and 0 for all others: every step can go on with that, and the host sees it.
    """
    penalty, temperature, top_p = (float(settings[name]) for name in ("penalty", "temperature", "top_p"))
    logits = torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
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


def _shape_row(
    logits: Tensor, position: int, board: Board, laws: Tensor, raw: Tensor, ids: Tensor | None
) -> Tensor | None:
    """Write the law of ``position`` from its logits [columns] and return it, or None if it has no row."""
    row = position - int(board.base)
    if not 0 <= row < len(laws):
        return None
    tokens = torch.arange(laws.shape[1]) if ids is None else ids.long()
    plain = logits[: len(tokens)]
    before = board.first[tokens]
    seen = (before < position) & (board.tape[before.clamp(max=len(board.tape) - 1)] == tokens)
    law = shaped(plain.float(), seen, board.settings.numpy().view(SETTINGS)[0])
    laws[row] = laws.new_zeros(laws.shape[1]).index_copy_(0, tokens, law)
    raw[row] = torch.full_like(raw[row], -torch.inf).index_copy_(0, tokens, plain.to(raw.dtype))
    return laws[row]


def shape_laws(
    logits: Tensor, start: Tensor, board: Board, laws: Tensor, raw: Tensor, ids: Tensor | None = None
) -> None:
    """See laws.shape_laws."""
    for i, row in enumerate(logits):
        _shape_row(row, int(start) + i + 1, board, laws, raw, ids)


# The tape.


def _full(board: Board) -> bool:
    settings, length = board.settings.numpy().view(SETTINGS)[0], int(board.length)
    ends = settings["ends"][: settings["end_count"]].tolist()
    return bool(length >= settings["limit"] or (length > settings["start"] and int(board.tape[length - 1]) in ends))


def _append(board: Board, token: int) -> None:
    """Put ``token`` behind the last one; its entry in ``first`` gives way unless it is right."""
    at, before = int(board.length), int(board.first[token])
    if not (before < at and int(board.tape[before]) == token):
        board.first[token] = at
    board.tape[at] = token
    board.length += 1


def _tell(told: Any, token: int, row: int, laws: Tensor, raw: Tensor) -> None:
    """Add ``token`` to a record, with its probability and rank in ``row``."""
    at = int(told["count"])
    told["tokens"][at], told["probabilities"][at] = token, float(laws[row, token])
    told["ranks"][at] = 1 + int((raw[row] > raw[row, token]).sum())
    told["count"] = at + 1


def stamp(record: Record) -> None:
    """Note when a pass begins."""
    record.words.numpy().view(LAYOUT)[0]["began"] = time.perf_counter_ns()


# Drafts.


def draw(
    logits: Tensor,
    start: Tensor,
    board: Board,
    laws: Tensor,
    raw: Tensor,
    record: Record,
    *,
    ids: Tensor | None,
    entropy: float | None,
    first: bool,
    settle: bool,
) -> None:
    """See laws.draw."""
    told = record.words.numpy().view(LAYOUT)[0]
    if first:
        told["kind"], told["count"] = DRAFTS, 0
        board.starts[0] = int(board.length)
        board.idle.fill_(_full(board))
    if not board.idle:
        _draw(logits, start, board, laws, raw, told, ids, entropy)
    if settle:
        for mark in (board.base, board.starts):
            mark.fill_(int(board.length))


def _draw(
    logits: Tensor,
    start: Tensor,
    board: Board,
    laws: Tensor,
    raw: Tensor,
    told: Any,
    ids: Tensor | None,
    entropy: float | None,
) -> None:
    position = int(board.length)
    law = _shape_row(logits[position - 1 - int(start)], position, board, laws, raw, ids)
    token = None if law is None else pick(law, _random(board, 0))
    if law is None or token is None:
        board.idle.fill_(1)
        return
    board.random[1] += 1
    at = int(told["count"])
    told["row"] = position - int(board.base)
    _append(board, token)
    _tell(told, token, position - int(board.base), laws, raw)
    told["begins"][at], told["ends"][at] = told["began"], time.perf_counter_ns()
    unsure = entropy is not None and float(torch.special.entr(law).sum()) > entropy
    board.idle.fill_(unsure or _full(board))


# Verdicts.


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
    rule: str,
    tau: float,
    bonus: bool,
) -> None:
    """See judge.judge."""
    mark, length = int(board.starts[level - 1]), int(board.length)
    n, row = length - mark, mark - int(board.base)
    tokens = board.tape[mark:length].tolist()
    further = not _full(board) and (n == 0 or bonus) and row + n < len(own_laws)
    own, guess = own_laws[row : row + n + 1], _guess(tokens, guess_laws, own_laws, row)
    if rule == "fuzzy" and guess_raw is not None:
        near = divergence(own_raw[row : row + n].float(), guess_raw[row : row + n].float()) <= tau  # a NaN is far
        kept, rest = next((i for i in range(n) if not near[i]), n), own
    else:
        coins = [(_random(board, i)[0] >> 8) * 2.0**-24 for i in range(n)]
        kept, rest = _exact(tokens, own, guess, coins, joint=rule == "block")
    following = _following(own[kept], rest[kept], _random(board, n)) if kept < n or further else None
    board.random[1] += n + 1
    told = record.words.numpy().view(LAYOUT)[0]
    told["kind"], told["count"], told["kept"], told["row"] = VERDICT, 0, kept, row
    told["following"] = -1 if following is None else following
    for i, token in enumerate(tokens):
        _tell(told, token, row + i, own_laws, own_raw)
    board.length.fill_(mark + kept)
    if following is not None:
        _append(board, following)
        _tell(told, following, row + kept, own_laws, own_raw)
    board.starts[:level] = int(board.length)
    if top:
        board.base.copy_(board.length)
    told["ends"][0] = time.perf_counter_ns()


def _following(law: Tensor, rest: Tensor, words: Sequence[int]) -> int | None:
    """Draw from ``rest``, which is what is owed; from the law itself where rounding leaves nothing."""
    drawn = pick(rest, words)
    return pick(law, words) if drawn is None else drawn


def _guess(tokens: list[int], laws: Tensor | None, own: Tensor, row: int) -> Tensor:
    """Return the proposer's laws of ``tokens``, [n, vocabulary]: one-hot for a lookup, which has none."""
    if laws is not None:
        return laws[row : row + len(tokens)]
    sure = own.new_zeros(len(tokens), own.shape[1])
    return sure.scatter_(1, torch.tensor(tokens, dtype=torch.int64)[:, None], 1.0)


def _exact(tokens: list[int], own: Tensor, guess: Tensor, coins: list[float], *, joint: bool) -> tuple[int, Tensor]:
    """Return how many tokens block (``joint``) or token verification keeps, and what is owed at each position.

    ``own``: [n or n + 1, vocabulary], ``guess``: [n, vocabulary]; owed as ``own``.
    """
    n, weights = len(tokens), [1.0]
    p, q = ([float(law[i, token]) for i, token in enumerate(tokens)] for law in (own, guess))
    for i in range(n):
        ratio = p[i] / q[i] if q[i] > 0 else 1.0  # q is 0 only above a fuzzy judge
        weights.append(min(weights[i] * ratio, 1.0) if joint else 1.0)
    owed = (own.new_tensor(weights[:n])[:, None] * own[:n] - guess).clamp(min=0)
    kept = _block(weights, owed, coins) if joint else next((i for i in range(n) if coins[i] * q[i] >= p[i]), n)
    return kept, torch.cat((owed, own[n:]))


def _block(weights: list[float], owed: Tensor, coins: list[float]) -> int:
    """Return how many tokens block verification keeps (arXiv 2403.10444, Algorithm 2)."""
    n = len(coins)
    if n and coins[n - 1] < weights[n]:
        return n
    for kept in range(n - 1, 0, -1):
        surplus = float(owed[kept].double().sum())
        rest = surplus + 1 - weights[kept]
        if coins[kept - 1] < (surplus / rest if rest > 0 else 1.0):
            return kept
    return 0


def divergence(a: Tensor, b: Tensor) -> Tensor:
    """Return (KL(m||p) + KL(m||q)) / 2 in nats per row, m = (p + q) / 2: logits float32 [n, vocabulary] twice -> [n].

    A token that both rule out adds nothing; one that only one of them rules out makes it infinite.
    """
    log_p, log_q = a.log_softmax(dim=1), b.log_softmax(dim=1)
    m = (log_p.exp() + log_q.exp()) / 2
    apart = m * (m.clamp(min=1e-38).log() - (log_p + log_q) / 2)
    return apart.where(log_p.maximum(log_q) > -torch.inf, 0).sum(dim=1)
