"""The kernels' laws and draws, as their reference on a CPU gives them, against the sampler that every level uses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from engine.config import Sampling
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.laws import Laws, draw, shape_laws
from engine.decoding.kernels.record import Drafts, Reading, Record
from engine.decoding.kernels.reference import choice, probabilities
from engine.decoding.laws import Sampler
from tests.engine.decoding.proposing import propose

CPU = torch.device("cpu")
PROMPT = [3, 5, 5, 9, 2, 40]


def desk(vocabulary: int, sampling: Sampling, limit: int = 64, rows: int = 8) -> tuple[Board, Laws]:
    board = Board.empty(64, vocabulary, CPU)
    board.write(PROMPT, 0)
    board.apply(sampling, frozenset({1}), limit, len(PROMPT))
    return board, Laws.empty(rows, vocabulary, CPU, torch.float32)


def start(position: int) -> torch.Tensor:
    return torch.tensor([position], dtype=torch.int32)


def logits(rows: int, vocabulary: int, seed: int = 1) -> torch.Tensor:
    """Return float32 logits that bf16 holds exactly, so that many tie."""
    return (torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * 2).bfloat16().float()


def law(laws: Laws, row: int, board: Board) -> torch.Tensor:
    """Return the whole law of a row."""
    return probabilities(laws, row, torch.arange(laws.raw.shape[1]), board)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1, top_p=1),
        Sampling(),
        Sampling(temperature=0, repetition_penalty=1.5),
        Sampling(temperature=1.3, top_p=1, top_k=17),
        Sampling(temperature=0.9, top_p=1, min_p=0.05),
        Sampling(temperature=1.4, top_p=0.9, top_k=60, min_p=0.02, repetition_penalty=1.3),
    ],
    ids=["plain", "default", "greedy", "top-k", "min-p", "all"],
)
@pytest.mark.parametrize("vocabulary", [50, 3000])
def test_laws_are_the_samplers(sampling: Sampling, vocabulary: int) -> None:
    """Exactness needs one definition of a law: ties, order of settings and each row's own past included."""
    board, laws = desk(vocabulary, replace(sampling, seed=8))
    propose(board, [7, 40, 8])
    x, sampler = logits(4, vocabulary), Sampler(replace(sampling, seed=8))
    tape = board.tape[:9].tolist()
    shape_laws(x, start(5), board, laws)
    expected = sampler.shape(x, tape, 6)
    assert torch.stack([law(laws, row, board) for row in range(4)]) == pytest.approx(expected, abs=2e-6)
    assert [choice(laws, row) for row in range(4)] == sampler.choose(expected, 6)
    assert torch.equal(laws.raw[:4], x)


def test_rows_without_a_place_are_left_out() -> None:
    """A pass that brings old positions up to date too writes neither before the round's first row nor past its last."""
    board, laws = desk(50, Sampling(), rows=2)
    x = logits(5, 50)
    shape_laws(x, start(3), board, laws)
    assert torch.equal(laws.raw, x[2:4])


def test_trimmed_columns_land_on_their_tokens() -> None:
    """A column taken for a token of the same number would draft another word; the others must get nothing."""
    ids = torch.tensor([3, 7, 9, 40, 41], dtype=torch.int32)
    sampling = Sampling(temperature=1, top_p=0.9, top_k=4, repetition_penalty=1.3, seed=2)
    board, laws = desk(50, sampling)
    x = logits(1, 8)
    full = torch.full((1, 50), -torch.inf).index_copy_(1, ids.long(), x[:, :5])
    laws.raw.fill_(9)
    shape_laws(x, start(5), board, laws, ids)
    expected = Sampler(sampling).shape(full, PROMPT, 6)
    assert law(laws, 0, board) == pytest.approx(expected[0], abs=2e-6)
    assert [choice(laws, 0)] == Sampler(sampling).choose(expected, 6)
    assert torch.equal(laws.raw[:1], full)


def test_drafting_stops_where_the_tape_says() -> None:
    """A token behind an end, past the limit or after an uncertain law must not be drafted; what was drawn stays."""
    sure = torch.full((1, 50), -20.0)
    sure[0, 8] = 20
    board, laws = desk(50, Sampling(), limit=9)
    record = Record.empty(CPU)

    def drafted(x: torch.Tensor, entropy: float | None = None) -> list[int]:
        at = int(board.length)
        for i in range(4):
            draw(x, board.length - 1, board, laws, record, entropy=entropy, first=i == 0)
        told = Reading(record.words).read()
        assert isinstance(told, Drafts)
        assert list(told.tokens) == board.tape[at : int(board.length)].tolist()
        return list(told.tokens)

    assert drafted(sure) == [8, 8, 8]  # the limit
    assert drafted(sure) == []
    board.write([2], 6)
    assert len(drafted(torch.zeros(1, 50), entropy=3.0)) == 1  # log(50) is 3.9
    board.write([2], 6)
    end = sure.roll(-7, dims=1)
    assert drafted(end) == [1]
    assert drafted(end) == []
    assert board.starts[0] == 8


def test_plain_decoding_settles_every_token() -> None:
    """Without a judge above nobody else would move the round's first row along."""
    board, laws = desk(50, Sampling(seed=1), rows=1)
    record = Record.empty(CPU)
    for i in range(20):
        draw(logits(1, 50, i), board.length - 1, board, laws, record, first=True, settle=True)
        told = Reading(record.words).read()
        assert isinstance(told, Drafts)
        assert told.ranks == (1 + int((laws.raw[0] > laws.raw[0, told.tokens[0]]).sum()),)
        assert told.probabilities == pytest.approx([float(law(laws, 0, board)[told.tokens[0]])])
        if int(board.idle):
            break
    assert board.base == board.length == board.starts[3]
