"""The sampling settings, against the textbook form of each and against transformers'."""

from __future__ import annotations

import pytest
import torch
from transformers.generation.logits_process import (
    LogitsProcessor,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from engine.config import Sampling
from engine.decoding.laws import Sampler

CPU = torch.device("cpu")
TAPE = [3, 5, 5, 9, 700, 2]


def shaped(logits: torch.Tensor, sampling: Sampling, mark: int = 6) -> torch.Tensor:
    return Sampler(sampling).shape(logits, TAPE, mark)


@pytest.mark.parametrize(
    ("sampling", "processor"),
    [
        (Sampling(temperature=0.6, top_p=1), TemperatureLogitsWarper(0.6)),
        (Sampling(temperature=1, top_p=1, top_k=17), TopKLogitsWarper(17)),
        (Sampling(temperature=1, top_p=0.8), TopPLogitsWarper(0.8)),
        (Sampling(temperature=1, top_p=0.999), TopPLogitsWarper(0.999)),
        (Sampling(temperature=1, top_p=1, min_p=0.1), MinPLogitsWarper(0.1)),
        (Sampling(temperature=1, top_p=1, repetition_penalty=1.3), RepetitionPenaltyLogitsProcessor(1.3)),
    ],
    ids=["temperature", "top-k", "top-p", "top-p, long tail", "min-p", "repetition"],
)
def test_each_setting_is_what_everybody_means_by_it(sampling: Sampling, processor: LogitsProcessor) -> None:
    """A setting that means something else here would surprise whoever moves a preset over."""
    logits = torch.randn(1, 2000, generator=torch.Generator().manual_seed(1)) * 3
    expected = processor(torch.tensor([TAPE]), logits.clone()).softmax(dim=1)
    assert shaped(logits, sampling) == pytest.approx(expected, abs=1e-6)


def test_greedy_is_a_one_hot_law() -> None:
    """Temperature 0 must put everything on the likeliest token, whatever else is set."""
    law = shaped(torch.tensor([[0.1, 2.0, 1.9]]), Sampling(temperature=0, top_p=0.5, top_k=2), 1)
    assert law.tolist() == [[0, 1, 0]]


def test_ties_with_the_last_token_kept_are_kept() -> None:
    """Which of two equal tokens a sort puts first is chance and differs between CPU and GPU; their laws must not."""
    logits = torch.tensor([[1.0, 3.0, 1.0, 2.0, 1.0, 0.0]])
    kept = [0, 1, 2, 3, 4]
    for sampling in (Sampling(temperature=1, top_p=0.92), Sampling(temperature=1, top_p=1, top_k=3)):
        law = shaped(logits, sampling, 1)
        assert law[0].nonzero().flatten().tolist() == kept
        assert law[0, kept] == pytest.approx(logits[0, kept].softmax(dim=0))


def test_a_law_of_some_tokens_is_that_of_all_with_the_others_ruled_out() -> None:
    """A drafter that speaks of few tokens: a penalty for the wrong ones, or a share that counts those it lacks."""
    tokens, dice = torch.tensor([2, 3, 9, 40, 41, 77, 800]), torch.Generator().manual_seed(4)
    logits = torch.randn(2, len(tokens), generator=dice) * 2
    wide = torch.full((2, 1000), -torch.inf).index_copy_(1, tokens, logits)
    for sampling in (
        Sampling(temperature=0, repetition_penalty=3),
        Sampling(temperature=1.5, top_p=0.9, repetition_penalty=1.4),
        Sampling(temperature=0.8, top_p=1, top_k=3, min_p=0.05),
    ):
        law = Sampler(sampling).shape(logits, TAPE, 5, tokens)
        assert law == pytest.approx(shaped(wide, sampling, 5)[:, tokens])


def test_rows_beside_it_change_nothing_of_a_row() -> None:
    """Heads of several lengths are looked at; a row gets what it gets alone, or replies would hang on windows."""
    peaks = torch.tensor([30.0, 4.0, 3.0, 1.0, 0.0])[:, None]
    logits = torch.randn(5, 9000, generator=torch.Generator().manual_seed(2)) * peaks
    rows = shaped(logits, Sampling(temperature=1, top_p=0.95), 1)
    kept = rows.count_nonzero(dim=1).tolist()
    assert kept[0] < 64 < kept[1] < 512 < kept[2] < 4096 < kept[3] < kept[4] == 9000
    for row, alone in zip(rows, logits, strict=True):
        assert row.equal(shaped(alone[None], Sampling(temperature=1, top_p=0.95), 1)[0])


def test_rows_see_only_their_own_past() -> None:
    """The penalty of a drafted token must not reach the rows before it, or judge and proposer differ in history."""
    logits = torch.ones(3, 1000)
    rows = shaped(logits, Sampling(temperature=1, top_p=1, repetition_penalty=2.0), 4)
    alone = [
        shaped(logits[:1], Sampling(temperature=1, top_p=1, repetition_penalty=2.0), mark)[0] for mark in (4, 5, 6)
    ]
    assert rows == pytest.approx(torch.stack(alone))
    assert rows[0, 700] > rows[1, 700]
    assert rows[1, 2] > rows[2, 2]


def test_same_seed_same_draws() -> None:
    """A reply can be had again only if every draw comes from its seed, and from nothing that happened before."""
    laws = torch.rand(20, 50, generator=torch.Generator().manual_seed(1))

    def draws(seed: int | None) -> list[int]:
        return Sampler(Sampling(seed=seed)).choose(laws, 7)

    assert draws(4) == draws(4) != draws(5)
    assert draws(-4) == draws(-4) != draws(4)
    assert draws(None) != draws(None)
    sampler = Sampler(Sampling(seed=4))
    assert [sampler.choose(laws[i : i + 1], 7 + i)[0] for i in reversed(range(20))] == draws(4)[::-1]
