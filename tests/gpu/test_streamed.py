"""A target whose layers come over the bus to a CUDA device: the words of one that stays there; memory comes back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import psutil
import pytest

pytest.importorskip("torch")

import torch

from engine.architecture import read_architecture
from engine.budget import Budget
from engine.config import PRESETS, ModelSet, Preset, Sampling, Stage, Window
from engine.config.sources import Exit, InnerHead, Lookup, Model
from engine.decoding.streamed import StreamedRunner
from engine.events import Event, Loading, Round
from engine.model import load
from engine.model.streaming import hosted
from engine.model.wide import Wide
from engine.placement import Placement
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.family import finish
from tests.engine.heads import write_head_for
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CUDA = torch.device("cuda")
TARGET = PRESETS["plain"].stages[0]
METHODS = {
    "plain": PRESETS["plain"],
    "lookup": PRESETS["lookup"],
    "draft": Preset("draft", "", "", (Stage(Model("draft"), Window(24)), TARGET)),
    "three": Preset("three", "", "", (Stage(Model("draft"), Window(4)), Stage(Model("qualifier"), Window(40)), TARGET)),
    "copied": Preset("copied", "", "", (Stage(Lookup(), Window(7)), Stage(Model("draft"), Window(9)), TARGET)),
    "auto": PRESETS["auto"],
    "inner": Preset(
        "inner", "", "", (Stage(InnerHead("qualifier"), Window(4)), Stage(Model("qualifier"), Window(40)), TARGET)
    ),
    "exits": Preset("exits", "", "", (Stage(Exit(1 / 8), Window(3)), Stage(Exit(1 / 4), Window(12)), TARGET)),
}
SETTINGS = {"greedy": Sampling(temperature=0), "usual": Sampling(temperature=0.7, top_p=0.9, seed=2)}


@cache
def with_head() -> ModelSet:
    """Return the family with a head for its middle model, made the first time it is asked for."""
    models = pocket_models(wide=True)
    folder, middle = models.target.parent / "qualifier-head", read_architecture(models.models["qualifier"])
    write_head_for(folder, middle, middle.vocabulary // 2)
    return replace(models, models={**models.models, "qualifier-head": folder})


def opened(resident: int, spread: bool = False) -> Session:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Budget, "place", lambda _, wanted: (min(wanted, 2048), Placement(resident, 16 - resident, spread))
        )
        return finish(Session.open(with_head(), "cuda"))


@pytest.fixture(scope="module")
def stays() -> Iterator[Session]:
    session = opened(16)
    yield session
    session.close()


@pytest.fixture(scope="module", params=[(4, False), (7, True)])
def streamed(request: pytest.FixtureRequest) -> Iterator[Session]:
    session = opened(*request.param)
    yield session
    session.close()


def told(session: Session, preset: Preset, prompt: str, sampling: Sampling) -> list[Event]:
    events = session.reply([("user", prompt)], preset=preset, sampling=sampling, max_tokens=80)
    return [event for event in events if not isinstance(event, Loading)]


def ids(events: list[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


@pytest.mark.parametrize("name", SETTINGS)
def test_replies_are_those_of_a_target_that_stays(stays: Session, streamed: Session, name: str) -> None:
    """A layer read before it came, or overwritten while it was read, says other words."""
    assert isinstance(streamed._loaded.runner, StreamedRunner), streamed.why_eager
    for prompt in PROMPTS[1:3]:
        plain = ids(told(stays, PRESETS["plain"], prompt, SETTINGS[name]))
        for method, preset in METHODS.items():
            assert ids(told(streamed, preset, prompt, SETTINGS[name])) == plain, method


@pytest.mark.parametrize("pinned", [True, False])
@torch.inference_mode()
def test_states_are_the_same_bit_for_bit(pinned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens share a pass, and however the host's memory is held; a long prompt too."""
    if not pinned:
        monkeypatch.setattr(hosted, "_pin", lambda _: False)
    folder = pocket_models(wide=True).target
    whole, streamed = (finish(load(folder, CUDA, placement=Placement(at, 16 - at, at == 5))) for at in (16, 5))
    assert streamed.bus is not None
    assert streamed.bus.pinned is pinned
    text = torch.randint(whole.vocabulary, (700,), generator=torch.Generator().manual_seed(1))
    found = []
    for model, cuts in ((whole, [500, 1, 16, 128, 55]), (streamed, [500, 3, 90, 107]), (streamed, [500, 128, 1, 71])):
        wide = Wide(model, 1024)
        wide.dense_to = 400
        parts = (wide.run(model.embed(some), range(model.layers), wide.cache) for some in torch.split(text, cuts))
        found.append(wide.read(torch.cat([*parts])))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_memory_comes_back() -> None:
    """Of the device and of the host."""
    folder, process = pocket_models(wide=True).target, psutil.Process()
    gc.collect()
    before, host = torch.cuda.memory_allocated(), 0
    for turn in range(4):
        model = finish(load(folder, CUDA, placement=Placement(2, 14)))
        del model
        gc.collect()
        assert torch.cuda.memory_allocated() <= before
        host = process.memory_info().rss if turn == 0 else host
    assert process.memory_info().rss < host + (8 << 20)
