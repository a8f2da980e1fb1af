"""Replies are the target's own, token for token: every outcome of the noise on two tokens, and many keys on more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import Tensor

from engine import config
from engine.config import Sampling, Window
from engine.decoding.facts import Fact
from engine.decoding.fallback import Fallback
from engine.decoding.goodput import Goodput
from engine.decoding.hierarchy import Autoregressive, Drafter, Verifier
from engine.decoding.laws import Sampler
from engine.decoding.sources.lookup import Lookup
from engine.decoding.tape import Tape
from tests.engine.decoding.tables import Fork, Table, distance, every_path, law_of, reply

EXACT = 2e-6  # float32 rounding, far under any real bias
PROMPT = (0, 1, 0)
Chain = Callable[[Sampler], Drafter]


def nest(levels: Sequence[Table], windows: Sequence[int], sampler: Sampler, *, bonus: bool = True) -> Drafter:
    """Stack ``levels``, bottom first."""
    chain: Drafter = Autoregressive(levels[0], Window(windows[0]), sampler)
    for level, window in zip(levels[1:], [*windows[1:], 1], strict=True):
        chain = Verifier(level, chain, Window(window), sampler, bonus=bonus)
    return chain


def tables(count: int, vocabulary: int, seed: int) -> list[Table]:
    return [Table(i, vocabulary, seed * 10 + i) for i in range(count)]


def alone(target: Table, length: int, sampler: Sampler, ends: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Return what plain decoding writes."""
    return reply(Autoregressive(target, Window(1), sampler), PROMPT, length, ends)


def assert_exact(chain: Chain, target: Table, length: int, ends: frozenset[int] = frozenset()) -> int:
    """Check the reply under every outcome of the noise, and the law they make; return how many outcomes differ."""
    paths = 0

    def run(fork: Fork) -> tuple[int, ...]:
        nonlocal paths
        paths += 1
        written = reply(chain(fork), PROMPT, length, ends)
        assert written == alone(target, length, fork, ends)
        return written

    law = every_path(run)
    assert sum(law.values()) == pytest.approx(1, abs=1e-6)
    assert distance(law, dict(law_of(target, PROMPT, length, ends))) < EXACT
    return paths


@pytest.mark.parametrize(
    ("windows", "length", "bonus"),
    [((3,), 4, True), ((2, 2), 3, True), ((2, 2), 3, False), ((1, 3), 3, True), ((1, 1, 1), 2, True)],
    ids=["2 levels", "3 levels", "no bonus", "overshoot", "4 levels"],
)
def test_every_outcome_of_the_noise(windows: tuple[int, ...], length: int, bonus: bool) -> None:
    """Any slip in positions, hand-up or rewinding shows; also noise of which a vetoed branch has shown a part."""
    levels = tables(len(windows) + 1, 2, seed=3)
    paths = assert_exact(lambda sampler: nest(levels, windows, sampler, bonus=bonus), levels[-1], length)
    assert paths > 2**length, "or nothing was ever vetoed"


def test_end_tokens() -> None:
    """A drafted end of turn stops drafting below it; it must be judged like any token and end the reply."""
    levels = tables(3, 2, seed=7)
    assert_exact(lambda sampler: nest(levels, (2, 2), sampler), levels[-1], 3, frozenset({1}))


def test_an_uncertain_law_ends_a_window() -> None:
    """The token drawn from an uncertain law is kept and judged; stopping after it is free."""
    draft, target = tables(2, 2, seed=2)

    def chain(sampler: Sampler) -> Drafter:
        return Verifier(target, Autoregressive(draft, Window(3, entropy=0.5), sampler), Window(1), sampler)

    assert_exact(chain, target, 3)


@pytest.mark.parametrize("goodput", [False, True])
def test_lookup(*, goodput: bool) -> None:
    """A copied token stands where the judge would have written it; how much is copied may hang on anything."""
    target, proposed = Table(1, 2, seed=1), set[int]()

    def chain(sampler: Sampler) -> Drafter:
        steady = Steady(proposed) if goodput else None
        below = Lookup(config.Lookup(longest=2, shortest=1), Window(2), 0, steady)
        return Verifier(target, below, Window(1), sampler)

    assert_exact(chain, target, 5)
    assert not goodput or proposed == {0, 1, 2}, "otherwise nothing was chosen"


@pytest.mark.parametrize("judges", [1, 2])
def test_a_drafter_that_guesses_where_nothing_is_copied(judges: int) -> None:
    """Whoever proposes, and whatever the other has not seen meanwhile."""
    draft, *levels = tables(judges + 1, 2, seed=5)
    copied = set[bool]()

    def chain(sampler: Sampler) -> Drafter:
        below = Lookup(config.Lookup(longest=2, shortest=2), Window(2), 0)
        bottom = Watched(Autoregressive(draft, Window(2), sampler), below)
        bottom.copied = copied
        top: Drafter = bottom
        for level in levels:
            top = Verifier(level, top, Window(1), sampler)
        return top

    assert_exact(chain, levels[-1], 4 if judges == 1 else 3)
    assert copied == {True, False}, "or only one of them ever proposed"


class Watched(Fallback):
    """It notes whether something had been copied."""

    copied: set[bool]

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        self.copied.add(len(tape) > mark)
        yield from super().settle(tape, mark)


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


def replies(chain: Chain, target: Table, keys: int = 20, length: int = 12) -> Iterator[bool]:
    """Tell of each key whether ``chain`` writes what ``target`` does alone."""
    for key in range(keys):
        sampling = Sampling(temperature=1, top_p=1, seed=key)
        yield reply(chain(Sampler(sampling)), PROMPT, length) == alone(target, length, Sampler(sampling))


def test_many_tokens_and_changes_in_mid_reply() -> None:
    """Windows, levels and rules of stopping may change whenever they like, and no token with them."""
    levels = tables(3, 9, seed=4)
    for key in range(20):
        sampler = Sampler(Sampling(temperature=1, top_p=1, seed=key))
        chains = [
            nest(levels, (3, 5), sampler),
            nest(levels[1:], (2,), sampler),
            nest(levels[:1] + levels[2:], (1 + key % 4,), sampler, bonus=False),
            Autoregressive(levels[2], Window(1), sampler),
        ]
        tape, turn = Tape(PROMPT, limit=len(PROMPT) + 20), key
        while not tape.full:
            turn = turn * 5 % 7 + key
            list(chains[turn % len(chains)].draft(tape))
        assert tuple(tape[3:23]) == alone(levels[-1], 20, sampler)


class Counting(Sampler):
    """A planted bug: noise that depends on how many draws were made."""

    made = 0

    def choose(self, probs: Tensor, position: int) -> list[int]:  # noqa: ARG002
        self.made += 1
        return super().choose(probs, self.made)


class ByRow(Sampler):
    """A planted bug: noise that depends on where a window begins."""

    def choose(self, probs: Tensor, position: int) -> list[int]:  # noqa: ARG002
        return super().choose(probs, 0)


class Beside(Verifier):
    """A planted bug: a judge that compares with its choices for the next positions."""

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        self.sampler = Shifted(self.sampler.sampling)
        return super().settle(tape, mark)


class Shifted(Sampler):
    def choose(self, probs: Tensor, position: int) -> list[int]:
        return super().choose(probs, position + 1)


def test_noise_that_is_not_the_positions_own_is_caught() -> None:
    """The comparison with plain decoding must see each of the mistakes that shared noise invites."""
    draft, target = tables(2, 9, seed=3)
    good = list(replies(lambda sampler: nest((draft, target), (3,), sampler), target))
    assert all(good)

    def beside(sampler: Sampler) -> Drafter:
        return Beside(target, Autoregressive(draft, Window(3), sampler), Window(1), sampler)

    planted: list[Chain] = [
        lambda sampler: nest((draft, target), (3,), Counting(sampler.sampling)),
        lambda sampler: nest((draft, target), (3,), ByRow(sampler.sampling)),
        beside,
    ]
    for chain in planted:
        assert not all(replies(chain, target))


def test_levels_with_noise_of_their_own_hardly_agree() -> None:
    """The reply is right all the same; that it comes faster is all there is to gain, so that must be seen, too."""
    draft, target = Table(0, 9, seed=3), Table(1, 9, seed=3)  # the same law

    def kept(sampler: Sampler, below: Sampler) -> int:
        chain = Verifier(target, Autoregressive(draft, Window(3), below), Window(1), sampler)
        tape = Tape(PROMPT, limit=300)
        return sum(fact.kept for _ in range(60) for fact in chain.draft(tape) if hasattr(fact, "kept"))

    one, other = (Sampler(Sampling(temperature=1, top_p=1, seed=key)) for key in (1, 2))
    assert kept(one, one) == 180
    assert kept(one, other) < 60


def test_rows_and_sums_change_no_draw() -> None:
    """A law asked for beside others, or not quite normalised, must give what it gives alone."""
    sampler = Sampler(Sampling(seed=7))
    assert sampler.choose(torch.tensor([[0.0, 1.0, 0.0]]), 5) == [1]
    probs = torch.tensor([[0.0, 0.25, 0.25, 0.5], [0.5, 0.5, 0.0, 0.0]])
    assert sampler.choose(2 * probs, 3) == sampler.choose(probs, 3)
    assert sampler.choose(probs[1:], 4) == sampler.choose(probs, 3)[1:]
