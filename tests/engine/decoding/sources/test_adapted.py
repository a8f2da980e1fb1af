"""Early exits with adapters: what they hold after verdicts of every kind, and the replies of sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine import config
from engine.architecture.holding import Holding
from engine.config import PRESETS, TARGET, ModelSet, Preset, Sampling, Stage, Window
from engine.decoding.laws import Sampler
from engine.decoding.sources import Materials, fitted, making
from engine.decoding.sources.adapted import AdaptedReader, Adapters
from engine.decoding.sources.making import Home
from engine.decoding.tape import Tape
from engine.decoding.trunk import Trunk
from engine.errors import CheckpointError
from engine.events import Event, Notice, Round, Started
from engine.model import Transformer, load
from engine.session import Session
from tests.engine.adapters import write_exits
from tests.engine.family import finish

DEPTHS = (2, 4)
HISPEC = PRESETS["hispec"]
LONGER = replace(  # a middle level that takes several turns, and writes nothing of its own
    HISPEC, stages=(HISPEC.stages[0], replace(HISPEC.stages[1], window=Window(4), bonus=False), HISPEC.stages[2])
)
ALONE = Preset("alone", "Alone", "One exit below the target.", (Stage(config.Exit(0.25), Window(3)), HISPEC.stages[-1]))
SAMPLINGS = {"greedy": Sampling(temperature=0), "drawn": Sampling(temperature=4, top_p=1, seed=5)}
TEXT = [7, 3, 99, 150, 42, 42, 8, 271, 5]


@pytest.fixture(scope="module")
def target(family: ModelSet) -> Transformer:
    return finish(load(family.target, torch.device("cpu")))


@pytest.fixture(scope="module")
def folder(target: Transformer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("set") / "exits"
    write_exits(place, target.architecture, DEPTHS)
    return place


@pytest.fixture
def beside(family: ModelSet, folder: Path) -> ModelSet:
    return ModelSet("With exits", {**family.models, "exits": folder})


class Bench:
    """Two exits of a target run by hand: what a chain asks of them, one thing at a time."""

    def __init__(self, target: Transformer, folder: Path) -> None:
        home = Home({TARGET: target}, Holding("cpu", "exact"), 64)
        own = making(config.Exit(DEPTHS[0] / target.layers, adapted=True)).load(folder, home)
        assert isinstance(own, Adapters)
        self.trunk, self.own, self.tape = Trunk(target), own, Tape(TEXT)
        self.trunk.cut((*DEPTHS, target.layers))
        materials = Materials({TARGET: self.trunk}, Sampler(SAMPLINGS["greedy"]), target.vocabulary, own={"exits": own})
        self.low, self.high = (
            AdaptedReader(own.adapters[depth], materials, Stage(config.Exit(depth / target.layers, adapted=True)), at)
            for at, depth in enumerate(DEPTHS)
        )

    def read(self, upto: int) -> None:
        """Read a prompt as a reply does: the target first."""
        self.trunk.advance(len(DEPTHS), self.tape, upto)
        for reader in (self.high, self.low):
            reader.prefill(self.tape, upto)

    def draft(self, tokens: int) -> list[Tensor]:
        """Return the laws of a draft of so many tokens by the lower exit, which go on the tape."""
        found = []
        for _ in range(tokens):
            laws = self.low.laws(self.tape, len(self.tape), 1)
            assert laws.logits is not None
            found.append(laws.logits[0])
            self.tape.append(int(laws.logits.argmax()))
        return found

    def sift(self, mark: int, kept: int, following: int) -> Tensor:
        """Return the laws by which the higher exit judges what was drafted; ``kept`` of it stand, one more comes."""
        laws = self.high.laws(self.tape, mark, len(self.tape) - mark + 1)
        self._cut(mark + kept, following)
        assert laws.logits is not None
        return laws.logits

    def judge(self, mark: int, kept: int, following: int) -> None:
        """Let the target see what stands from ``mark`` on, keep ``kept`` of it, and write one more."""
        self.trunk.advance(len(DEPTHS), self.tape, len(self.tape))
        self._cut(mark + kept, following)

    def _cut(self, length: int, following: int) -> None:
        del self.tape[length:]
        for reader in (self.high, self.low):
            reader.rewind(length)
        self.tape.append(following)


@torch.inference_mode()
def test_laws_after_any_verdict_are_those_of_a_fresh_start(target: Transformer, folder: Path) -> None:
    """A token that only a level above wrote, and one that was taken back, change what comes next."""
    bench = Bench(target, folder)
    bench.read(4)
    bench.read(len(TEXT) - 1)
    for number, (drafted, sifted, kept) in enumerate(
        (d, s, k) for d in range(1, 4) for s in range(d + 1) for k in range(s + 2)
    ):
        mark = len(bench.tape)
        bench.draft(drafted)
        bench.sift(mark, sifted, following=(41 * number + 3) % 300)
        bench.judge(mark, kept, following=(37 * number + 11) % 300)
        fresh = Bench(target, folder)
        fresh.tape = Tape(bench.tape)
        fresh.read(len(fresh.tape) - 1)
        mark = len(bench.tape)
        assert torch.stack(bench.draft(2)) == pytest.approx(torch.stack(fresh.draft(2)), abs=1e-3)
        assert bench.sift(mark, 0, 5) == pytest.approx(fresh.sift(mark, 0, 5), abs=1e-3)
        bench.judge(mark, 1, 6)


@torch.inference_mode()
def test_laws_are_those_of_the_layer_and_the_norm(target: Transformer, folder: Path) -> None:
    """Read by hand: the target's layers, then the adapter's, its norm, and the target's head."""
    bench = Bench(target, folder)
    bench.read(len(TEXT) - 1)
    (law,) = bench.draft(1)
    adapter = bench.own.adapters[DEPTHS[0]].model
    states = target.run(target.embed(torch.tensor(TEXT)), range(DEPTHS[0]), target.new_cache())
    assert law == pytest.approx(adapter.read(adapter.run(states, range(1), adapter.new_cache()))[-1], abs=1e-3)
    assert law != pytest.approx(target.read(states)[-1], abs=1e-2)


def ask(session: Session, conversation: Sequence[str], preset: Preset, sampling: Sampling) -> list[Event]:
    roles = ("user", "assistant")
    messages = [(roles[i % 2], words) for i, words in enumerate(conversation)]
    return [*session.reply(messages, preset=preset, sampling=sampling, max_tokens=12)]


def ids(events: Sequence[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


def conversations() -> list[list[str]]:
    """Return a conversation as it goes on, is answered again, is edited, and begins anew."""
    begun = ["The quick brown fox?", "jumps over the lazy dog. " * 3, "And then?"]
    return [begun[:1], begun, begun, [*begun[:2], "Why?"], ["naïve café", *begun[1:]]]


def test_replies_are_those_of_plain_decoding(family: ModelSet, beside: ModelSet) -> None:
    """Token for token, greedy and drawn, with the methods changing in between: adapters fall behind, and catch up."""
    session = finish(Session.open(beside, "cpu", "eager", threads=1))
    plain = finish(Session.open(family, "cpu", "eager", threads=1))
    session._loaded.runner.chunk = 7
    kept = Counter[int]()
    presets = [ALONE, HISPEC, LONGER]
    for number, conversation in enumerate(conversations()):
        for sampling in SAMPLINGS.values():
            expected = ids(ask(plain, conversation, PRESETS["plain"], sampling))
            events = ask(session, conversation, presets[number % 3], sampling)
            assert ids(events) == expected
            kept.update(token.level for event in events if isinstance(event, Round) for token in event.settled)
    (started,) = (e for e in ask(session, ["Once more"], HISPEC, SAMPLINGS["greedy"]) if isinstance(e, Started))
    assert [level.detail for level in started.levels[:2]] == [
        f"{depth} of 8 layers, and one taught to it" for depth in DEPTHS
    ]
    assert kept[0] > 4


def test_a_set_with_adapters_is_left_where_they_are(target: Transformer, folder: Path) -> None:
    """Each serves one level; doing it twice is doing it once. Without adapters nothing changes."""
    models, folders = {TARGET: target}, {"exits": folder}
    made = fitted(HISPEC, models, folders)
    assert [stage.source for stage in made.stages[:2]] == [config.Exit(depth / 8, adapted=True) for depth in DEPTHS]
    assert fitted(made, models, folders) == made
    assert fitted(HISPEC, models) == HISPEC
    assert made.roles == {TARGET, "exits"}
    assert HISPEC.roles == made.whole == {TARGET}


def test_auto_chooses_among_adapted_exits_too(family: ModelSet, beside: ModelSet) -> None:
    """As it does among those that a model was trained for."""
    session, plain = (finish(Session.open(models, "cpu", "eager", threads=1)) for models in (beside, family))
    for sampling in SAMPLINGS.values():
        events = ask(session, ["The quick brown fox?"], PRESETS["auto"], sampling)
        assert ids(events) == ids(ask(plain, ["The quick brown fox?"], PRESETS["plain"], sampling))
    (started,) = (event for event in events if isinstance(event, Started))
    assert [level.detail for level in started.levels if "taught" in level.detail]
    assert session._loaded.runner.held(fitted(HISPEC, session.loaded, beside.models)) >= 0


def test_adapters_that_cannot_be_read_are_said(beside: ModelSet, target: Transformer, tmp_path: Path) -> None:
    """Whoever asked for them hears why; Auto answers without."""
    write_exits(tmp_path / "exits", target.architecture, DEPTHS, changes={"vocab_size": 77})
    session = finish(Session.open(ModelSet("Damaged", {**beside.models, "exits": tmp_path / "exits"}), "cpu"))
    with pytest.raises(CheckpointError, match="made for another model"):
        ask(session, ["The quick"], HISPEC, SAMPLINGS["greedy"])
    events = ask(session, ["The quick"], PRESETS["auto"], SAMPLINGS["greedy"])
    assert ["made for another model" in event.sentence for event in events if isinstance(event, Notice)] == [True]
    assert ids(events)
