"""The pilot in worlds of known costs: how soon it finds what is best, what finding out costs, how calm it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import pytest

from engine.bench.reality import PLAIN, TOP, Reality
from engine.config import Head, Lookup, Model, Source
from engine.decoding.planning.search import Chain, refined
from engine.events import Round
from tests.engine.decoding.planning.test_search import Fixed

HEAD, DRAFT, MIDDLE, COPY = Head(), Model("draft"), Model("qualifier"), Lookup()


def falling(a: float, fall: float = 1.0) -> list[float]:
    return [a * fall**place for place in range(8)]


def world(
    costs: tuple[float, float, float], shares: tuple[float, float, float, float], wider: float, **others: object
) -> Reality:
    """Return a world by the costs of a head, a draft and a middle model, and what the target keeps of them.

    The last share is what the middle one keeps of the draft's. A plain step takes 10 ms.
    """
    all_costs: dict[Source, float] = {COPY: 0.0, **dict(zip((HEAD, DRAFT, MIDDLE), costs, strict=True)), TOP: 1.0}
    head, draft, middle, sifted = shares
    pairs: dict[tuple[Source, Source], Sequence[float]] = {(HEAD, low): falling(head / 2) for low in (DRAFT, MIDDLE)}
    pairs |= {(HEAD, TOP): falling(head, 0.9), (DRAFT, TOP): falling(draft), (MIDDLE, TOP): falling(middle)}
    pairs |= {(DRAFT, MIDDLE): falling(sifted)}
    return Reality({k: v / 100 for k, v in all_costs.items()}, pairs, wider, **others)  # type: ignore[arg-type]


GOOD_HEAD = (0.08, 0.3, 0.6), (0.75, 0.6, 0.8, 0.7), 0.05
SMALL_DRAFT = (0.3, 0.1, 0.3), (0.4, 0.8, 0.9, 0.85), 0.03
TWO_MODELS = (0.3, 0.02, 0.15), (0.4, 0.55, 0.9, 0.75), 0.02
NOTHING_PAYS = (0.2, 0.5, 0.8), (0.3, 0.5, 0.7, 0.6), 0.25
WORLDS: dict[str, tuple[Callable[..., Reality], Chain]] = {
    "a good head": (partial(world, *GOOD_HEAD), Chain((HEAD,), (TOP,), (3,))),
    "a small draft": (partial(world, *SMALL_DRAFT), Chain((DRAFT,), (TOP,), (5,))),
    "two models": (partial(world, *TWO_MODELS), Chain((DRAFT,), (MIDDLE, TOP), (4, 8))),
    "nothing pays": (partial(world, *NOTHING_PAYS), PLAIN),
}


def best_pace(real: Reality, chain: Chain) -> float:
    """Return the seconds a token takes with ``chain``, its windows at their best, in a world without noise."""
    assert isinstance(real.wider, float)
    truth = Fixed(real.costs, real.wider, {pair: tuple(shares) for pair, shares in real.shares.items()})
    return refined(chain, truth)[0].pace if chain.guessers else real.costs[TOP]


def pace(replies: Sequence[list[tuple[Chain, Round]]]) -> float:
    rounds = [round_ for reply in replies for _, round_ in reply]
    return sum(round_.seconds for round_ in rounds) / sum(len(round_.settled) for round_ in rounds)


def changes(replies: Sequence[list[tuple[Chain, Round]]]) -> int:
    """Count how often the levels at work changed."""
    chains = [chain.sources for reply in replies for chain, _ in reply]
    return sum(a != b for a, b in pairwise(chains))


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_best_is_found_within_two_replies(name: str) -> None:
    """Guards: a plan that never tries what would pay, trials without end; fresh models, 120 tokens a reply."""
    made, best = WORLDS[name]
    late = []
    for seed in (1, 2, 3):
        real = made(seed=seed)
        planner = real.planner()
        replies = [real.reply(planner, 120) for _ in range(6)]
        late += replies[2:]
        assert pace(replies[:2]) <= 1.05 * real.costs[TOP], "finding out costs little from the first word on"
    assert pace(late) <= 1.08 * best_pace(real, best)  # chance alone scatters these 1,500 tokens by 3 %
    assert pace(late) <= 1.02 * real.costs[TOP]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_hard_reply_tells_little_of_the_next(seed: int) -> None:
    """Guards: plain decoding that goes on for replies since one was hard to guess; guessing that never stops in it."""
    real = world((0.2, 0.9, 0.9), (0.5, 0.1, 0.3, 0.1), 0.1, seed=seed)
    planner = real.planner()
    for _ in range(6):
        real.reply(planner, 120)
    real.mood = 0.05
    assert not real.reply(planner, 300)[-1][0].guessers
    real.mood = 1.0
    assert real.reply(planner, 20)[0][0].guessers


def test_load_that_comes_and_goes_changes_no_plan() -> None:
    """Guards: a plan that flaps, since every pass takes twice as long for some seconds and then does not."""
    made, _ = WORLDS["a good head"]
    calm, busy = made(seed=3), made(seed=3, load=lambda at: 2.0 if int(at / 1.5) % 2 else 1.0, noise=0.2)
    counted = []
    for real in (calm, busy):
        planner = real.planner()
        for _ in range(3):
            real.reply(planner, 150)
        counted.append(changes([real.reply(planner, 300) for _ in range(4)]))
    assert counted[1] <= counted[0] + 4, counted  # of 400 rounds


def test_what_could_not_pay_is_never_tried() -> None:
    """Guards: a trial of a level that would be too dear if it were always right."""
    real = world((0.9, 1.0, 1.0), (0.9, 0.9, 0.9, 0.9), 0.3)
    planner = real.planner()
    chains = {chain.sources for _ in range(4) for chain, _ in real.reply(planner, 100)}
    assert chains <= {(TOP,), (COPY, TOP)}


def test_what_a_text_repeats_is_copied() -> None:
    """Guards: copies that nobody counts while something else guesses, or nothing."""
    real = world((0.9, 1.0, 1.0), (0.1, 0.1, 0.1, 0.1), 0.05, text=lambda at: at % 40)
    planner = real.planner()
    replies = [real.reply(planner, 120) for _ in range(3)]
    assert replies[-1][-1][0].guessers == (COPY,)
    assert pace(replies[1:]) < 0.4 * real.costs[TOP]


def test_what_a_head_has_to_read_counts_as_long_as_replies_are() -> None:
    """Guards: a head that reads a long prompt for a few words, or one that is never asked again where much is written.

    It takes 2 ms a token it reads; beside plain decoding it saves 3 ms a token it writes.
    """
    made, _ = WORLDS["a good head"]
    long = made(reading=2.5, noise=0.02)
    planner = long.planner()
    for _ in range(3):
        long.reply(planner, 300, prompt=40)
    assert long.reply(planner, 300, prompt=40)[0][0].guessers[-1:] == (HEAD,)
    for _ in range(4):
        long.reply(planner, 20, prompt=300)
    assert all(HEAD not in chain.sources for chain, _ in long.reply(planner, 20, prompt=300))
    assert long.reply(planner, 300, prompt=20)[0][0].guessers[-1:] == (HEAD,), "a short one is read at once"


def test_where_turning_is_dear_little_is_tried() -> None:
    """Guards: trials whose turns nobody pays for. On a GPU a small model writes a dozen tokens in the time of one."""
    made, _ = WORLDS["nothing pays"]
    real = made(turn=0.15)
    planner = real.planner()
    assert changes([real.reply(planner, 150) for _ in range(6)]) <= 6
