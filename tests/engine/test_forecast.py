"""What is said of a model larger than the card before it is loaded: reckoned by hand here, on cards of many sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.account import LEAST, needs
from engine.bandwidth import Bandwidth
from engine.dimensions import as_nf4
from engine.forecast import HELD, PAGEABLE, PROCESSOR, Forecast, forecast
from engine.library.shapes import LLAMA31_8B, LLAMA32_1B
from engine.placement import Host

LEVELS = as_nf4(LLAMA31_8B), as_nf4(LLAMA32_1B)
BUS = Bandwidth(25e9, 500e9, measured=True)
ROOMY = Host(1 << 40, 1 << 40)


def reckoned(streamed: int, bandwidth: Bandwidth = BUS, host: Host = ROOMY, processor: int = 0) -> Forecast:
    """Return what is said with so many layers over the bus."""
    return forecast(needs(LEVELS, LEAST, "cuda", streamed=streamed), streamed, bandwidth, host, processor)


def test_a_pass_takes_the_bus_and_the_rest() -> None:
    """Guards the reckoning: layers that come at the pace of the bus, those that stay at the card's, guesses besides."""
    asked = needs(LEVELS, LEAST, "cuda", streamed=20)
    target, draft = asked.levels
    one = target.streamed / 25e9 + (target.linears + target.head) / 500e9
    said = reckoned(20)
    assert said.plain == pytest.approx(1 / one)
    (held,) = (held for least, held in HELD if least == 1 / 12)
    guess = (draft.linears + draft.head) / 500e9
    by_hand = [sum(held**at for at in range(window + 1)) / (one + window * guess) for window in range(1, 129)]
    assert said.guessing == pytest.approx(max(by_hand))
    assert said.guessing > 2 * said.plain
    assert (said.layers, said.host) == ((20, 32), asked.host)


def test_more_over_the_bus_is_slower_and_a_model_alone_has_nothing_that_guesses() -> None:
    """Guards the order of what is said, and against guessing promised without anything that guesses."""
    paces = [reckoned(streamed) for streamed in (1, 10, 32)]
    assert paces == sorted(paces, key=lambda said: said.plain, reverse=True)
    alone = forecast(needs(LEVELS[:1], LEAST, "cuda", streamed=20), 20, BUS, ROOMY, 0)
    assert alone.guessing == 0
    assert "guessing" not in alone.sentence


def test_what_cannot_be_pinned_is_slower() -> None:
    """Guards against the bus' whole pace promised where a system pins half, or nothing."""
    asked = needs(LEVELS, LEAST, "cuda", streamed=20).levels[0]
    slow = reckoned(20, host=Host(1 << 40, 0))
    assert 1 / slow.plain == pytest.approx(asked.streamed / PAGEABLE + (asked.linears + asked.head) / 500e9)
    assert slow.plain < reckoned(20, host=Host(1 << 40, asked.streamed // 2)).plain < reckoned(20).plain


def test_words() -> None:
    """Guards what a person reads: both paces, the memory, whether it is a guess, the processor where that is faster."""
    said = Forecast(1.3, 6.04, 20 * 10**9, (40, 80), 0.6, measured=True)
    assert "40 of 80 layers" in said.sentence
    assert "20.0 GB" in said.sentence
    assert "About 6.0 tokens a second guessing ahead, 1.3 without (estimated)." in said.sentence
    assert "(a guess)" in replace(said, measured=False).sentence
    assert "processor" not in said.sentence
    assert "processor alone would be faster: about 8.0" in replace(said, processor=8.0).sentence
    assert reckoned(20, processor=5 * 10**9).processor == PROCESSOR / (5 * 10**9)
