"""The recorded chains, run as plain calls on a CPU: the same replies and rounds as the recursion they stand for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby, islice, product
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.config import PRESETS, Acceptance, ModelSet, Preset, Sampling, Window
from engine.decoding.eager import EagerRunner
from engine.decoding.goodput import Goodput
from engine.decoding.graphs import GraphRunner, stack
from engine.decoding.graphs.capture import Recorder
from engine.decoding.graphs.device import Device
from engine.decoding.tape import Tape
from engine.errors import DeviceError
from engine.events import Drafting, Event, Finished, Loading, Round, Started
from engine.loaded import How
from engine.model import Cache, Transformer, load
from engine.session import Session
from tests.engine.decoding.depths import record_depths
from tests.engine.family import finish

GREEDY = Sampling(temperature=0, seed=1)
QUESTION = [("user", "The quick brown fox?")]
TOKENS = 24  # of a reply: a dozen rounds or more, as random models seldom agree
WIDE = replace(
    PRESETS["hsd"],
    name="wide",
    planned=False,
    stages=tuple(replace(stage, window=Window(20)) for stage in PRESETS["hsd"].stages),
)
SHY = replace(  # nothing is handed up in excess, and drafting stops early
    PRESETS["hispec"],
    name="shy",
    stages=(
        *(replace(stage, bonus=False, window=Window(4, entropy=1.0)) for stage in PRESETS["hispec"].stages[:2]),
        replace(PRESETS["hispec"].stages[2], bonus=False),
    ),
)
MIXED = replace(  # a model below an exit of another
    PRESETS["hispec"],
    name="mixed",
    stages=(PRESETS["draft"].stages[0], *PRESETS["hispec"].stages[1:]),
)
LOOSE = [  # keep some of what random models say that is not the target's own, and veto some
    replace(
        PRESETS["pyramid"],
        name=rule.rule,
        stages=(
            PRESETS["pyramid"].stages[0],
            *(replace(stage, acceptance=rule) for stage in PRESETS["pyramid"].stages[1:]),
        ),
    )
    for rule in (Acceptance("fuzzy", 2.3), Acceptance("likely", 4.0), Acceptance("trusted", 0.9))
]
WHOLE = [preset for preset in PRESETS.values() if preset.roles == preset.whole]  # what whole models can run
Open = Callable[[str], Session]


def unplanned(preset: Preset) -> Preset:
    """Return ``preset`` as it is written: a plan hangs on what passes took."""
    return replace(preset, planned=False)


@pytest.fixture(scope="module")
def session(family: ModelSet) -> Open:
    """Give sessions on the tiny family, one for each way of running it, with the weights as recordings have them."""
    sessions = {how: finish(Session.open(family, "cpu", how, weights="exact")) for how in ("graphs", "eager")}
    return sessions.__getitem__


def ask(
    session: Session, preset: Preset, sampling: Sampling = GREEDY, tokens: int = TOKENS, **options: Any
) -> list[Event]:
    events = session.reply(QUESTION, preset=preset, sampling=sampling, max_tokens=tokens, **options)
    return [event for event in events if not isinstance(event, Loading)]


def first_window(session: Session, preset: Preset) -> list[Event]:
    """Return what a reply tells until the level above the bottom has judged for the first time."""
    events: list[Event] = []
    for event in session.reply(QUESTION, preset=preset, sampling=GREEDY, max_tokens=TOKENS):
        if not isinstance(event, Loading):
            events.append(event)
        if isinstance(event, Drafting) and len(event.tokens[0].judged) > 1:
            break
    return events


def told(events: list[Event]) -> list[Any]:
    """Return the rounds without their times: each token's fate, and the level and kind of each pass."""
    return [
        (
            [(t.id, t.level, t.reached, t.rejected_by, t.discarded, t.ranks, t.instead) for t in event.tokens],
            [(p.level, p.kind) for p in event.passes],
            event.text,
        )
        for event in events
        if isinstance(event, Round)
    ]


def windows(events: list[Event]) -> list[tuple[int, int]]:
    """Return the window each level ran with and the one it was asked for."""
    (started,) = [event for event in events if isinstance(event, Started)]
    return [(level.window, level.asked) for level in started.levels]


def longest(events: list[Event]) -> int:
    """Return the most passes in a row in which the bottom level drafted."""
    passes = [made.kind for event in events if isinstance(event, Round) for made in event.passes]
    return max(len(list(run)) for kind, run in groupby(passes) if kind == "draft")


def others(events: list[Event]) -> int:
    """Return how many tokens of a reply are not what the target would have written."""
    return sum(token.instead is not None for event in events if isinstance(event, Round) for token in event.settled)


def ids(events: list[Event]) -> tuple[int, ...]:
    return tuple(token.id for event in events if isinstance(event, Round) for token in event.settled)


@pytest.mark.parametrize("preset", [*map(unplanned, WHOLE), *LOOSE, SHY, MIXED], ids=lambda preset: preset.name)
def test_rounds_are_those_of_the_recursion(session: Open, preset: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong row, mark or position changes who is told to have written or vetoed what, long before the reply.

    No window is said to be cut where it fits. A recorded lookup copies as much as it is asked to; so does the other,
    and drafts as long as it is asked to: recordings do not stop by what a processor's windows ask for.
    """
    monkeypatch.setattr(Goodput, "worth", lambda _goodput, _length, most: most)
    for kind in ("model", "head"):
        monkeypatch.setattr(f"engine.decoding.sources.{kind}.frugal", lambda preset, *_: preset)
    recorded, called = ask(session("graphs"), preset), ask(session("eager"), preset)
    assert told(recorded) == told(called)
    ends = [event for event in (recorded[-1], called[-1]) if isinstance(event, Finished)]
    assert ends[0].foreign == ends[1].foreign == others(called)
    assert ends[0].lag == pytest.approx(ends[1].lag, abs=1e-3)
    assert (0 < others(called) < TOKENS) == (preset in LOOSE)
    asked = [(stage.window.tokens, stage.window.tokens) for stage in preset.stages[:-1]]
    assert windows(recorded) == windows(called) == [*asked, (0, 0)]


@pytest.mark.parametrize("how", ["graphs", "eager"])
def test_the_recursion_that_is_shown_is_the_one_that_runs(
    session: Open, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a second recursion, or a way around it, on one of the two devices."""
    depths = record_depths(monkeypatch)
    rounds = sum(isinstance(event, Round) for event in ask(session(how), unplanned(PRESETS["hsd"])))
    assert Counter(depths)[2] == rounds  # a production of the target a round
    assert set(depths) == {0, 1, 2}


def test_who_guesses_beside_a_lookup_is_called_one_who_guesses(session: Open) -> None:
    """A model judges elsewhere; where it only takes the lookup's turns its card and its tokens must not say so."""
    lookup, (draft, *judges) = PRESETS["lookup"].stages[0], PRESETS["pyramid"].stages
    mixed = replace(PRESETS["pyramid"], stages=(lookup, replace(draft, fallback=True), *judges))
    (started,) = [event for event in ask(session("eager"), mixed, tokens=1) if isinstance(event, Started)]
    assert [level.guesses for level in started.levels] == [True, True, False, False]


def test_windows_too_wide_for_a_pass_are_cut(session: Open) -> None:
    """A setting of the person's must not ask for a pass that was never recorded; what it is cut to is told."""
    cut, uncut = ask(session("graphs"), WIDE), first_window(session("eager"), WIDE)
    assert ids(cut) == ids(ask(session("eager"), PRESETS["plain"]))
    assert windows(cut) == [(14, 20), (1, 20), (0, 0)]  # of a pass of 16: one for each judge's own token
    assert windows(uncut) == [(20, 20), (20, 20), (0, 0)]
    assert longest(cut) == 14
    assert isinstance(uncut[-1], Drafting)
    assert sum(token.level == 0 for token in uncut[-1].tokens) == 20


def test_a_reply_goes_on_to_the_contexts_end(session: Open) -> None:
    """The last round has less room than a window, and the one begun ahead of it has none."""
    for preset in (PRESETS["hispec"], PRESETS["lookup"]):
        end = ask(session("graphs"), preset, tokens=10_000)[-1]
        assert isinstance(end, Finished)
        assert end.reason == "context"


@pytest.mark.parametrize("preset", ["plain", "draft", "lookup", "hispec", "hsd"])
def test_dropping_a_reply_leaves_the_next_one_true(session: Open, preset: str) -> None:
    """Work begun ahead of a Stop must not be found on the tape or in a cache, nor in another preset's rounds."""
    running = session("graphs")
    expected = ids(ask(session("eager"), PRESETS["plain"]))
    for taken in (2, 4, 7, 12):
        other = PRESETS["hsd" if taken % 2 else preset]
        reply = running.reply(QUESTION, preset=other, sampling=Sampling(temperature=2, seed=taken), max_tokens=60)
        list(islice(reply, taken))
        reply.close()  # type: ignore[attr-defined]
        assert ids(ask(running, PRESETS[preset])) == expected


def test_prompts_are_read_alike_however_long(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt's end read at the wrong place, or a part that neither dense nor recorded passes have read."""
    story = [*QUESTION, ("assistant", "the fox " * 12), ("user", "And then?"), ("assistant", "dog " * 9), *QUESTION]

    def written(how: str, preset: str, turns: int) -> tuple[int, ...]:
        events = session(how).reply(story[:turns], preset=PRESETS[preset], sampling=GREEDY, max_tokens=12)
        return ids(list(events))

    expected = {turns: written("eager", "plain", turns) for turns in (1, 3, 5)}
    for few, preset in product((0, 24, 1000), ("hispec", "hsd")):
        monkeypatch.setattr(stack, "FEW", few)
        for turns in (1, 3, 5, 3):  # longer, then cut back
            assert written("graphs", preset, turns) == expected[turns], (few, preset, turns)


def test_another_preset_goes_on_with_the_conversation(family: ModelSet) -> None:
    """Recording writes on the caches: at a place where the conversation is, all of it would be read again."""
    running = finish(Session.open(family, "cpu", "graphs"))
    for preset in ("plain", "hispec", "lookup"):  # each recorded by its first reply
        start = ask(running, PRESETS[preset])[0]
        assert isinstance(start, Started)
        assert start.reused == (0 if preset == "plain" else start.prompt - 1)


def test_memory_that_ends_while_recording_spares_what_was_recorded(
    family: ModelSet, session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preset that cannot be had must not take along the one in use."""
    running, expected = finish(Session.open(family, "cpu", "graphs")), ids(ask(session("eager"), PRESETS["plain"]))
    assert ids(ask(running, PRESETS["plain"])) == expected
    record = Recorder.record
    for preset, before in (("hispec", 0), ("hispec", 1), ("hsd", 3)):
        left = iter(range(before))

        def fail(recorder: Recorder, work: Callable[[], None], left: Iterator[int] = left) -> Callable[[], None]:
            if next(left, None) is None:
                raise torch.OutOfMemoryError
            return record(recorder, work)

        monkeypatch.setattr(Recorder, "record", fail)
        with pytest.raises(DeviceError):
            ask(running, PRESETS[preset])
        assert ids(ask(running, PRESETS["plain"])) == expected
        monkeypatch.undo()
    assert ids(ask(running, PRESETS["hispec"])) == expected


@pytest.mark.parametrize("how", ["graphs", "eager"])
def test_who_fell_behind_catches_up_in_chunks(family: ModelSet, monkeypatch: pytest.MonkeyPatch, how: How) -> None:
    """One pass over all that a model missed takes memory nobody counted, and cannot be stopped."""
    monkeypatch.setattr({"graphs": GraphRunner, "eager": EagerRunner}[how], "chunk", 16)
    monkeypatch.setattr(stack, "GPU", SimpleNamespace(chunk=16))
    monkeypatch.setattr(stack, "FEW", 16)
    running = finish(Session.open(family, "cpu", how, weights="exact"))
    story = [("user", "The quick brown fox jumps over the lazy dog. " * 4)]
    assert running.count(story) > 64
    list(running.reply(story, preset=PRESETS["plain"], sampling=GREEDY, max_tokens=2))
    widths, run = list[int](), Transformer.run

    def watched(model: Transformer, hidden: Tensor, layers: range, cache: Cache) -> Tensor:
        widths.append(len(hidden))
        return run(model, hidden, layers, cache)

    monkeypatch.setattr(Transformer, "run", watched)
    assert list(running.reply(story, preset=PRESETS["draft"], sampling=GREEDY, max_tokens=2))
    assert 0 < max(widths) <= 16


def test_a_cut_reply_goes_on_where_it_ended(session: Open) -> None:
    """Caches of fixed room are reused by counting what they hold; one token too many would be read wrongly."""
    running, whole = session("graphs"), ask(session("eager"), PRESETS["plain"])
    cut = ask(running, PRESETS["hispec"], tokens=9)
    assert isinstance(cut[-1], Finished)
    rest = ask(running, PRESETS["hispec"], tokens=TOKENS - 9, opening=cut[-1].text)
    assert ids(cut) + ids(rest) == ids(whole)


@torch.inference_mode()
def test_taps_keep_a_prompt_however_it_is_read(family: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dense chunks, decoded ends, and a tap opened when half of it was read: the states of every position, once."""
    model = finish(load(family.target, torch.device("cpu")))
    draw = random.Random(3)
    tape = Tape([draw.randrange(200) for _ in range(230)])
    monkeypatch.setattr(stack, "GPU", SimpleNamespace(chunk=50))
    device, read = Device(torch.device("cpu"), 256, model.vocabulary, model.dtype), stack.Stack(model, None, 256)
    read.make_rings((2, 5))
    read.record(device.recorder, device.board)
    device.board.write(tape, 0)
    read.prefill(tape, 190, device.board)
    for taken in (40, 0):
        read.close_taps()
        taps = [read.tap(depth, taken) for depth in (5, 2)]
        assert read.held == taken, "what was read unseen is read again"
        for upto in (150, 229):
            read.prefill(tape, upto, device.board)
        for tap in taps:
            fresh = model.run(model.embed(torch.tensor(tape)), range(tap.depth), model.new_cache())
            assert tap.states(taken, 229) == pytest.approx(fresh[taken:229], abs=1e-3)
        read.rewind(taken + 20)
        assert {tap.stop for tap in taps} == {taken + 20}


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=0.7, seed=1),
        Sampling(temperature=1.5, top_k=30, top_p=1, min_p=0.02, repetition_penalty=1.2, seed=2),
    ],
    ids=["usual", "all"],
)
def test_sampled_replies_equal_plain_decoding(session: Open, sampling: Sampling) -> None:
    """Draws and verdicts that meet wrong rows or positions; what is drawn on a CPU operation by operation, too."""
    expected = ids(ask(session("eager"), PRESETS["plain"], sampling))
    for preset in ("plain", "draft", "lookup", "hispec", "hsd"):
        assert ids(ask(session("graphs"), unplanned(PRESETS[preset]), sampling)) == expected, preset
