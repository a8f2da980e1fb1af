"""HiSpec runs no layer twice for a token: what exits have done for it, verification goes on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from engine.architecture import read_architecture
from engine.config import PRESETS, ModelSet, Preset, Sampling
from engine.config.tailoring import Recipe, tailored
from engine.decoding.graphs import GraphRunner
from engine.events import Event, Prefill, Round
from engine.loaded import How
from engine.pace import Watch
from engine.session import Session
from tests.engine.adapters import write_exits
from tests.engine.decoding.layering import Runs, count_called, count_recorded
from tests.engine.family import finish

RECIPES: tuple[Recipe, ...] = ("ours", "paper", "paper-no-bonus")
TOKENS = 24
LOW, MIDDLE = 1, 2  # the depths of both exits: an eighth and a quarter of the family's eight layers


SETS = ("own norm", "adapters")  # how both exits are read


@pytest.fixture(scope="module")
def opened(family: ModelSet, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, How], Session]:
    """Give sessions with exits of each kind, of each way of running."""
    folder = tmp_path_factory.mktemp("adapted")
    write_exits(folder, read_architecture(family.target), (LOW, MIDDLE))
    sets = dict(zip(SETS, (family, ModelSet("Adapted", {**family.models, "exits": folder})), strict=True))
    return cache(lambda read, how: finish(Session.open(sets[read], "cpu", how, weights="exact")))


def replied(session: Session, preset: Preset, runs: Runs) -> list[Event]:
    """Return a reply's events; ``runs`` counts from the prompt's end on."""
    events = []
    asked = {"preset": preset, "sampling": Sampling(temperature=0.8, seed=5), "max_tokens": TOKENS}
    for event in session.reply([("user", "The quick brown fox?")], **asked):  # type: ignore[arg-type]
        events.append(event)
        runs.on |= isinstance(event, Prefill) and event.done == event.total
    return events


@contextmanager
def counting(session: Session, preset: Preset) -> Iterator[Runs]:
    """Count what a reply through ``preset`` runs."""
    for _ in session.prepare(preset):
        pass
    runs, runner = Runs(), session._loaded.runner
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watch, "due", lambda *_: False)  # timing a plain step runs layers of its own
        if isinstance(runner, GraphRunner):
            count_recorded(patch, runs, session.loaded["target"], runner._device)
        else:
            count_called(patch, runs, session.loaded["target"])
        yield runs


@pytest.mark.parametrize("read", SETS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_token_goes_through_each_layer_once(opened: Callable[[str, How], Session], recipe: Recipe, read: str) -> None:
    """An intermediate or full verification goes on from the states that drafting left: no layer is repeated."""
    preset, session = tailored(PRESETS["hispec"], recipe=recipe), opened(read, "eager")
    with counting(session, preset) as runs:
        events = replied(session, preset, runs)
    assert sum(isinstance(event, Round) for event in events) > 3
    assert not runs.again
    assert runs.first[LOW - 1] >= runs.first[MIDDLE - 1] > runs.first[MIDDLE] == runs.first[7]
    assert runs.work == runs.first.total(), "or something ran that was not counted"


@pytest.mark.parametrize("read", SETS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_recorded_passes_repeat_no_early_layer(
    opened: Callable[[str, How], Session], recipe: Recipe, read: str
) -> None:
    """They always hold the widest window, so their own layers run again for tokens before it, which costs a GPU next
    to nothing; drafting and what an exit has done for a token are not repeated.
    """
    preset, session = tailored(PRESETS["hispec"], recipe=recipe), opened(read, "graphs")
    with counting(session, preset) as runs:
        replied(session, preset, runs)
    assert session.how == "graphs"
    assert runs.again[LOW - 1] == 0
    assert runs.first[LOW - 1] > runs.first[MIDDLE]
    wide = recipe == "ours"  # one recording a round, whatever was drafted
    assert (runs.again[MIDDLE] > runs.first[MIDDLE] / 4) == wide
