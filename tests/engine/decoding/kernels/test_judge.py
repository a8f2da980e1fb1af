"""Verdicts as the kernels' reference gives them, against engine.decoding's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.config import Acceptance, Sampling
from engine.decoding.acceptance import measured, tolerated
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.judge import judge
from engine.decoding.kernels.laws import Laws, shape_laws
from engine.decoding.kernels.record import Reading, Record, Verdict
from engine.decoding.laws import Sampler
from tests.engine.decoding.proposing import propose

CPU = torch.device("cpu")
VOCABULARY, PROMPT = 5, [2, 3]
PLAIN = Sampling(temperature=1, top_p=1)


def tables(seed: int, rows: int = 4) -> tuple[Tensor, Tensor]:
    """Return logits of proposer and judge, [rows, VOCABULARY] each, apart enough to be vetoed often."""
    dice = torch.Generator().manual_seed(seed)
    own = torch.randn(rows, VOCABULARY, generator=dice)
    return own + torch.randn(rows, VOCABULARY, generator=dice), own


def laws_of(logits: Tensor, board: Board) -> Laws:
    laws = Laws.empty(len(logits), VOCABULARY, CPU, torch.float32)
    shape_laws(logits, board.base - 1, board, laws)
    return laws


def settle(
    board: Board,
    own: Tensor,
    tokens: list[int],
    guess: Tensor | None = None,
    rule: Acceptance = Acceptance("fuzzy", 0.05),  # noqa: B008 - frozen
    **options: bool,
) -> Verdict:
    """Propose ``tokens`` and judge them once."""
    board.write(PROMPT, 0)
    propose(board, tokens)
    record, below = Record.empty(CPU), None if guess is None else laws_of(guess, board)
    judge(1, board, laws_of(own, board), record, acceptance=rule, guess=below, top=True, **options)
    told = Reading(record.words).read()
    assert isinstance(told, Verdict)
    return told


def board_of(limit: int = 16, seed: int = 9) -> Board:
    board = Board.empty(16, VOCABULARY, CPU)
    board.apply(Sampling(temperature=1, top_p=1, seed=seed), frozenset({1}), limit, len(PROMPT))
    return board


def test_the_tape_takes_the_verdict() -> None:
    """Tokens vetoed but left on the tape, or a round begun at the old length, would be part of the reply."""
    kinds = set()
    for seed in range(60):
        board, own = board_of(seed=seed), tables(seed)[1]
        law = own.softmax(dim=1)
        choices = Sampler(Sampling(temperature=1, top_p=1, seed=seed)).choose(law, len(PROMPT))
        tokens = [*choices[: seed % 4], *[0, 2, 4][seed % 4 :]]
        told = settle(board, own, tokens)
        kept = next((i for i in range(3) if tokens[i] != choices[i]), 3)
        assert (told.kept, told.following) == (kept, None if kept == 3 and tokens[-1] == 1 else choices[kept])
        reply = [*tokens[: told.kept], *([] if told.following is None else [told.following])]
        assert board.tape[: int(board.length)].tolist() == PROMPT + reply
        assert board.base == board.starts[0] == board.length
        assert told.tokens == (*tokens, *([] if told.following is None else [told.following]))
        rows = [0, 1, 2, told.kept][: len(told.tokens)]
        assert told.probabilities == pytest.approx(law[rows, list(told.tokens)].tolist(), abs=1e-6)
        higher = (own[rows] > own[rows, list(told.tokens)][:, None]).sum(dim=1)
        assert told.ranks == tuple((1 + higher).tolist())
        kinds.add(told.kept)
    assert kinds == {0, 1, 2, 3}


@pytest.mark.parametrize("rule", [Acceptance("fuzzy", 0.05), Acceptance("likely", 2.0), Acceptance("trusted", 0.8)])
def test_a_lossy_judge_keeps_what_it_tolerates(rule: Acceptance) -> None:
    """And tells what it would have written itself in each place; that follows where it tolerates no more."""
    kinds, tokens = set(), [0, 2, 4]
    for seed in range(20):
        guess, own = tables(seed)
        guess = own + 0.8 * (guess - own)
        told = settle(board_of(), own, tokens, guess, rule)
        choices = Sampler(Sampling(seed=9)).choose(own.softmax(dim=1), len(PROMPT))
        far = measured(rule.rule, own[:3], guess[:3], tokens)
        assert told.kept == tolerated(tokens, choices, far, rule.tau)
        assert told.following == choices[told.kept]
        rows, kept = range(told.kept), tokens[: told.kept]
        assert told.own == tuple(choices[: told.kept])
        assert told.lags == pytest.approx((own[rows, choices[: told.kept]] - own[rows, kept]).tolist(), abs=1e-6)
        kinds.add(told.kept)
    assert len(kinds) > 2


def test_a_bonus_only_where_there_is_room() -> None:
    """A token behind an end or past the limit would be said after the reply; one is due where nothing was proposed."""
    own = torch.full((4, VOCABULARY), -30.0)
    own[range(4), [0, 2, 3, 3]] = 0
    end = own.clone()
    end[1] = own[0].roll(1)
    sure = settle(board_of(), own, [0, 2], bonus=False)
    assert (sure.proposed, sure.kept, sure.following) == (2, 2, None)
    assert settle(board_of(), own, [0, 2]).following == 3
    assert settle(board_of(), own, [], bonus=False).following == 0
    assert settle(board_of(), end, [0, 1]).following is None
    assert settle(board_of(limit=4), own, [0, 2]).following is None
    assert settle(board_of(limit=2), own, []).following is None
