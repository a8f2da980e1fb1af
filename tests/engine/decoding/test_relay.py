"""Guards: a small model with a short context must neither end the chat, nor its answer, nor change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from engine.config import PRESETS, ModelSet, Preset, Sampling
from engine.decoding.relay import within
from engine.events import Event, Finished, Loading, Round, Started
from engine.loaded import How
from engine.session import Session
from tests.engine.family import finish, write_family
from tests.engine.model.tiny import change_config

GREEDY = Sampling(temperature=0)
SHORT = 40


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    root: Path = tmp_path_factory.mktemp("short")
    found = write_family(root)
    change_config(root / "draft", max_position_embeddings=SHORT)
    change_config(root / "qualifier", max_position_embeddings=2 * SHORT)
    return found


@pytest.fixture(scope="module")
def plain(models: ModelSet) -> Callable[[int], list[int]]:
    """Give the ids of plain decoding by the words of the prompt, each run once."""
    session = finish(Session.open(models, "cpu", "eager"))
    return cache(lambda words: ids(ask(session, PRESETS["plain"], words)))


@pytest.fixture(scope="module")
def opened(models: ModelSet) -> Callable[[How], Session]:
    """Give a session of each way of running."""
    return cache(lambda how: finish(Session.open(models, "cpu", how)))


def ask(session: Session, preset: Preset, words: int, tokens: int = 60, sampling: Sampling = GREEDY) -> list[Event]:
    events = session.reply([("user", "fox " * words)], preset=preset, sampling=sampling, max_tokens=tokens)
    return [event for event in events if not isinstance(event, Loading)]


def ids(events: list[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


@pytest.mark.parametrize("how", ["eager", "graphs"])
@pytest.mark.parametrize("name", ["draft", "hsd"])
@pytest.mark.parametrize(
    "words", [4, 11, 25, 60]
)  # the prompt below the draft's context, about it, above it, above both
def test_answers_go_on_without_a_model_that_is_full(
    opened: Callable[[How], Session], plain: Callable[[int], list[int]], how: How, name: str, words: int
) -> None:
    """Behind prompts of all lengths, over the same caches: nothing may be left in them."""
    session, preset = opened(how), replace(PRESETS[name], planned=False)
    events = ask(session, preset, words)
    assert ids(events) == plain(words)
    started, end = next(event for event in events if isinstance(event, Started)), events[-1]
    assert isinstance(end, Finished)
    assert started.context == session.context(preset) == session.loaded["target"].context == 256
    top, length = len(started.levels) - 1, started.prompt
    for round_ in (event for event in events if isinstance(event, Round)):
        assert all(token.reached == top for token in round_.settled)
        for made in round_.passes:
            title = started.levels[made.level].title
            assert title != "Draft" or length < SHORT
            assert title != "Qualifier" or length < 2 * SHORT
        length += len(round_.settled)


@pytest.mark.parametrize("how", ["eager", "graphs"])
def test_a_change_of_chain_changes_no_token(opened: Callable[[How], Session], how: How) -> None:
    """Who takes over in mid-reply draws with the same noise."""
    session = opened(how)
    sampling = Sampling(temperature=1, seed=3)
    expected = ids(ask(session, PRESETS["plain"], 4, sampling=sampling))
    assert ids(ask(session, PRESETS["hsd"], 4, sampling=sampling)) == expected


def test_only_the_levels_that_are_full_are_left_out() -> None:
    contexts = {"draft": 64, "qualifier": 128, "target": 256}
    hsd = PRESETS["hsd"]
    assert within(hsd, 63, contexts.__getitem__) is hsd
    assert within(hsd, 64, contexts.__getitem__).stages == hsd.stages[1:]
    assert within(hsd, 128, contexts.__getitem__) == PRESETS["plain"]
    assert within(PRESETS["lookup"], 255, contexts.__getitem__) is PRESETS["lookup"]
