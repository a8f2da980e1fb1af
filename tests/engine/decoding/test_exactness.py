"""The reply's law is the target's: every random outcome enumerated, on tables of two or three tokens."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from engine import config
from engine.config import Acceptance, Window
from engine.decoding import acceptance
from engine.decoding.acceptance import Rule, rule_of
from engine.decoding.goodput import Goodput
from engine.decoding.hierarchy import Autoregressive, Drafter, Drafting, Verifier
from engine.decoding.laws import Laws, Sampler
from engine.decoding.lookup import Lookup
from engine.decoding.tape import Tape
from tests.engine.decoding.tables import CPU, Fork, Table, distance, every_path, law_of, reply

EXACT = 2e-6  # float32 rounding, far under any real bias
PROMPT = (0, 1, 0)


def nest(
    levels: Sequence[Table], windows: Sequence[int], rule: Rule, sampler: Sampler, *, bonus: bool = True
) -> Drafter:
    """Stack ``levels``, bottom first."""
    chain: Drafter = Autoregressive(levels[0], Window(windows[0]), sampler)
    for level, window in zip(levels[1:], [*windows[1:], 1], strict=True):
        chain = Verifier(level, chain, rule, Window(window), sampler, bonus=bonus)
    return chain


def tables(count: int, vocabulary: int, seed: int) -> list[Table]:
    return [Table(i, vocabulary, seed * 10 + i) for i in range(count)]


@pytest.mark.parametrize("rule", ["block", "token"])
@pytest.mark.parametrize(
    ("vocabulary", "windows", "length"),
    [(3, (2,), 3), (2, (3,), 4), (2, (2, 2), 3), (3, (1, 1), 2), (2, (1, 3), 3), (2, (1, 1, 1), 3)],
    ids=[
        "2 levels",
        "2 levels, window 3",
        "3 levels",
        "3 levels, 3 words",
        "3 levels, overshoot",
        "4 levels",
    ],
)
def test_reply_has_the_targets_law(rule: str, vocabulary: int, windows: tuple[int, ...], length: int) -> None:
    """Any slip in acceptance, residual, hand-up or rewinding shifts some probability; none may be off."""
    levels = tables(len(windows) + 1, vocabulary, seed=3)
    accept = rule_of(Acceptance(rule))  # type: ignore[arg-type]
    law = every_path(lambda fork: reply(nest(levels, windows, accept, fork), PROMPT, length))
    assert sum(law.values()) == pytest.approx(1, abs=1e-6)
    assert distance(law, dict(law_of(levels[-1], PROMPT, length))) < EXACT


@pytest.mark.parametrize("rule", [acceptance.block, acceptance.token])
def test_no_bonus_keeps_the_law(rule: Rule) -> None:
    """Leaving out the bonus token saves a catch-up pass; drawing the next token later must be the same."""
    levels = tables(3, 2, seed=5)
    law = every_path(lambda fork: reply(nest(levels, (2, 2), rule, fork, bonus=False), PROMPT, 3))
    assert distance(law, dict(law_of(levels[-1], PROMPT, 3))) < EXACT


def test_end_tokens_keep_the_law() -> None:
    """A drafted end of turn stops drafting below it; it must be judged like any token and end the reply."""
    levels, ends = tables(3, 2, seed=7), frozenset({1})
    law = every_path(lambda fork: reply(nest(levels, (2, 2), acceptance.block, fork), PROMPT, 3, ends))
    assert distance(law, dict(law_of(levels[-1], PROMPT, 3, ends))) < EXACT


def test_entropy_stop_keeps_the_law() -> None:
    """The token drawn from an uncertain law is kept and judged; stopping after it is free."""
    draft, target = tables(2, 2, seed=2)

    def run(fork: Fork) -> tuple[int, ...]:
        below = Autoregressive(draft, Window(3, entropy=0.5), fork)
        return reply(Verifier(target, below, acceptance.block, Window(1), fork), PROMPT, 3)

    assert distance(every_path(run), dict(law_of(target, PROMPT, 3))) < EXACT


@pytest.mark.parametrize("rule", [acceptance.block, acceptance.token])
def test_lookup_keeps_the_law(rule: Rule) -> None:
    """A copied token has probability 1 under its proposer; any other reading of q biases the reply."""
    target = Table(1, 2, seed=1)

    def run(fork: Fork) -> tuple[int, ...]:
        below = Lookup(config.Lookup(longest=2, shortest=1), Window(2), 2, CPU, 0)
        return reply(Verifier(target, below, rule, Window(1), fork), PROMPT, 3)

    assert distance(every_path(run), dict(law_of(target, PROMPT, 3))) < EXACT


@pytest.mark.parametrize("rule", [acceptance.block, acceptance.token])
def test_copying_as_much_as_pays_keeps_the_law(rule: Rule) -> None:
    """How much is proposed hangs on what was written before, along every path; on nothing that is still in question."""
    target, proposed = Table(1, 2, seed=1), set[int]()

    def run(fork: Fork) -> tuple[int, ...]:
        below = Lookup(config.Lookup(longest=2, shortest=1), Window(2), 2, CPU, 0, Steady(proposed))
        return reply(Verifier(target, below, rule, Window(1), fork), PROMPT, 5)

    assert distance(every_path(run), dict(law_of(target, PROMPT, 5))) < EXACT
    assert proposed == {0, 1, 2}, "otherwise nothing was chosen"


class Steady(Goodput):
    """Knows what passes take, whatever a clock says, and notes how much it proposed."""

    def __init__(self, proposed: set[int]) -> None:
        super().__init__()
        self._proposed = proposed
        for width, seconds in ((1, 1.0), (2, 1.42), (3, 1.6)) * 2:
            super().time(width, seconds)

    def time(self, positions: int, seconds: float) -> None:
        """Look at no clock: along the same path the same must happen again."""

    def worth(self, length: int, most: int) -> int:
        count = super().worth(length, most)
        self._proposed.add(count)
        return count


def test_block_keeps_more_than_token_by_token() -> None:
    """On the textbook example joint verification keeps 11/9 of two drafted tokens, one by one only 10/9."""
    own = Laws(_rows([1 / 3, 2 / 3], 3), None)
    guess = Laws(_rows([2 / 3, 1 / 3], 2), None)

    def kept(rule: Rule) -> float:
        def run(fork: Fork) -> tuple[int, ...]:
            drafted = [fork.choose([2 / 3, 1 / 3]) for _ in range(2)]
            return (rule(drafted, guess, own, fork)[0],)

        return sum(n * p for (n,), p in every_path(run).items())

    assert kept(acceptance.token) == pytest.approx(10 / 9, abs=1e-6)
    assert kept(acceptance.block) == pytest.approx(11 / 9, abs=1e-6)


class Discarding(Autoregressive):
    """A planted bug: throws away a drawn token when it looks unlikely, and stops."""

    def draft(self, tape: Tape) -> Drafting:
        mark = len(tape)
        laws = yield from super().draft(tape)
        if len(laws) > 1 and float(laws.probs[-1, tape[-1]]) < 0.4:
            del tape[-1]
            return laws.first(len(tape) - mark)
        return laws


class WrongProposer(Verifier):
    """A planted bug: hands up the laws of the level below for tokens that survived from there."""

    def draft(self, tape: Tape) -> Drafting:
        mark = len(tape)
        own = yield from super().draft(tape)
        below = self.below.level.laws(tape, mark, len(tape) - mark)  # type: ignore[attr-defined]
        return Laws(below.probs, own.logits)


def test_discarding_a_drawn_token_is_caught() -> None:
    """The suite must see the classic mistake: ending a window by dropping a token because of its probability."""
    draft, target = tables(2, 2, seed=3)

    def run(fork: Fork) -> tuple[int, ...]:
        below = Discarding(draft, Window(2), fork)
        return reply(Verifier(target, below, acceptance.token, Window(1), fork), PROMPT, 2)

    assert distance(every_path(run), dict(law_of(target, PROMPT, 2))) > 0.01


def test_passing_on_the_wrong_law_is_caught() -> None:
    """The suite must see a middle level that hands up its drafter's laws instead of its own."""
    low, middle, target = tables(3, 2, seed=3)

    def run(fork: Fork) -> tuple[int, ...]:
        below = WrongProposer(middle, Autoregressive(low, Window(2), fork), acceptance.token, Window(2), fork)
        return reply(Verifier(target, below, acceptance.token, Window(1), fork), PROMPT, 2)

    assert distance(every_path(run), dict(law_of(target, PROMPT, 2))) > 0.01


def _rows(row: list[float], n: int) -> torch.Tensor:
    return torch.tensor([row] * n)
