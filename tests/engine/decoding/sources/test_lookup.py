"""N-gram lookup: what it copies, and where it stops."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine import config
from engine.config import Sampling, Stage, Window
from engine.decoding.facts import Drafted
from engine.decoding.goodput import LONG, Goodput
from engine.decoding.hierarchy import Autoregressive, Verifier
from engine.decoding.laws import Sampler
from engine.decoding.sources.lookup import Lookup
from engine.decoding.sources.making import Materials, making
from engine.decoding.tape import Tape
from tests.engine.decoding.tables import Table, reply


def copied(tokens: list[int], limit: int = 1000, ends: frozenset[int] = frozenset(), window: int = 4) -> list[int]:
    tape = Tape(tokens, ends, limit)
    for _ in Lookup(config.Lookup(3, 2), Window(window), 0).draft(tape):
        pass
    return tape[len(tokens) :]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([1, 2, 3, 4, 5, 1, 2, 3], [4, 5, 1, 2]),
        ([1, 2, 9, 1, 2, 8, 7, 1, 2], [8, 7, 1, 2]),  # the latest occurrence wins
        ([7, 1, 2, 5, 1, 2, 6, 7, 1, 2], [5, 1, 2, 6]),  # but a longer match wins over a later one
        ([1, 2, 3], []),
        ([4, 4, 4], [4]),  # may overlap its own ending
        ([256, 0, 0, 9, 1, 0], []),  # bytes of neighbouring tokens must not match across tokens
        ([], []),
    ],
)
def test_copies_what_followed(tokens: list[int], expected: list[int]) -> None:
    """Copying from a wrong place costs acceptance silently."""
    assert copied(tokens) == expected


def test_keeps_to_window_limit_and_end() -> None:
    """Proposals beyond the context or behind an end of turn could never be judged."""
    again = [1, 2, 3, 4, 5, 6, 1, 2]
    assert copied(again, window=2) == [3, 4]
    assert copied(again, limit=9) == [3]
    assert copied(again, ends=frozenset({4})) == [3, 4]


def test_tells_how_long_a_match_was() -> None:
    """A passage that is copied goes on far more often than two words that meet again; one past LONG is no surer."""
    seen = list[tuple[int, int]]()

    class Noted(Goodput):
        def worth(self, length: int, most: int) -> int:
            seen.append((length, most))
            return 1

    for again in (2, 3, 5, LONG + 4):
        tape = Tape([*range(100, 140), 1, *range(140 - again - 8, 140 - 8)])
        for _ in Lookup(config.Lookup(3, 2), Window(6), 0, Noted()).draft(tape):
            pass
        assert tape[-1] == 132, "one of them was proposed"
    assert seen == [(2, 6), (3, 6), (5, 6), (LONG, 6)]


def test_learns_from_what_it_did_not_propose() -> None:
    """The judge wrote what could have been copied: that is known without having asked."""
    learned = list[tuple[int, list[int], list[int]]]()

    class Noted(Goodput):
        def worth(self, _length: int, _most: int) -> int:
            return 0

        def learn(self, length: int, copied: Sequence[int], written: Sequence[int]) -> None:
            learned.append((length, list(copied), list(written)))

    target = Table(1, 6, seed=1)
    lookup = Lookup(config.Lookup(3, 2), Window(2), 0, Noted())
    tape = Tape([1, 2, 3, 4, 5, 1, 2])
    for _ in Verifier(target, lookup, Window(1), Sampler(Sampling(seed=1))).draft(tape):
        pass
    assert learned == [(2, [3, 4], tape[7:])]
    assert len(tape) == 8


@pytest.mark.parametrize(("confidence", "proposed"), [(None, 0), (0.0, 2)])
def test_a_window_that_nothing_may_end_copies_whether_it_pays_or_not(confidence: float | None, proposed: int) -> None:
    """So that what goodput brings can be measured; nothing pays here."""
    stage = Stage(config.Lookup(3, 2), Window(2, confidence=confidence))
    materials = Materials({}, Sampler(Sampling(seed=1)), 9, Goodput())
    tape = Tape([1, 2, 3, 4, 5, 1, 2])
    for _ in making(stage.source).drafter(materials, stage, 0).draft(tape):
        pass
    assert len(tape) - 7 == proposed


def test_the_longest_ending_from_one_token_on_changes_no_reply() -> None:
    """Of nine tokens one alike comes often, and is often wrong; three alike seldom."""
    target, copied = Table(1, 9, seed=1), 0
    for key in range(10):
        tape, sampler = Tape([0, 1], limit=32), Sampler(Sampling(temperature=1, top_p=1, seed=key))
        chain = Verifier(target, Lookup(config.Lookup(16, 1), Window(4), 0), Window(1), sampler)
        while not tape.full:
            copied += sum(isinstance(fact, Drafted) for fact in chain.draft(tape))
        plain = Autoregressive(target, Window(1), sampler)
        assert tuple(tape[2:32]) == reply(plain, (0, 1), 30)
    assert copied > 50


def test_what_was_cut_is_not_copied_from() -> None:
    """Below a level in the middle tokens come and go before the target has judged them."""
    lookup = Lookup(config.Lookup(16, 1), Window(4), 0)
    tape = Tape([1, 2, 3, 4])
    list(lookup.draft(tape))
    tape += [5, 6]
    list(lookup.draft(tape))
    del tape[3:]
    lookup.rewind(3)
    tape += [9, 1, 2]
    list(lookup.draft(tape))
    assert tape[6:] == [3, 9, 1, 2]
