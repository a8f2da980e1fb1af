"""An EAGLE-3 head as a level: what it holds after verdicts of every kind, and the replies of a session that has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine import config
from engine.architecture.holding import Holding
from engine.config import PRESETS, TARGET, ModelSet, Preset, Sampling, Stage, Window
from engine.decoding.laws import Sampler
from engine.decoding.sources import Materials, fitted, making
from engine.decoding.sources.head import HeadReader, Rows
from engine.decoding.sources.making import FRUGAL, Home
from engine.decoding.tape import Tape
from engine.decoding.trunk import Trunk
from engine.errors import DeviceError
from engine.events import Event, Finished, Notice, Round, Started
from engine.model import Transformer, load
from engine.session import Session
from tests.engine.family import finish
from tests.engine.heads import FORMATS, write_head

PRESET = replace(PRESETS["head"], stages=(Stage(config.Head(), Window(5)), *PRESETS["plain"].stages))
DEEP = Preset(  # below a level in the middle, which asks for more before the target has judged
    "deep", "Deep", "A head below an exit.", (PRESET.stages[0], *PRESETS["hispec"].stages[1:])
)
SAMPLINGS = {
    "greedy": Sampling(temperature=0),
    "drawn": Sampling(temperature=4, top_p=1, seed=5),
}  # so even that levels agree
TEXT = [7, 3, 99, 150, 42, 42, 8, 271, 5]


@pytest.fixture(scope="module")
def target(family: ModelSet) -> Transformer:
    return finish(load(family.target, torch.device("cpu")))


@pytest.fixture(scope="module")
def folders(family: ModelSet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give a head of every format."""
    root, tensors = tmp_path_factory.mktemp("heads"), load_file(family.target / "model.safetensors")
    for name in FORMATS:
        write_head(root / name, name, tensors)
    return {name: root / name for name in FORMATS}


def beside(family: ModelSet, folder: Path) -> ModelSet:
    return ModelSet("With a head", {**family.models, "head": folder})


class Bench:
    """A head and a target run by hand: what a chain asks of them, one thing at a time."""

    def __init__(self, target: Transformer, folder: Path) -> None:
        home, source = Home({TARGET: target}, Holding("cpu", "exact"), 64), config.Head()
        rows = making(source).load(folder, home)
        assert isinstance(rows, Rows)
        self.trunk, self.rows, self.tape = Trunk(target), rows, Tape(TEXT)
        self.materials = Materials(
            {TARGET: self.trunk}, Sampler(SAMPLINGS["greedy"]), target.vocabulary, own={"head": rows}
        )
        self.open()

    def open(self) -> None:
        """Set it to work, as a reply does."""
        self.trunk.cut((self.trunk.model.layers,))
        self.reader = HeadReader(self.rows, self.materials, 0)

    def read(self, upto: int) -> None:
        """Read a prompt as a reply does: the target first."""
        self.trunk.advance(0, self.tape, upto)
        self.reader.prefill(self.tape, upto)

    def draft(self, tokens: int) -> list[Tensor]:
        """Return the laws of a draft of so many tokens, which go on the tape."""
        found = []
        for _ in range(tokens):
            (logits,) = self.reader.laws(self.tape, len(self.tape), 1).logits  # type: ignore[misc]
            found.append(logits)
            self.tape.append(int(logits.argmax()))
        return found

    def judge(self, mark: int, kept: int, following: int) -> None:
        """Let the target see what was drafted from ``mark`` on, ``kept`` of it stand, and ``following`` come next."""
        self.trunk.advance(0, self.tape, len(self.tape))
        del self.tape[mark + kept :]
        self.trunk.rewind(len(self.tape))
        self.reader.rewind(len(self.tape))
        self.tape.append(following)


@pytest.mark.parametrize("name", ["safeailab", "speculators, qwen3"])
@torch.inference_mode()
def test_drafts_after_any_verdict_are_those_of_a_fresh_start(
    name: str, target: Transformer, folders: dict[str, Path]
) -> None:
    """Rows of guesses left in the cache, or a row of a token that was taken back, change what comes next."""
    bench = Bench(target, folders[name])
    bench.read(4)
    bench.read(len(TEXT) - 1)
    for drafted in range(1, 8):
        for kept in range(drafted + 1):
            mark = len(bench.tape)
            if mark > 50:  # begin anew: a conversation that is edited
                del bench.tape[6:]
                bench.trunk.rewind(4)
                bench.rows.rewind(4)
                bench.open()
                bench.read(5)
                mark = 6
            bench.draft(drafted)
            bench.judge(mark, kept, following=(37 * drafted + kept) % 300)
            fresh = Bench(target, folders[name])
            fresh.tape = Tape(bench.tape)
            fresh.read(len(fresh.tape) - 1)
            assert torch.cat(bench.draft(3)) == pytest.approx(torch.cat(fresh.draft(3)), abs=1e-3)
            del bench.tape[-3:]
            bench.reader.rewind(len(bench.tape))


@torch.inference_mode()
def test_a_tape_of_one_token_has_nothing_to_read(target: Transformer, folders: dict[str, Path]) -> None:
    """Every row takes two tokens."""
    bench = Bench(target, folders["safeailab"])
    bench.tape = Tape(TEXT[:1])
    (logits,) = bench.draft(1)
    assert logits.isfinite().all()


def ask(session: Session, conversation: Sequence[str], preset: Preset, sampling: Sampling) -> list[Event]:
    roles = ("user", "assistant")
    messages = [(roles[i % 2], words) for i, words in enumerate(conversation)]
    return [*session.reply(messages, preset=preset, sampling=sampling, max_tokens=12)]


def ids(events: Sequence[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


def conversations() -> Iterator[list[str]]:
    """Yield a conversation as it goes on, is answered again, is edited, and begins anew."""
    begun = ["The quick brown fox?", "jumps over the lazy dog. " * 3, "And then?"]
    yield begun[:1]
    yield begun
    yield begun
    yield [*begun[:2], "Why?"]
    yield ["naïve café", *begun[1:]]


@pytest.mark.parametrize("name", ["safeailab", "another width"])
def test_replies_are_those_of_plain_decoding(name: str, family: ModelSet, folders: dict[str, Path]) -> None:
    """Token for token, greedy and drawn, with the methods changing in between."""
    session = finish(Session.open(beside(family, folders[name]), "cpu", "eager", threads=1))
    plain = finish(Session.open(family, "cpu", "eager", threads=1))
    session._loaded.runner.chunk = 7
    for conversation in conversations():
        for sampling, preset in zip(SAMPLINGS.values(), (DEEP, PRESET), strict=True):
            expected = ids(ask(plain, conversation, PRESETS["plain"], sampling))
            assert ids(ask(session, conversation, preset, sampling)) == expected
    events = ask(session, ["Once more"], PRESET, SAMPLINGS["greedy"])
    (started,) = (event for event in events if isinstance(event, Started))
    taps = ", ".join(map(str, FORMATS[name].taps))
    assert (started.levels[0].kind, started.levels[0].detail) == ("head", f"reads layers {taps}")
    assert any(made.level == 0 for event in events if isinstance(event, Round) for made in event.passes)


def told(events: Sequence[Event]) -> list[object]:
    """Return the rounds without their times: each token's fate, and the level and kind of each pass."""
    return [
        (
            [(t.id, t.level, t.reached, t.rejected_by, t.discarded) for t in event.tokens],
            [(made.level, made.kind) for made in event.passes],
        )
        for event in events
        if isinstance(event, Round)
    ]


def made_by(session: Session) -> tuple[Tensor, int]:
    """Return the keys of a session's head, [kv_heads, room, head_dim], and how many rows are held."""
    rows = session._loaded.own["head"]
    assert isinstance(rows, Rows)
    return rows.past.keys, rows.held


@pytest.mark.parametrize("name", ["specforge", "deepspec"])
def test_recorded_rounds_are_those_of_the_recursion(name: str, family: ModelSet, folders: dict[str, Path]) -> None:
    """A row or a feature of the wrong position, or one that was never made again, guesses otherwise."""
    models = beside(family, folders[name])
    recorded, called = (
        finish(Session.open(models, "cpu", how, weights="exact", threads=1)) for how in ("graphs", "eager")
    )
    kept = Counter[int]()
    for conversation in [*conversations()][1:4]:
        for sampling, preset in zip(SAMPLINGS.values(), (DEEP, PRESET), strict=True):
            events = ask(recorded, conversation, preset, sampling)
            assert (recorded.how, recorded.why_eager) == ("graphs", "")
            assert told(events) == told(ask(called, conversation, preset, sampling))
            (some, held), (others, also) = (made_by(session) for session in (recorded, called))
            assert some[:, : min(held, also)] == pytest.approx(others[:, : min(held, also)], abs=1e-3)
            kept.update(token.level for event in events if isinstance(event, Round) for token in event.settled)
    assert kept[0] > 9  # or nothing of what it guesses would matter


def test_a_processor_guesses_less_unless_asked(family: ModelSet, folders: dict[str, Path]) -> None:
    """A pass over five rows takes twice as long there, for tokens that are seldom kept so far."""
    session = finish(Session.open(beside(family, folders["safeailab"]), "cpu", "eager", threads=1))
    for preset, window in ((PRESETS["head"], FRUGAL.tokens), (PRESET, 5)):
        (started,) = (e for e in ask(session, ["The quick"], preset, SAMPLINGS["greedy"]) if isinstance(e, Started))
        assert [level.window for level in started.levels] == [window, 0]
    smaller = Stage(config.Model("draft"), Window(4))
    whole = replace(PRESETS["auto"], stages=(smaller, *PRESETS["plain"].stages))
    assert fitted(whole, session.loaded).stages[0].window == FRUGAL, "as Draft has it"
    assert fitted(replace(whole, gathers=False), session.loaded).stages[0] == smaller


def test_without_room_for_its_head_a_set_answers_all_the_same(
    family: ModelSet, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so once; with room again, the head is there."""
    session = finish(Session.open(beside(family, folders["safeailab"]), "cpu", "eager", threads=1))
    expected = ids(ask(session, ["The quick"], PRESETS["plain"], SAMPLINGS["greedy"]))
    asked, full = list[int](), True

    def require(_budget: object, part: str, size: int) -> None:
        asked.append(size)
        if full:
            raise DeviceError(f"{part} needs more memory than is free.")

    monkeypatch.setattr("engine.budget.Budget.require_bytes", require)
    for notices in (1, 0):
        events = ask(session, ["The quick"], PRESET, SAMPLINGS["greedy"])
        assert ids(events) == expected
        assert [event.sentence for event in events if isinstance(event, Notice)] == [
            "With a head head needs more memory than is free. The answer is written without it."
        ][:notices]
        assert isinstance(events[-1], Finished)
    full = False
    events = ask(session, ["The quick"], PRESET, SAMPLINGS["greedy"])
    assert ids(events) == expected
    assert {made.level for event in events if isinstance(event, Round) for made in event.passes} == {0, 1}
    assert len(set(asked)) == 1
    assert asked[0] > 0
