"""A race on a CUDA device: both replies as the window asks for them, one session after the other, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

pytest.importorskip("torch")

import torch

from app.log.ledger import Ledger
from app.log.race import Course, RaceReplay, result_of
from app.log.replay import Replay
from engine.config import PRESETS, Chosen, Preset
from engine.events import Event
from engine.prompts import PROMPTS
from engine.session import Session
from engine.tally import Tally
from tests.engine.family import finish
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
SAMPLING, MOST = Chosen(seed=7), 300


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    session = finish(Session.open(pocket_models(wide=True), "cuda"))
    yield session
    session.close()


def asked(session: Session, preset: Preset) -> Iterator[Event]:
    return session.reply([("user", PROMPTS[0])], preset=preset, sampling=SAMPLING, max_tokens=MOST)


def lane(session: Session, preset: Preset) -> tuple[Ledger, Tally]:
    """Return the reply that one side shows, behind a step of what is done between replies."""
    list(islice(session.rest(), 1))
    ledger, tally, events = Ledger(), Tally(), list(asked(session, preset))
    ledger.add(events)
    tally.add(events)
    return ledger, tally


@pytest.mark.parametrize("name", ["auto", "hsd", "hispec", "draft", "lookup"])
def test_both_sides_write_the_same_and_are_timed(session: Session, name: str) -> None:
    """Guards: a plain side that begins on what the other left on the device, a time that is not the reply's own.

    The method goes first, behind an answer in the chat; a race that was stopped on the way is raced again.
    """
    preset, plain = PRESETS[name], PRESETS["plain"]
    stopped = asked(session, preset)
    list(islice(stopped, 9))
    stopped.close()  # type: ignore[attr-defined]
    fast, slow = lane(session, preset), lane(session, plain)
    course = Course(PROMPTS[0], session.models.name, preset.title, preset.lossless, MOST)
    result = result_of(course, slow, fast)
    assert result is not None
    assert result.alike is None, str(result)
    for seconds, (ledger, tally) in zip(result.seconds, (slow, fast), strict=True):
        spent = sum(round_.seconds for round_ in ledger.rounds)
        assert 0 < spent <= seconds < 2 * spent + 0.1
        assert tally.rounds == len(ledger.rounds) > 0
    race = RaceReplay(Replay(*slow), Replay(*fast))
    race.go(race.length)
    assert race.over
    assert race.plain.tally.tokens == race.fast.tally.tokens == result.tokens[0] == result.tokens[1]
