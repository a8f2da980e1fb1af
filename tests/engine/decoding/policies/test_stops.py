"""When a drafter stops: at what, and that no reply hangs on it."""

from __future__ import annotations

from collections.abc import Iterator
from math import log

import pytest
import torch

from engine.config import Sampling, Window
from engine.decoding.facts import Drafted, Fact
from engine.decoding.hierarchy import Autoregressive, Verifier
from engine.decoding.laws import Laws, Sampler
from engine.decoding.policies import Confidence, stops
from engine.decoding.tape import Tape
from tests.engine.decoding.tables import Table, reply

PROMPT = (0, 1, 0)
DRAFT, TARGET = Table(0, 9, seed=40), Table(1, 9, seed=41)


def sampler(key: int) -> Sampler:
    return Sampler(Sampling(temperature=1, top_p=1, seed=key))


def alone(key: int) -> tuple[int, ...]:
    return reply(Autoregressive(TARGET, Window(1), sampler(key)), PROMPT, 12)


@pytest.mark.parametrize("window", [Window(4, confidence=0.2), Window(4, entropy=1.9), Window(4, 2.0, 0.02)])
def test_replies_are_plain_ones(window: Window) -> None:
    """Stopping early is free, whatever it looks at; windows of several lengths are among them."""
    lengths = set[int]()
    for key in range(20):
        chain = Verifier(TARGET, Autoregressive(DRAFT, window, sampler(key)), Window(1), sampler(key))
        assert reply(chain, PROMPT, 12) == alone(key)
        lengths.add(sum(isinstance(fact, Drafted) for fact in chain.below.draft(Tape(PROMPT))))
    assert len(lengths) > 1, "or nothing ever stopped, or everything did"


class Trusting(Verifier):
    """A planted fault: a judge that asks of a window for which the drafter was never unsure no more."""

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        if len(tape) - mark < self.below.window.tokens:  # type: ignore[attr-defined] # of a drafter that reads
            yield from super().settle(tape, mark)


def test_a_rule_that_changes_what_is_judged_is_caught() -> None:
    """The comparison above must see it."""
    window = Window(4, confidence=0.005)
    chains = ((key, Autoregressive(DRAFT, window, sampler(key))) for key in range(20))
    same = [reply(Trusting(TARGET, below, Window(1), sampler(key)), PROMPT, 12) == alone(key) for key, below in chains]
    assert not all(same)


def test_confidence_is_that_all_tokens_stand() -> None:
    """By the plain law: one with settings applied looks sure of everything when cold."""
    logits = torch.tensor([[log(0.9), log(0.1)]])
    cold = Laws(torch.tensor([[1.0, 0.0]]), logits)
    rule = Confidence(0.8)
    assert [rule.after(cold, 0) for _ in range(3)] == [False, False, True]
    assert Confidence(0.8).after(cold, 1)
    assert not Confidence(0.8).after(Laws(cold.probs, None), 0)
    (fresh,) = stops(Window(4, confidence=0.8))
    assert not fresh.after(cold, 0), "a window knows nothing of the one before"
