"""Lossy rules: what each keeps, the law that follows from it, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

import pytest
import torch

from engine.config import Acceptance, Rule, Sampling, Window
from engine.config.acceptance import LOOSEST
from engine.decoding.acceptance import averaged, divergence, doubt, highest, measured, surprise, tolerated
from engine.decoding.facts import Judged
from engine.decoding.hierarchy import Autoregressive, Drafter, Verifier
from engine.decoding.laws import Sampler
from engine.decoding.tape import Tape
from tests.engine.decoding.tables import Table, distance, every_path, law_of, reply

PROMPT = (0, 1, 0)
LOSSY = [rule for rule in get_args(Rule) if rule != "exact"]
TAUS = {"fuzzy": 0.04, "likely": 0.7, "trusted": 0.6}  # at which the tables below keep some and reject some


def chain(levels: Sequence[Table], acceptance: Acceptance, sampler: Sampler, window: int = 3, **how: bool) -> Drafter:
    """Stack ``levels``, all of whose judges follow ``acceptance``."""
    made: Drafter = Autoregressive(levels[0], Window(window), sampler)
    for level in levels[1:]:
        made = Verifier(level, made, Window(1), sampler, acceptance=acceptance, **how)
    return made


def tables(count: int, vocabulary: int, seed: int) -> list[Table]:
    return [Table(i, vocabulary, seed * 10 + i) for i in range(count)]


class Where(Table):
    """The target where it parts from the draft by more than ``tau``, the draft elsewhere."""

    def __init__(self, draft: Table, target: Table, tau: float) -> None:
        super().__init__(9, draft.vocabulary, 0)
        self.draft, self.target, self.tau, self.near = draft, target, tau, set[bool]()

    def law(self, prefix: Sequence[int]) -> list[float]:
        q, p = self.draft.law(prefix), self.target.law(prefix)
        apart = divergence(torch.tensor([p]).log(), torch.tensor([q]).log())
        near = bool(apart <= self.tau)
        self.near.add(near)
        return q if near else p


@pytest.mark.parametrize("window", [1, 3])
def test_the_law_of_a_fuzzy_reply(window: int) -> None:
    """It is known: the draft's law where the two are near, the target's elsewhere; every outcome of the noise."""
    draft, target = tables(2, 2, seed=3)
    rule = Acceptance("fuzzy", TAUS["fuzzy"])
    law = every_path(lambda fork: reply(chain((draft, target), rule, fork, window, bonus=False), PROMPT, 4))
    mixed = Where(draft, target, rule.tau)
    assert distance(law, dict(law_of(mixed, PROMPT, 4))) < 2e-6
    assert mixed.near == {True, False}
    assert distance(law, dict(law_of(target, PROMPT, 4))) > 0.01, "or the rule is not lossy here"


@pytest.mark.parametrize("rule", LOSSY)
def test_what_is_told_is_what_the_target_would_have_written(rule: Rule) -> None:
    """The count of others' tokens is the whole claim about a lossy answer: each is checked against the target alone."""
    levels, others, all_ = tables(3, 3, seed=4), 0, 0
    for key in range(12):
        sampler = Sampler(Sampling(temperature=1, top_p=1, seed=key))
        tape, mark = Tape(PROMPT, limit=23), len(PROMPT)
        running = chain(levels, Acceptance(rule, TAUS[rule]), sampler)
        while not tape.full:
            facts = [fact for fact in running.draft(tape) if isinstance(fact, Judged) and fact.level == 2]
            for fact in filter(lambda fact: fact.kept, facts):
                alone = levels[-1].laws(tape, mark, fact.kept)
                own = sampler.choose(alone.probs, mark)
                assert list(fact.own) == own
                kept = tape[mark : mark + fact.kept]
                rows = list(range(fact.kept))
                assert alone.logits is not None
                lags = alone.logits[rows, own] - alone.logits[rows, kept]
                assert list(fact.lags) == pytest.approx(lags.tolist(), abs=1e-5)
                others += sum(a != b for a, b in zip(own, kept, strict=True))
                all_ += fact.kept
            mark = len(tape)
    assert 0 < others < all_


def rounds(rule: Acceptance, keys: int = 4, length: int = 24) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield replies and how many passes of the target each took."""
    draft, target = tables(2, 3, seed=7)
    for key in range(keys):
        sampler = Sampler(Sampling(temperature=1, top_p=1, seed=key))
        tape, passes = Tape(PROMPT, limit=len(PROMPT) + length), 0
        running = chain((draft, target), rule, sampler)
        while not tape.full:
            passes += sum(isinstance(fact, Judged) for fact in running.draft(tape))
        yield tuple(tape[len(PROMPT) : len(PROMPT) + length]), passes


@pytest.mark.parametrize("rule", LOSSY)
def test_the_dial(rule: Rule) -> None:
    """At 0 it is exact, in as many passes: a rule that vetoes its judge's own choices would need more."""
    exact = list(rounds(Acceptance()))
    assert list(rounds(Acceptance(rule))) == exact
    loosest = list(rounds(Acceptance(rule).at(1, top=True)))
    assert sum(passes for _, passes in loosest) < sum(passes for _, passes in exact)


def test_a_dial_is_what_papers_tolerate_at_most() -> None:
    """Guards: a middle that is looser than the target, which PyramidSD found worst."""
    for rule in LOSSY:
        middle, top = (Acceptance(rule).at(1, top=top) for top in (False, True))
        assert (middle.tau, top.tau) == LOOSEST[rule]
        assert 0 < middle.tau <= top.tau
        assert Acceptance(rule).at(0, top=True).lossless


def test_the_arithmetic_of_each_rule() -> None:
    """Worked by hand: the sums of the papers, not what the code happens to say."""
    assert averaged([1.0, 4.0, 0.0]) == pytest.approx([0.8, 3.36, 0.672])
    assert highest([0.1, 0.7, 0.3]) == [0.1, 0.7, 0.7]
    law = torch.tensor([[0.6, 0.3, 0.1], [0.4, 0.4, 0.2]]).log()
    assert doubt(law).tolist() == pytest.approx([0.7, 1.0], abs=1e-6)
    assert surprise(law, [1, 2]).tolist() == pytest.approx([1.2040, 1.6094], abs=1e-4)
    p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]])
    m = [0.7, 0.3]
    by_hand = sum(
        each * (torch.tensor(each).log() - (a * b).log() / 2) for each, a, b in zip(m, p[0], q[0], strict=True)
    )
    assert divergence(p.log(), q.log()).item() == pytest.approx(float(by_hand), abs=1e-6)
    assert tolerated([3, 4, 5], [3, 9, 5], [9.0, 0.1, 9.0], 0.1) == 3, "own choices are kept however far"
    assert tolerated([3, 4, 5], [3, 9, 5], [0.0, float("nan"), 0.0], 0.1) == 1
    assert measured("likely", law, law, [0, 0]) == pytest.approx(averaged([0.5108, 0.9163]), abs=1e-4)


def test_a_sure_guesser_is_trusted_until_it_doubts() -> None:
    """Behind its first doubtful token the target decides, as the suffix of a draft goes to it in TriSpec."""
    sure, unsure = [8.0, 0.0, 0.0], [1.0, 0.9, 0.0]
    far = measured("trusted", torch.zeros(3, 3), torch.tensor([sure, unsure, sure]), [0, 0, 0])
    assert tolerated([0, 0, 0], [1, 0, 1], far, 0.5) == 2
    assert tolerated([0, 0, 0], [1, 1, 0], far, 0.5) == 1


def test_with_everything_kept_a_reply_is_the_drafts() -> None:
    """So the enumeration is able to see what a rule does."""
    draft, target = tables(2, 2, seed=3)
    loose = Acceptance("fuzzy", 100.0)
    law = every_path(lambda fork: reply(chain((draft, target), loose, fork, bonus=False), PROMPT, 3))
    assert distance(law, dict(law_of(draft, PROMPT, 3))) < 2e-6
