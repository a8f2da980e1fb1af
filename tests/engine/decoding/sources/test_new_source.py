"""A source that nobody knows, in one file: weights of its own, two taps of the target, run by a session."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.config import PRESETS, TARGET, ModelSet, Preset, Role, Sampling, Source, Stage, Window
from engine.decoding.laws import Laws
from engine.decoding.sources import Home, Making, Materials, Own, makes
from engine.decoding.trunk import Tap, Trunk
from engine.errors import ModelSetError, SettingError
from engine.events import Event, Finished, Round, Started, from_json, to_json
from engine.session import Session
from tests.engine.family import finish

WEIGHTS = "model.safetensors"
DEPTHS = 3, 6  # of the target's eight layers


@dataclass(frozen=True, slots=True)
class Toy(Source):
    """Guesses by the mean of what two layers of the target made of all tokens so far."""

    kind: ClassVar[str] = "toy"

    @property
    def roles(self) -> Mapping[Role, str]:
        return {"head": "a drafting head"}

    @property
    def own(self) -> Role:
        return "head"


class Head:
    """The weights, and the running sum of the features of every position, [held + 1, 2 * width]."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights  # [width, 2 * width]
        self.sums = weights.new_zeros(1, weights.shape[1])

    @property
    def held(self) -> int:
        return len(self.sums) - 1

    def rewind(self, length: int) -> None:
        self.sums = self.sums[: length + 1]

    def take(self, features: Tensor) -> None:
        self.sums = torch.cat([self.sums, self.sums[-1] + features.cumsum(0)])


class HeadReader:
    """The head at work on the states of a target."""

    def __init__(self, head: Head, trunk: Trunk, materials: Materials, index: int) -> None:
        self.head, self.trunk, self.index = head, trunk, index
        self.vocabulary, self.sampler = materials.vocabulary, materials.sampler
        self.taps: list[Tap] = [trunk.tap(depth, head.held) for depth in DEPTHS]

    def laws(self, tape: Sequence[int], mark: int, rows: int) -> Laws:
        assert rows == 1, "it only drafts"
        self._take()
        newest = self.trunk.model.embed(torch.tensor(tape[mark - 1 : mark]))
        mean = self.head.sums[-1:] / max(self.head.held, 1)
        logits = self.trunk.model.read(newest + mean @ self.head.weights.T)[:, : self.vocabulary]
        return Laws(self.sampler.shape(logits, tape, mark), logits, 1)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        self._take()
        assert self.head.held == upto < len(tape), "the target reads a prompt first, chunk by chunk"

    def rewind(self, length: int) -> None:
        self.head.rewind(length)

    def _take(self) -> None:
        stop = min(tap.stop for tap in self.taps)
        self.head.take(torch.cat([tap.states(self.head.held, stop) for tap in self.taps], dim=1))
        for tap in self.taps:
            tap.release(stop)


@makes(Toy)
class OfToy(Making[Toy]):
    """What makes levels of it."""

    def about(self, _own: Own) -> str:
        return "reads two layers"

    def load(self, folder: Path, home: Home) -> Head:
        weights = load_file(folder / WEIGHTS)["weight"]
        assert weights.shape[0] == home.models[TARGET].width
        return Head(weights)

    def reader(self, materials: Materials, _stage: Stage, index: int) -> HeadReader:
        head = materials.own["head"]
        assert isinstance(head, Head)
        return HeadReader(head, materials.trunks[TARGET], materials, index)


PRESET = Preset("toy", "Toy", "A head guesses.", (Stage(Toy(), Window(3)), *PRESETS["plain"].stages))


@pytest.fixture
def models(family: ModelSet, tmp_path: Path) -> ModelSet:
    draw = torch.Generator().manual_seed(5)
    save_file({"weight": torch.randn(32, 64, generator=draw) / 8}, tmp_path / WEIGHTS)
    return ModelSet("Toy", {TARGET: family.target, "head": tmp_path})


def ask(session: Session, words: str, preset: Preset, seed: int | None = None) -> list[Event]:
    sampling = Sampling(temperature=0.0 if seed is None else 0.8, seed=seed)
    return [*session.reply([("user", words)], preset=preset, sampling=sampling, max_tokens=16)]


def text(events: Sequence[Event]) -> str:
    assert isinstance(events[-1], Finished)
    return events[-1].text


def features(session: Session, tape: Sequence[int]) -> Tensor:
    """Return the sum of the features of ``tape``, computed from nothing."""
    target = session.loaded[TARGET]
    states, cache, found, at = target.embed(torch.tensor(tape)), target.new_cache(), [], 0
    for depth in DEPTHS:
        states, at = target.run(states, range(at, depth), cache), depth
        found.append(states.sum(0))
    return torch.cat(found)


def test_it_runs_through_a_session(models: ModelSet) -> None:
    """Prefill in chunks, vetoes and rewinds, another preset in between: the head must have seen every position once."""
    session, plain = (
        finish(Session.open(models, "cpu", "eager", threads=1)),
        finish(Session.open(models, "cpu", "eager", threads=1)),
    )
    session._loaded.runner.chunk = 5
    long = "The quick brown fox jumps. " * 2
    for words, preset in ((long, PRESET), ("The quick", PRESETS["hispec"]), (long + "Why?", PRESET)):
        events = ask(session, words, preset)
        assert text(events) == text(ask(plain, words, PRESETS["plain"]))
    head = session._loaded._own["head"]
    assert isinstance(head, Head)
    assert head.held > 20
    assert head.sums[-1] == pytest.approx(features(session, session._tape[: head.held]), abs=0.01)
    assert text(ask(session, "A draw", PRESET, seed=3)) == text(ask(plain, "A draw", PRESETS["plain"], seed=3))

    (started,) = [event for event in events if isinstance(event, Started)]
    assert [(level.title, level.detail, level.kind) for level in started.levels[:1]] == [
        ("Draft", "reads two layers", "toy")
    ]
    rounds = [event for event in events if isinstance(event, Round)]
    assert {token.level for each in rounds for token in each.tokens} == {0, 1}
    assert all(len([made for made in each.passes if made.level == 0]) <= 3 for each in rounds)
    assert [from_json(json.loads(json.dumps(to_json(event)))) for event in events] == events


def test_what_cannot_run_it_says_so(models: ModelSet, family: ModelSet) -> None:
    """A set without the weights, a kind nobody registered, and one without laws above another: a sentence each."""
    session = finish(Session.open(family, "cpu", "eager", threads=1))
    with pytest.raises(ModelSetError, match="lacks a drafting head, which this method needs"):
        ask(session, "Hello", PRESET)

    @dataclass(frozen=True, slots=True)
    class Unknown(Source):
        kind: ClassVar[str] = "riddle"

    unknown = replace(PRESET, stages=(Stage(Unknown()), *PRESET.stages[1:]))
    with pytest.raises(SettingError, match="cannot run “riddle”"):
        ask(session, "Hello", unknown)
    with pytest.raises(SettingError, match="no laws of its own"):
        replace(PRESET, stages=(PRESET.stages[0], PRESETS["lookup"].stages[0], *PRESET.stages[1:]))


def test_where_recordings_are_replayed_it_runs_without(models: ModelSet) -> None:
    """Until somebody records it, the session goes on operation by operation, and says why."""
    session = finish(Session.open(models, "cpu", "graphs", threads=1))
    plain = finish(Session.open(models, "cpu", "eager", weights="exact", threads=1))  # as recordings hold them
    ask(session, "The quick", PRESETS["plain"])
    assert session.how == "graphs"
    assert text(ask(session, "The quick brown", PRESET)) == text(ask(plain, "The quick brown", PRESETS["plain"]))
    assert (session.how, session.why_eager) == ("eager", "passes of “toy” are not recorded")
