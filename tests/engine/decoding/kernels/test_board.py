"""The device's tape on a CPU: what counts, what was rolled back, where a pass begins, what the host reads."""

from __future__ import annotations

import random

import pytest
import torch

from engine.config import Sampling
from engine.decoding.kernels.board import NEVER, Board
from engine.decoding.kernels.record import Drafts, Reading, Record
from engine.decoding.kernels.rows import keep, open_pass, open_rows, recall
from engine.decoding.kernels.sources import RING
from tests.engine.decoding.proposing import propose

CPU = torch.device("cpu")


def seen(board: Board, position: int) -> set[int]:
    """Return the tokens that count as occurring before ``position``, by the rule every kernel follows."""
    return {v for v, f in enumerate(board.first.tolist()) if f < position and int(board.tape[f]) == v}


def test_first_occurrences_survive_any_rollback() -> None:
    """An entry left by a token that was rolled back would penalise what the reply never said, or miss what it said."""
    dice, board, tape = random.Random(1), Board.empty(64, 12, CPU), list[int]()
    for _ in range(300):
        at = dice.randint(0, len(tape))
        tokens = [dice.randrange(12) for _ in range(dice.randint(0, 60 - at))]
        if dice.random() < 0.5:
            board.write(tokens, at)
        else:
            board.length.fill_(at)  # as a verdict rolls back
            propose(board, tokens)
            assert board.starts[0] == at
        tape = tape[:at] + tokens
        assert board.tape[: int(board.length)].tolist() == tape
        for position in range(len(tape) + 1):
            assert seen(board, position) == set(tape[:position])


def test_what_is_written_is_settled_and_what_is_appended_is_not() -> None:
    """A round that begins at the wrong length puts every law in another position's row."""
    board = Board.empty(20, 9, CPU)
    assert set(board.first.tolist()) == {NEVER}
    board.write([3, 4, 5], 0)
    propose(board, [6, 6])
    assert (board.length.item(), board.base.item(), board.starts.tolist()) == (5, 3, [3] * 8)
    board.write([7], 2)
    assert (board.length.item(), board.base.item(), board.starts.tolist()) == (3, 3, [3] * 8)
    with pytest.raises(ValueError, match="tape of 20"):
        board.write([1] * 18, 3)
    with pytest.raises(ValueError, match="token 9"):
        propose(board, [9])


def test_seeds() -> None:
    """A seed must be the same key again; no seed must not."""
    board, other = Board.empty(8, 9, CPU), Board.empty(8, 9, CPU)
    assert board.key != other.key
    board.apply(Sampling(seed=-5), frozenset(), 8, 0)
    other.apply(Sampling(seed=-5), frozenset(), 8, 0)
    assert torch.equal(board.key, other.key)
    with pytest.raises(ValueError, match="17 end tokens"):
        board.apply(Sampling(), frozenset(range(17)), 8, 0)


def test_a_pass_begins_with_the_last_tokens() -> None:
    """A start off by one gives every token its neighbour's position; a resting drafter must not move it."""
    board, table, start, record = Board.empty(20, 9, CPU), torch.randn(9, 8), torch.zeros(1).int(), Record.empty(CPU)
    board.write([3, 4, 5, 6], 0)
    assert torch.equal(open_pass(board, table, 2, start, record), table[[5, 6]])
    assert start == 2
    propose(board, [7])
    board.idle.fill_(1)
    assert torch.equal(open_pass(board, table, 1, start, record, idle=True), table[[5]])
    assert start == 2
    assert torch.equal(open_pass(board, table, 1, start, None), table[[7]])
    assert open_pass(board, table, 7, start, None).shape == (7, 8)
    assert start == 0
    with pytest.raises(ValueError, match="16 bytes"):
        open_pass(board, torch.randn(9, 3), 1, start, None)


def test_states_are_recalled_by_position() -> None:
    """A ring read at its slots instead of its positions gives back another token's state once it has gone round."""
    end = RING + 88
    board, ring, start = Board.empty(2 * RING, 9, CPU), torch.zeros(RING, 4), torch.zeros(1).int()
    for position in range(0, end, 3):
        start.fill_(position)
        keep(ring, start, torch.arange(position, position + 3.0)[:, None].expand(3, 4))
    board.write([1] * end, 0)
    assert recall(ring, board, 5, start, None)[:, 0].tolist() == [*range(end - 5, end)]
    assert start == end - 5


def test_rows_pair_what_was_made_of_a_token_with_the_one_behind_it() -> None:
    """Features and embedding off by one against each other, and a drafter never learns anything."""
    end, rings, starts = RING + 56, [torch.zeros(RING, 8), torch.zeros(RING, 8)], torch.zeros(2).int()
    board, table = Board.empty(2 * RING, 2 * RING, CPU), torch.arange(2.0 * RING)[:, None].expand(2 * RING, 4)
    for position in range(end):
        for at, ring in enumerate(rings):
            keep(ring, torch.tensor([position]), torch.full((1, 8), 1000.0 * at + position))
    board.write(list(range(end)), 0)
    hidden, states = open_rows(board, table, rings, 3, starts, None)
    assert (starts.tolist(), hidden[:, 0].tolist()) == ([end - 4, end - 3], [end - 3, end - 2, end - 1])
    assert states[:, [0, 15]].tolist() == [[row, 1000 + row] for row in range(end - 4, end - 1)]
    _, apart = open_rows(board, table, rings, 3, starts, None, apart=True)
    assert torch.equal(torch.cat([*apart], dim=1), states)
    board.idle.fill_(1)
    board.length.fill_(60)
    hidden, nothing = open_rows(board, table, [], 1, starts, None, idle=True)
    assert (starts.tolist(), hidden[:, 0].tolist()) == ([end - 4, end - 3], [end - 3])
    assert nothing.numel() == 0
    starts.fill_(70)
    hidden, states = open_rows(board, table, rings, 3, starts, None, placed=True)
    assert (starts.tolist(), hidden[:, 0].tolist(), states[:, 0].tolist()) == ([70, 70], [71, 72, 73], [70, 71, 72])
    board.length.fill_(2)  # shorter than the rows asked for
    hidden, states = open_rows(board, table, rings, 3, starts, None)
    assert (starts.tolist(), hidden[0, 0].item(), states[0, 0].item()) == ([0, 1], 1, RING)


def test_an_untouched_record_tells_nothing() -> None:
    """A stage that was never run must not hand up the tokens of memory."""
    assert Reading(Record.empty(CPU).words).read() == Drafts((), (), (), ())
