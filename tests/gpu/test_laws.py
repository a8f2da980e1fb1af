"""Laws, draws, verdicts and the device's tape, against the same in torch on a CPU."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass, replace

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from engine.config import Acceptance, Rule, Sampling
from engine.decoding.kernels import reference
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.judge import judge
from engine.decoding.kernels.laws import Laws, draw, shape_laws
from engine.decoding.kernels.lookup import look_up
from engine.decoding.kernels.record import Drafts, Reading, Record, Verdict
from engine.decoding.kernels.rows import keep, open_pass, open_rows, recall
from tests.engine.decoding.proposing import propose

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CPU, GPU = torch.device("cpu"), torch.device("cuda")
BOTH = (CPU, GPU)
ROOM, ROWS = 256, 16
SETTINGS = {
    "plain": Sampling(temperature=1, top_p=1),
    "greedy": Sampling(temperature=0, repetition_penalty=1.3),
    "default": Sampling(),
    "hot": Sampling(temperature=2.5, top_p=0.98),
    "cold": Sampling(temperature=0.05, top_p=0.9),
    "top-k": Sampling(temperature=0.8, top_k=40, top_p=1),
    "all": Sampling(temperature=1.2, top_k=300, top_p=0.8, min_p=0.02, repetition_penalty=1.4),
    "min-p": Sampling(temperature=1.5, top_p=1, min_p=0.05),
}


@dataclass(slots=True, eq=False)
class Desk:
    """One device's side of a reply: a board, two levels' laws, and what they tell."""

    board: Board
    laws: list[Laws]
    start: Tensor
    told: Record

    @classmethod
    def of(cls, device: torch.device, vocabulary: int, sampling: Sampling, limit: int = ROOM) -> Desk:
        board = Board.empty(ROOM, vocabulary, device)
        prompt = [(7 * i) % vocabulary for i in range(40)]
        board.write(prompt, 0)
        board.apply(replace(sampling, seed=sampling.seed or 12345), frozenset({1}), limit, len(prompt))
        laws = [Laws.empty(ROWS, vocabulary, device, torch.bfloat16) for _ in range(2)]
        start = torch.full((1,), len(prompt) - 1, dtype=torch.int32, device=device)
        return cls(board, laws, start, Record.empty(device))

    def tape(self) -> list[int]:
        return self.board.tape[: int(self.board.length)].tolist()

    def law(self, index: int, rows: int) -> tuple[Tensor, list[int]]:
        """Return the laws [rows, vocabulary] that level ``index`` keeps, and the draws, read on the CPU."""
        board, laws = self.board, self.laws[index]
        here = Board.empty(len(board.tape), len(board.first), CPU)
        for to, given in ((here.words, board.words), (here.tape, board.tape), (here.first, board.first)):
            to.copy_(given)
        kept = Laws(laws.raw.cpu(), laws.shaped.cpu())
        everything = torch.arange(laws.raw.shape[1])
        rows_of = [reference.probabilities(kept, row, everything, here) for row in range(rows)]
        return torch.stack(rows_of), [reference.choice(kept, row) for row in range(rows)]


def close(desks: list[Desk], index: int, rows: int) -> bool:
    """Tell whether both desks keep the same laws, rounding apart, and drew the same."""
    (a, drawn), (b, also) = (desk.law(index, rows) for desk in desks)
    same_raw = torch.equal(desks[0].laws[index].raw, desks[1].laws[index].raw.cpu())
    return same_raw and drawn == also and bool((a - b).abs().max() < 1e-6)


def logits(rows: int, vocabulary: int, seed: int, scale: float = 3.0) -> Tensor:
    """Return bf16 logits with many ties and a peak or two a row."""
    dice = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, vocabulary, generator=dice) * scale
    x[:, vocabulary // 3] += 2 * scale
    return x.bfloat16()


def alike(desks: list[Desk]) -> bool:
    """Tell whether both desks' tapes and records say the same, rounding of probabilities and the times apart."""
    (a, p), (b, q) = (told(desk) for desk in desks)
    same = all(torch.equal(x.cpu(), y.cpu()) for x, y in zip(*(parts(desk) for desk in desks), strict=True))
    return same and a == b and p == pytest.approx(q, abs=2e-6)


def parts(desk: Desk) -> list[Tensor]:
    board = desk.board
    length = int(board.length)
    return [board.tape[:length], board.length, board.base, board.idle, board.starts, board.first, board.key]


def told(desk: Desk) -> tuple[tuple[object, ...], tuple[float, ...]]:
    """Return what a desk's record says, the probabilities apart."""
    said = Reading(desk.told.words.cpu()).read()
    if isinstance(said, Drafts):
        assert all(began < ended for began, ended in said.stamps)
        return (said.tokens, said.ranks), said.probabilities
    assert said.ended > 0
    return (said.kept, said.following, said.tokens, said.ranks, said.own), (*said.probabilities, *said.lags)


@pytest.mark.parametrize("vocabulary", [7, 96, 12288, 128256])
@pytest.mark.parametrize("name", SETTINGS)
def test_laws(vocabulary: int, name: str) -> None:
    """A wrong threshold, tie, tail of a row, row of the past or draw shows against torch in float64."""
    for rows, scale in ((1, 3.0), (16, 0.5)):
        x, desks = logits(rows, vocabulary, rows, scale), [Desk.of(on, vocabulary, SETTINGS[name]) for on in BOTH]
        for desk in desks:
            propose(desk.board, [2, 3, 2][: min(3, vocabulary - 4)])
            shape_laws(x.to(desk.start.device), desk.start, desk.board, desk.laws[0])
        assert close(desks, 0, rows)


def test_a_row_gets_what_it_gets_alone() -> None:
    """A draw that depends on how many rows run makes replies depend on windows."""
    for sampling in SETTINGS.values():
        one, all_ = (Desk.of(GPU, 12288, sampling) for _ in range(2))
        x = logits(16, 12288, 3, 1.0).to(GPU)
        shape_laws(x, all_.start, all_.board, all_.laws[0])
        for row in range(16):
            shape_laws(x[row : row + 1], one.start + row, one.board, one.laws[0])
        assert torch.equal(one.laws[0].shaped, all_.laws[0].shaped)


@pytest.mark.parametrize("temperature", [0.7, 1.5])
def test_draws_follow_the_law(temperature: float) -> None:
    """Chi-square over 9600 positions and keys of one law."""
    desk = Desk.of(GPU, 40, Sampling(temperature=temperature, top_p=0.95))
    x, counts = logits(1, 40, 8, 1.0).expand(16, -1).contiguous().to(GPU), Counter[int]()
    for key in range(600):
        desk.board.key.fill_(key)
        shape_laws(x, desk.start, desk.board, desk.laws[0])
        counts.update((~desk.laws[0].shaped[:, 0] & 0xFFFFFFFF).tolist())
    law = desk.law(0, 1)[0][0].double()
    likely = law.nonzero()[:, 0].tolist()
    assert set(counts) <= set(likely)
    expected = (law[likely] / law.sum() * 9600).tolist()
    assert chisquare([counts[token] for token in likely], expected).pvalue > 1e-4


@pytest.mark.parametrize("name", ["default", "all", "greedy"])
def test_trimmed_laws(name: str) -> None:
    """Columns that speak of some tokens only must land on those, the penalty too, and all others get nothing."""
    vocabulary, ids = 5000, torch.arange(3, 5000, 7, dtype=torch.int32)
    desks = [Desk.of(on, vocabulary, SETTINGS[name]) for on in BOTH]
    x = logits(3, len(ids) + 5, 1)
    for desk in desks:
        on = desk.start.device
        desk.laws[0].raw.fill_(9)
        shape_laws(x.to(on), desk.start, desk.board, desk.laws[0], ids.to(on))
        draw(x[:1].to(on), desk.start, desk.board, desk.laws[1], desk.told, ids=ids.to(on), first=True)
    assert close(desks, 0, 3)
    assert alike(desks)


@pytest.mark.parametrize("vocabulary", [7, 12288])
@pytest.mark.parametrize("name", ["greedy", "default", "all"])
@pytest.mark.parametrize("bad", [float("nan"), -float("nan"), float("inf")], ids=["nan", "-nan", "inf"])
def test_logits_that_are_no_numbers(vocabulary: int, name: str, bad: float) -> None:
    """An id past the vocabulary; or a law that looks like one. -inf for all is no number either."""
    for row in (0, 2):
        x = logits(3, vocabulary, 5)
        x[row, vocabulary - 2] = bad
        if bad == float("inf") and row == 2:
            x[row] = -float("inf")
        desks = [Desk.of(on, vocabulary, SETTINGS[name]) for on in BOTH]
        for desk in desks:
            on = desk.start.device
            shape_laws(x.to(on), desk.start, desk.board, desk.laws[0])
            draw(x[row : row + 1].to(on), desk.start, desk.board, desk.laws[1], desk.told, first=True)
        (a, drawn), (b, also) = (desk.law(0, 3) for desk in desks)
        assert drawn == also
        assert (a - b).abs().max() < 1e-6
        assert b.max() == 2
        said = Reading(desks[1].told.words.cpu()).read()
        assert said.probabilities == (2.0,)
        assert isinstance(said, Drafts)
        assert 0 <= said.tokens[0] < vocabulary


def test_equal_logits() -> None:
    """More ties than a CTA can hold must end the search, not the process; all of them are kept."""
    desk = Desk.of(GPU, 50_000, Sampling(temperature=1, top_k=5, top_p=0.5))
    shape_laws(torch.ones(1, 50_000, device=GPU).bfloat16(), desk.start, desk.board, desk.laws[0])
    assert desk.law(0, 1)[0][0] == pytest.approx(torch.full((50_000,), 2e-5), rel=1e-5)


@pytest.mark.parametrize("vocabulary", [7, 96, 12288, 128256])
@pytest.mark.parametrize("name", ["plain", "default", "all", "greedy"])
def test_draws(vocabulary: int, name: str) -> None:
    """The same key draws what the reference draws, and stops where it stops: ends, limit and uncertainty."""
    desks = [Desk.of(on, vocabulary, SETTINGS[name], limit=40 + 50) for on in BOTH]
    for turn in range(12):
        for i in range(5):
            x = logits(2, vocabulary, 10 * turn + i, 1.0 + turn % 3 * 2)
            for desk in desks:
                desk.start.copy_(desk.board.length - 2)
                sources = (desk.board, desk.laws[0], desk.told)
                draw(x.to(desk.start.device), desk.start, *sources, entropy=5.0, first=i == 0, settle=turn % 4 == 3)
        assert alike(desks)
        for desk in desks:
            length = max(41, int(desk.board.length) - 2)  # an end, and a rollback
            desk.board.write(desk.board.tape[length - 1 : length].tolist(), length - 1)


RULES = {  # and what each tolerates of a small vocabulary and of a large one, so that some windows are kept whole
    "exact": (0.0, 0.0),
    "fuzzy": (0.01, 0.01),
    "likely": (0.5, 3.0),
    "trusted": (0.4, 0.9),
}
PROPOSERS = ["near", "far", "trimmed", "lookup"]


@pytest.mark.parametrize("vocabulary", [7, 12288])
@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("proposer", PROPOSERS)
def test_verdicts(vocabulary: int, rule: Rule, proposer: str) -> None:
    """Rows, comparisons and the tape behind them: a verdict that differs from the reference's is a wrong reply."""
    desks = [Desk.of(on, vocabulary, Sampling(temperature=1, seed=5)) for on in BOTH]
    noise = {"near": 0.3, "far": 3.0, "trimmed": 0.3, "lookup": 0.0}[proposer]
    outcomes = set()
    for turn, bonus in itertools.product(range(20), (True, False)):
        n = turn % 8
        x = logits(n + 1, vocabulary, turn).float()
        y = x + noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(turn))
        if proposer == "trimmed":
            y[:, 1::4] = -torch.inf
        for desk in desks:
            on, sure = desk.start.device, proposer == "lookup"
            desk.board.write([turn % 7, (3 * turn) % 5 + 2], 41)
            mark = int(desk.board.length)
            if sure:
                propose(desk.board, x[:n].argmax(dim=1).tolist())
            for i in range(0 if sure else n):
                desk.start.fill_(mark + i - 1)
                levels = (desk.board, desk.laws[0], desk.told)
                draw(y[i : i + 1].bfloat16().to(on), desk.start, *levels, first=i == 0)
            desk.start.fill_(mark - 1)
            shape_laws(x.bfloat16().to(on), desk.start, desk.board, desk.laws[1])
            if n == 0:
                propose(desk.board, [])
            guess, acceptance = None if sure else desk.laws[0], Acceptance(rule, RULES[rule][vocabulary > 7])
            options = {"bonus": bonus, "top": turn % 2 == 0}
            judge(1, desk.board, desk.laws[1], desk.told, acceptance=acceptance, guess=guess, **options)
        assert alike(desks)
        said = Reading(desks[0].told.words).read()
        assert isinstance(said, Verdict)
        outcomes.add(said.kept == said.proposed)
    assert len(outcomes) == 2


def test_passes_begin_with_the_right_rows() -> None:
    """A position off by one, or a ring slot of another position, gives a pass another token's state."""
    table = torch.randn(96, 64).bfloat16()
    for tokens in (1, 5):
        given = []
        for on in BOTH:
            desk, ring = Desk.of(on, 96, Sampling()), torch.zeros(64, 64, device=on).bfloat16()
            hidden = open_pass(desk.board, table.to(on), tokens, desk.start, desk.told)
            keep(ring, desk.start, hidden)
            propose(desk.board, [5, 6])
            keep(ring, desk.start + tokens, open_pass(desk.board, table.to(on), 2, torch.zeros_like(desk.start), None))
            seen = recall(ring, desk.board, tokens + 1, desk.start, desk.told)
            desk.board.idle.fill_(1)
            again = open_pass(desk.board, table.to(on), 1, desk.start, desk.told, idle=True)
            rings, starts = [ring, ring * 2, ring + 1], torch.zeros(2, dtype=torch.int32, device=on)
            rows = [
                open_rows(desk.board, table.to(on), rings, tokens, starts, desk.told, apart=apart)
                for apart in (False, True)
            ]
            rows.append(open_rows(desk.board, table.to(on), [], 1, starts, desk.told, idle=True))
            given.append([x.cpu() for x in (hidden, seen, again, desk.start, starts, *itertools.chain(*rows))])
        assert all(torch.equal(a, b) for a, b in zip(*given, strict=True))


@pytest.mark.parametrize("vocabulary", [7, 40])
def test_copies_are_those_of_the_search(vocabulary: int) -> None:
    """A place off by one, an end that is copied past, or a first occurrence that is lost: seen beside the reference."""
    dice, desks = random.Random(vocabulary), [Desk.of(on, vocabulary, Sampling(), 200) for on in BOTH]
    counts = set()
    for turn in range(200):
        length = dice.randint(1, 198)
        tokens = [dice.randrange(vocabulary) for _ in range(length)]
        longest, most = 1 + turn % 4, dice.randint(0, 15)
        for desk in desks:
            desk.board.write(tokens, 0)
            look_up(desk.board, desk.told, longest, min(longest, 1 + turn % 2), most)
        assert alike(desks)
        counts.add(len(desks[0].tape()) - length)
    assert {0, 1, 2, 3} <= counts


def test_a_captured_round_replayed() -> None:
    """In a graph every step reads what the steps before left; the same seed replays to the same reply."""
    vocabulary, width = 12288, 64
    dice = torch.Generator().manual_seed(1)
    table = torch.randn(vocabulary, width, generator=dice).bfloat16().to(GPU)
    heads = [(torch.randn(width, vocabulary, generator=dice) * 0.4).bfloat16().to(GPU) for _ in range(2)]
    heads[0] = (heads[1].float() + 0.5 * heads[0].float()).bfloat16()
    desk, drafts = Desk.of(GPU, vocabulary, Sampling(seed=3, repetition_penalty=1.1)), Record.empty(GPU)

    def one_round() -> None:
        for i in range(4):
            x = open_pass(desk.board, table, 1, desk.start, drafts, idle=i > 0) @ heads[0]
            draw(x, desk.start, desk.board, desk.laws[0], drafts, entropy=6.0, first=i == 0)
        x = open_pass(desk.board, table, 5, desk.start, desk.told) @ heads[1]
        shape_laws(x, desk.start, desk.board, desk.laws[1])
        judge(1, desk.board, desk.laws[1], desk.told, top=True)

    def replies(run: object) -> list[int]:
        desk.board.write(list(range(40)), 0)
        desk.board.apply(Sampling(seed=3, repetition_penalty=1.1), frozenset({1}), 200, 40)
        for _ in range(120):
            run()  # type: ignore[operator]
        return desk.tape()

    eager = replies(one_round)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        one_round()
    assert len(eager) >= 200 or eager[-1] == 1
    assert replies(graph.replay) == eager
    assert replies(graph.replay) == eager
