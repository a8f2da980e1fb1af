"""Verdicts as the kernels' reference gives them, against the rules of engine.decoding.acceptance and the exact law."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor

from engine.config import Sampling
from engine.model.kernels.board import Board
from engine.model.kernels.judge import Rule, judge
from engine.model.kernels.record import Reading, Record, Verdict

CPU = torch.device("cpu")
VOCABULARY, PROMPT = 5, [2, 3]
LEAST = 1e-4  # chance of a false alarm


def tables(seed: int, rows: int = 4) -> tuple[Tensor, Tensor]:
    """Return logits of proposer and judge, [rows, VOCABULARY] each, apart enough to be vetoed often."""
    dice = torch.Generator().manual_seed(seed)
    own = torch.randn(rows, VOCABULARY, generator=dice)
    return own + torch.randn(rows, VOCABULARY, generator=dice), own


def settle(board: Board, own: Tensor, guess: Tensor | None, tokens: list[int], rule: Rule, **options: bool) -> Verdict:
    """Propose ``tokens`` and judge them once."""
    board.write(PROMPT, 0)
    board.append(tokens)
    laws, record = (None if guess is None else guess.softmax(dim=1)), Record.empty(CPU)
    judge(1, True, board, laws, own.softmax(dim=1), guess, own, record, rule=rule, tau=0.05, **options)
    told = Reading(record.words).read()
    assert isinstance(told, Verdict)
    return told


def board_of(limit: int = 16) -> Board:
    board = Board.empty(16, VOCABULARY, CPU)
    board.apply(Sampling(seed=9), frozenset({1}), limit, len(PROMPT))
    return board


@pytest.mark.parametrize("rule", ["block", "token"])
def test_what_stands_has_the_judges_law(rule: Rule) -> None:
    """The first two tokens of a reply must be the judge's own, however bad the proposer is; chi-square."""
    guess, own = tables(5)
    board, dice, counts = board_of(), torch.Generator().manual_seed(2), torch.zeros(VOCABULARY, VOCABULARY)
    proposer, target, runs = guess.softmax(dim=1), own.double().softmax(dim=1), 1500
    for _ in range(runs):
        tokens = [int(proposer[i].multinomial(1, generator=dice)) for i in range(2)]
        settle(board, own, guess, tokens, rule)
        reply = board.tape[2 : int(board.length)].tolist()
        if len(reply) < 2:
            reply.append(int(target[1].multinomial(1, generator=dice)))
        counts[reply[0], reply[1]] += 1
    law = (target[0][:, None] * target[1]).flatten()
    assert stats.chisquare(counts.flatten().numpy(), (law / law.sum() * runs).numpy()).pvalue > LEAST


def test_the_tape_takes_the_verdict() -> None:
    """Tokens vetoed but left on the tape, or a round begun at the old length, would be part of the reply."""
    board, kinds = board_of(), set()
    for seed in range(40):
        guess, own = tables(seed)
        told = settle(board, own, guess, [0, 2, 4], "block")
        reply = [*[0, 2, 4][: told.kept], told.following]
        assert board.tape[: int(board.length)].tolist() == PROMPT + reply
        assert board.base == board.starts[0] == board.length
        assert told.tokens == (0, 2, 4, told.following)
        rows = [0, 1, 2, told.kept]
        assert told.probabilities == pytest.approx(own.softmax(dim=1)[rows, list(told.tokens)].tolist())
        higher = (own[rows] > own[rows, list(told.tokens)][:, None]).sum(dim=1)
        assert told.ranks == tuple((1 + higher).tolist())
        kinds.add(told.kept)
    assert kinds == {0, 1, 2, 3}


def test_a_bonus_only_where_there_is_room() -> None:
    """A token behind an end or past the limit would be said after the reply; one is due where nothing was proposed."""
    own = torch.zeros(4, VOCABULARY)
    sure = settle(board_of(), own, own, [0, 2], "block", bonus=False)
    assert (sure.proposed, sure.kept, sure.following) == (2, 2, None)
    assert settle(board_of(), own, own, [0, 2], "block").following is not None
    assert settle(board_of(), own, own, [], "block", bonus=False).following is not None
    assert settle(board_of(), own, own, [0, 1], "block").following is None
    assert settle(board_of(limit=4), own, own, [0, 2], "block").following is None
    assert settle(board_of(limit=2), own, own, [], "block").following is None
