"""A target whose layers come over the bus: replies are those of one that stays, whatever guesses below it."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from itertools import islice

import pytest
import torch

from engine.budget import Budget
from engine.config import PRESETS, ModelSet, Preset, Sampling, Source, Stage, Window
from engine.config.sources import Exit, InnerHead, Lookup, Model
from engine.decoding.streamed import StreamedRunner
from engine.events import Drafting, Event, Prefill, Round
from engine.model.streaming import Bus
from engine.placement import Placement
from engine.session import Session
from tests.engine.family import finish
from tests.engine.heads import write_inner_head

SETTINGS = {"greedy": Sampling(temperature=0, seed=1), "drawn": Sampling(temperature=2.5, top_p=1, seed=4)}
TEXT = "The lazy dog jumps over the quick brown fox; the lazy dog jumps again."
TOKENS = 40
TARGET = PRESETS["plain"].stages[0]
DRAFT = Stage(Model("draft"), Window(40))
INNER = Stage(InnerHead("qualifier"), Window(4), fallback=True)
METHODS = {
    preset.name: preset
    for preset in (
        PRESETS["plain"],
        PRESETS["lookup"],
        PRESETS["auto"],
        Preset("draft", "", "", (DRAFT, TARGET)),
        Preset("middle", "", "", (Stage(Model("qualifier"), Window(5)), TARGET)),
        Preset("three", "", "", (Stage(Model("draft"), Window(3)), Stage(Model("qualifier"), Window(20)), TARGET)),
        Preset("copied", "", "", (Stage(Lookup(), Window(7)), Stage(Model("draft"), Window(9)), TARGET)),
        Preset("exits", "", "", (Stage(Exit(1 / 8), Window(3)), Stage(Exit(1 / 4), Window(12)), TARGET)),
        Preset("mixed", "", "", (DRAFT, Stage(Exit(1 / 2)), TARGET)),
        Preset(
            "inner", "", "", (Stage(InnerHead("qualifier"), Window(3)), Stage(Model("qualifier"), Window(20)), TARGET)
        ),
        Preset(
            "copied, inner", "", "", (Stage(Lookup(), Window(5)), INNER, Stage(Model("qualifier"), Window(9)), TARGET)
        ),
    )
}


@pytest.fixture(scope="module")
def with_head(family: ModelSet, tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    """Give the family with a head for its middle model."""
    folder = tmp_path_factory.mktemp("inner") / "qualifier-head"
    write_inner_head(folder, family.models["qualifier"])
    return replace(family, models={**family.models, "qualifier-head": folder})


@pytest.fixture(scope="module")
def opened(with_head: ModelSet) -> Iterator[Callable[[int], Session]]:
    """Give a session whose target keeps so many of its eight layers on the device."""
    made = dict[int, Session]()

    def session(resident: int) -> Session:
        if resident not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Budget, "place", lambda _, wanted: (wanted, Placement(resident, 8 - resident)))
                made[resident] = finish(Session.open(with_head, "cpu", "graphs", room=1024, weights="exact", threads=1))
        return made[resident]

    yield session
    for each in made.values():
        each.close()


@pytest.fixture(scope="module")
def eager(with_head: ModelSet) -> Iterator[Session]:
    """Give a session that runs operation by operation."""
    session = finish(Session.open(with_head, "cpu", "eager", weights="exact", threads=1))
    yield session
    session.close()


def told(session: Session, preset: Preset, settings: str, tokens: int = TOKENS) -> list[Event]:
    sampling = SETTINGS[settings]
    return list(session.reply([("user", TEXT)], preset=preset, sampling=sampling, max_tokens=tokens))


def ids(events: list[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


@pytest.mark.parametrize(
    ("settings", "resident", "names"), [("greedy", 3, METHODS), ("drawn", 2, ("draft", "three", "inner"))]
)
def test_replies_are_those_of_a_target_that_stays(
    opened: Callable[[int], Session], settings: str, resident: int, names: Iterable[str]
) -> None:
    """Token for token, by every method, one after another over the same caches: after windows that stood whole, that
    broke at once, and that overshot.
    """
    plain = ids(told(opened(8), PRESETS["plain"], settings))
    session = opened(resident)
    assert isinstance(session._loaded.runner, StreamedRunner)
    assert len(plain) == TOKENS
    for name in names:
        assert ids(told(session, METHODS[name], settings)) == plain, name


def test_a_prompt_tells_how_far_it_is_and_may_be_stopped_between_layers(opened: Callable[[int], Session]) -> None:
    """Guards: a window that stands still for as long as all layers take to come, and caches of which some layers have
    read more than others, or whose taps have, after a Stop there.
    """
    session, text = opened(3), TEXT * 3
    for preset in (METHODS["exits"], PRESETS["plain"]):
        session._loaded.runner.rewind(0)
        reading = [event for event in asked(session, preset, text) if isinstance(event, Prefill)]
        done = [event.done for event in reading]
        assert len(done) > 2
        assert done == sorted(done)
        assert all(0 < event.done < event.total for event in reading[:-1])
        plain = ids(list(asked(session, PRESETS["plain"], text)))
        for stop in range(len(done)):
            session._loaded.runner.rewind(0)
            events = asked(session, preset, text)
            deque(islice(filter(lambda event: isinstance(event, Prefill), events), stop + 1), 0)
            events.close()
            assert ids(list(asked(session, preset, text))) == plain, stop


@pytest.mark.parametrize("name", ["plain", "draft", "exits"])
def test_a_reply_that_is_stopped_brings_no_further_layer(
    opened: Callable[[int], Session], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a Stop that waits for more than the pass under way, which takes tenths of a second."""
    session, came = opened(3), list[int]()
    bring = Bus._bring

    def noted(bus: Bus, turn: int) -> None:
        came.append(turn)
        bring(bus, turn)

    monkeypatch.setattr(Bus, "_bring", noted)
    reply = asked(session, METHODS[name], TEXT)
    deque(islice(filter(lambda event: isinstance(event, Drafting | Round), reply), 3), 0)
    before = len(came)
    for event in reply:  # the press comes while the next one is made
        assert len(came) - before <= 5, event
        break
    reply.close()
    assert len(came) - before <= 5


def test_closing_gives_the_computer_s_memory_back(family: ModelSet) -> None:
    """Guards: gigabytes of layers kept by a runner, a recording or a reply that was dropped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Budget, "place", lambda _, wanted: (wanted, Placement(2, 6, spread=True)))
        session = finish(Session.open(family, "cpu", "graphs", room=1024, weights="exact", threads=1))
    reply = asked(session, METHODS["draft"], TEXT)
    assert any(isinstance(event, Round) for event in reply)
    bus = session.loaded["target"].bus
    assert bus is not None
    hosted = [each.memory.untyped_storage()._weak_ref() for each in bus.hosted]
    assert bus.bytes == sum(each.memory.nbytes for each in bus.hosted) > 0
    reply.close()
    session.close()
    del bus, reply
    gc.collect()
    assert all(torch.UntypedStorage._expired(each) for each in hosted)


def asked(session: Session, preset: Preset, text: str) -> Generator[Event, None, None]:
    yield from session.reply([("user", text)], preset=preset, sampling=SETTINGS["drawn"], max_tokens=8)


@pytest.mark.parametrize("name", ["draft", "three", "inner"])
def test_what_is_proposed_is_what_the_recursion_proposes(
    opened: Callable[[int], Session], eager: Session, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: recorded levels that miss a token the target wrote behind theirs; replies alone would not show it."""
    monkeypatch.setattr(StreamedRunner, "adapts", False)
    found, expected = (proposed(told(session, METHODS[name], "drawn", 16)) for session in (opened(2), eager))
    assert found == expected
    assert len(found) > 5
    assert max(map(len, found)) > 5


def proposed(events: list[Event]) -> list[list[tuple[int, bool]]]:
    """Return the tokens of each round, and which of them settled."""
    return [
        [(token.id, token in event.settled) for token in event.tokens] for event in events if isinstance(event, Round)
    ]


@pytest.mark.parametrize(("resident", "there"), [(3, [InnerHead("qualifier")]), (8, [])])
def test_auto_has_the_head_of_the_middle_model_over_the_bus(
    opened: Callable[[int], Session], resident: int, there: list[Source]
) -> None:
    """Guards: a head that nobody chooses, and one that only runs operation by operation where the target stays."""
    session = opened(resident)
    assert session._chart._inner(session._loaded) == there


def test_windows_are_wide_unless_somebody_chose_them(opened: Callable[[int], Session]) -> None:
    """A pass takes as long for a hundred tokens as for one; the usual six would waste it."""
    usual = PRESETS["draft"]
    chosen = replace(usual, stages=(replace(usual.stages[0], window=Window(5)), usual.stages[1]))
    for preset, window in ((usual, 48), (chosen, 5), (PRESETS["hispec"], 12)):
        for _ in opened(2).prepare(preset):
            pass
        assert opened(2)._loaded.fit(preset).stages[-2].window == Window(window)
    assert opened(8)._loaded.fit(PRESETS["hispec"]) == PRESETS["hispec"]
    runner = opened(2)._loaded.runner
    assert isinstance(runner, StreamedRunner)
    planned = replace(chosen, name="auto")
    assert [runner._window(preset).tokens for preset in (planned, chosen)] == [48, 5]
