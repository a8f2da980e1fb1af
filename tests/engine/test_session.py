"""Replies end to end on the tiny family: events, prefix reuse, stopping, limits, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import cast
from unittest.mock import create_autospec

import pytest
import torch
from tokenizers import Tokenizer

from engine.config import PRESETS, ModelSet, Sampling, models_in
from engine.config.sources import Lookup, Model
from engine.decoding.goodput import Goodput
from engine.decoding.graphs.capture import Recorder
from engine.decoding.planning.pilot import Pilot
from engine.decoding.planning.planner import Planner
from engine.decoding.planning.search import Chain
from engine.errors import ContextFull, DeviceError, ModelSetError, SettingError
from engine.events import (
    Drafting,
    Event,
    Finished,
    Loading,
    PlainPace,
    Planned,
    Prefill,
    Round,
    Started,
    from_json,
    to_json,
)
from engine.loaded import How
from engine.model import Cache, Transformer
from engine.pace import Paces, Watch
from engine.session import Session
from tests.engine.family import finish, write_model, write_tokenizer
from tests.engine.model.tiny import change_config

GREEDY = Sampling(temperature=0)
QUESTION = [("user", "The quick brown fox?")]
WHOLE = [name for name, preset in PRESETS.items() if preset.roles == preset.whole]  # what whole models can run
TOKENS = 24  # of a reply: a dozen rounds or more, as random models seldom agree
Open = Callable[[], Session]


def ask(
    session: Session,
    messages: Sequence[tuple[str, str]] = QUESTION,
    preset: str = "hispec",
    sampling: Sampling = GREEDY,
    max_tokens: int = TOKENS,
    stop: Sequence[str] = (),
) -> list[Event]:
    """Return every event of one reply but the loading of models."""
    events = session.reply(messages, preset=PRESETS[preset], sampling=sampling, max_tokens=max_tokens, stop=stop)
    return [event for event in events if not isinstance(event, Loading)]


def finished(events: Sequence[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def rounds(events: Sequence[Event]) -> list[Round]:
    return [event for event in events if isinstance(event, Round)]


@pytest.mark.parametrize("preset", WHOLE)
def test_a_reply_tells_its_whole_story(open_session: Open, preset: str) -> None:
    """Every view is drawn from these events; a text, count or level that does not add up is a lie on screen."""
    events = ask(open_session(), preset=preset)
    assert isinstance(events[0], Started)
    assert isinstance(events[1], Prefill)
    assert events[1].done == events[1].total == events[0].prompt - 1
    top = len(events[0].levels) - 1
    end, made = finished(events), rounds(events)
    assert end.text == "".join(r.text for r in made) == "".join(t.text for r in made for t in r.settled)
    assert end.tokens == sum(len(r.settled) for r in made) == TOKENS
    assert end.reason == "length"
    assert end.tokens_per_second == pytest.approx(end.tokens / end.seconds)
    if not PRESETS[preset].planned:  # which may find that nothing pays
        assert any(isinstance(event, PlainPace) for event in events) == (top > 0)
    assert (end.plain_seconds is None) == (end.plain_error is None)
    for r in made:
        assert all(t.reached == top for t in r.settled)
        assert all(t.reached < top for t in r.tokens if t.ghost)
        assert all(p.seconds > 0 and 0 <= p.level <= top for p in r.passes)
        assert sum(p.level == top for p in r.passes) == 1
        assert sum(p.seconds for p in r.passes) <= r.seconds
        for t in r.tokens:
            assert all(0 <= p <= 1 for _, p in t.judged)
            assert [r.passes[at].level for at in t.passes] == [level for level, _ in t.judged]
            assert len(t.ranks) == len(t.judged)
        assert all(t.ranks[-1] == 1 for t in r.settled if PRESETS[preset].lossless)  # greedy
    if top > 1 and not PRESETS[preset].planned:
        assert any(isinstance(event, Drafting) for event in events)
    assert [from_json(json.loads(json.dumps(to_json(event)))) for event in events] == events


@pytest.mark.parametrize(
    ("how", "preset"),
    [*(("eager", name) for name in WHOLE), ("graphs", "hispec"), ("graphs", "lookup"), ("graphs", "hsd")],
)
def test_timing_plain_steps_changes_nothing(
    family: ModelSet, monkeypatch: pytest.MonkeyPatch, how: How, preset: str
) -> None:
    """A step timed between two rounds that left a trace, in tape, caches or random numbers, would change the answer."""

    def told(*, often: bool) -> list[list[int]]:
        monkeypatch.setattr(Watch, "due", lambda *_: often)
        session = finish(Session.open(family, "cpu", how))
        replies = [ask(session, preset=preset, sampling=Sampling(seed=seed), max_tokens=16) for seed in (1, 2)]
        if not PRESETS[preset].planned:  # which may find that nothing pays
            assert any(isinstance(event, PlainPace) for event in replies[0]) == (often and preset != "plain")
        return [[token.id for round_ in rounds(reply) for token in round_.settled] for reply in replies]

    assert told(often=True) == told(often=False)


def test_rounds_kept_before_ranks_were_told_are_still_read() -> None:
    """Conversations written by the first version hold tokens without ranks and passes; none may be lost."""
    old = {"id": 1, "text": "a", "level": 0, "reached": 2, "rejected_by": None, "discarded": False}
    value = {"event": "round", "index": 0, "passes": [], "text": "a", "start": 0.0, "seconds": 0.1}
    value["tokens"] = [{**old, "judged": [[0, 0.5], [2, 0.25]]}]
    (token,) = cast("Round", from_json(value)).tokens
    assert (token.judged, token.ranks, token.passes) == (((0, 0.5), (2, 0.25)), (), ())


def test_levels_kept_before_windows_were_told_are_still_read() -> None:
    """Guards against the logs of a conversation lost to an update: windows are not known there."""
    value = {"event": "started", "preset": "draft", "lossless": True, "prompt": 1, "reused": 0, "context": 9}
    value |= {"levels": [{"title": "Draft", "detail": "", "kind": "model"}], "device": "CPU"}
    (level,) = cast("Started", from_json(value)).levels
    assert (level.window, level.asked, level.ahead(bottom=True)) == (0, 0, "")


@pytest.mark.parametrize("preset", [name for name in WHOLE if PRESETS[name].lossless])
def test_greedy_replies_equal_plain_decoding(open_session: Open, preset: str) -> None:
    """The promise, over chat template, prefill and text."""
    session = open_session()
    assert finished(ask(session, preset=preset)).text == finished(ask(open_session(), preset="plain")).text


def test_a_second_turn_computes_only_what_is_new(open_session: Open) -> None:
    """Prefilling the whole conversation again makes every turn slower than the one before."""
    session = open_session()
    first = ask(session)
    text = finished(first).text
    longer = [*QUESTION, ("assistant", text), ("user", "And the dog?")]
    second = ask(session, longer)
    start = second[0]
    assert isinstance(start, Started)
    assert isinstance(first[0], Started)
    assert start.reused >= first[0].prompt - 1
    prefilled = [event for event in second if isinstance(event, Prefill)]
    assert prefilled[-1].total == start.prompt - 1 - start.reused
    assert finished(second).text == finished(ask(open_session(), longer)).text


@pytest.mark.parametrize("preset", ["plain", "hispec", "hsd"])
def test_a_cut_reply_goes_on_where_it_ended(open_session: Open, preset: str) -> None:
    """Going on must give what the whole reply would have said, tell only what is new, and reuse the caches."""
    whole = finished(ask(open_session(), preset=preset)).text
    session = open_session()
    cut = ask(session, preset=preset, max_tokens=9)
    opening = finished(cut).text
    left = TOKENS - 9
    rest = list(session.reply(QUESTION, preset=PRESETS[preset], sampling=GREEDY, max_tokens=left, opening=opening))
    assert finished(rest).text == "".join(r.text for r in rounds(rest))
    assert opening + finished(rest).text == whole
    start = next(event for event in rest if isinstance(event, Started))
    assert start.prompt == session.count(QUESTION) + 9
    if not PRESETS[preset].planned:  # a model new to the chain has read nothing yet
        assert start.reused >= session.count(QUESTION)


def test_presets_may_change_between_turns(open_session: Open) -> None:
    """Models that sat out a turn hold an old prefix; answering from it would be wrong without any error."""
    session, fresh = open_session(), open_session()
    expected = finished(ask(fresh, preset="plain")).text
    for preset in ("hsd", "lookup", "hispec", "hsd", "draft", "plain"):
        ask(session, [("user", f"Something else for {preset}")], preset=preset, max_tokens=7)
        assert finished(ask(session, preset=preset)).text == expected


@pytest.mark.parametrize("preset", ["plain", "hispec", "hsd"])
def test_dropping_a_reply_anywhere_leaves_the_caches_true(open_session: Open, preset: str) -> None:
    """Stop comes at any moment; a token in question that stays cached would haunt the next reply."""
    expected = finished(ask(open_session(), preset="plain")).text
    session = open_session()
    for taken in (1, 2, 3, 5, 8, 13, 21):
        reply = session.reply(QUESTION, preset=PRESETS[preset], sampling=Sampling(temperature=2, seed=taken))
        list(islice(reply, taken))
        reply.close()  # type: ignore[attr-defined]
        assert finished(ask(session, preset=preset)).text == expected


def test_same_seed_same_reply(open_session: Open) -> None:
    """A seed is how a person shows somebody else what they saw."""
    warm = Sampling(temperature=1.5, seed=5)
    one, two = ask(open_session(), sampling=warm), ask(open_session(), sampling=warm)
    other = ask(open_session(), sampling=Sampling(temperature=1.5, seed=6))
    assert finished(one).text == finished(two).text != finished(other).text


def test_what_copying_brings_is_learned_from_reply_to_reply(
    open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a seed, too: how much is copied changes no token."""
    asked: list[Goodput] = []

    def worth(goodput: Goodput, _length: int, _most: int) -> int:
        asked.append(goodput)
        return 0

    monkeypatch.setattr(Goodput, "worth", worth)
    session = open_session()
    for sampling in (GREEDY, GREEDY, replace(GREEDY, seed=5), replace(GREEDY, seed=5)):
        made = rounds(ask(session, preset="lookup", sampling=sampling))
        assert all(len(each.settled) == 1 for each in made), "nothing was proposed"
    assert len(dict.fromkeys(asked)) == 1


def test_context_is_counted_before_the_first_pass(open_session: Open) -> None:
    """A prompt too long must cost nothing and say its numbers, and the session must go on."""
    session = open_session()
    with pytest.raises(ContextFull) as error:
        ask(session, [("user", "fox " * 400)])
    assert error.value.limit == 256
    assert error.value.needed > 256
    assert error.value.hint
    assert finished(ask(session)).tokens == TOKENS


def test_a_full_context_ends_the_reply(open_session: Open) -> None:
    """Decoding beyond the context would read positions the model never saw."""
    for preset in ("hispec", "hsd"):
        session = open_session()
        events = ask(session, [("user", "fox " * 50)], preset=preset, max_tokens=10_000)
        start = events[0]
        assert isinstance(start, Started)
        assert finished(events).reason == "context"
        assert start.prompt + finished(events).tokens == 256


@pytest.mark.parametrize("preset", ["plain", "hispec"])
def test_stop_texts_end_the_reply_before_them(open_session: Open, preset: str) -> None:
    """A stop text may begin in one token and end in another, and no part of it may show."""
    whole = finished(ask(open_session(), preset=preset)).text
    for start, length in ((0, 1), (9, 3), (20, 6)):
        stop = whole[start : start + length]
        events = ask(open_session(), preset=preset, stop=["never appears", stop])
        assert finished(events).reason == "stop"
        assert finished(events).text == whole[: whole.find(stop)]
        assert "".join(t.text for r in rounds(events) for t in r.settled).startswith(finished(events).text)
        assert "".join(r.text for r in rounds(events)) == finished(events).text


def test_an_end_of_turn_ends_the_reply(open_session: Open) -> None:
    """What was drafted behind an end of turn is no part of the reply, and the end itself shows no text."""
    session = open_session()
    hot = (Sampling(temperature=3, top_p=1, seed=seed) for seed in range(40))
    ends = (finished(ask(session, preset="draft", sampling=sampling, max_tokens=100)) for sampling in hot)
    end = next(end for end in ends if end.reason == "end")
    assert end.tokens < 100
    assert "<|" not in end.text


def test_what_was_prepared_is_not_loaded_again(family: ModelSet) -> None:
    """A window that is told all is ready, and an answer that loads the rest all the same."""
    session = finish(Session.open(family, "cpu", "graphs"))
    assert [event.part for event in session.prepare(PRESETS["hsd"])][-1] == "HSD on the GPU"
    events = session.reply(QUESTION, preset=PRESETS["hsd"], sampling=GREEDY, max_tokens=4)
    assert not any(isinstance(event, Loading) for event in events)


def test_a_model_for_which_memory_ends_can_be_asked_for_again(
    family: ModelSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model counted as loaded whose cache was never made: the preset would be lost until the program ends."""
    session = finish(Session.open(family, "cpu", "graphs"))
    expected = finished(ask(session, preset="plain")).text
    new_cache = Transformer.new_cache

    def fail_for_smaller_ones(model: Transformer, capacity: int | None = None) -> Cache:
        if model.layers < session.loaded["target"].layers:
            raise torch.OutOfMemoryError
        return new_cache(model, capacity)

    monkeypatch.setattr(Transformer, "new_cache", fail_for_smaller_ones)
    for _ in range(2):
        with pytest.raises(DeviceError, match="out of memory"):
            ask(session, preset="hsd")
        assert finished(ask(session, preset="plain")).text == expected
    monkeypatch.undo()
    assert finished(ask(session, preset="hsd")).text == expected


def test_a_set_without_the_models_is_refused(family: ModelSet, open_session: Open) -> None:
    """A preset that needs a model the set lacks must say so, not fail deep inside."""
    session = finish(Session.open(ModelSet.alone("Alone", family.target), "cpu"))
    with pytest.raises(ModelSetError, match="no draft model"):
        ask(session, preset="draft")
    assert finished(ask(session)).text == finished(ask(open_session())).text


def test_models_of_two_vocabularies_are_refused(family: ModelSet, tmp_path: Path) -> None:
    """Token 17 of one family means something else in another; judging it would be nonsense at full speed."""
    other = tmp_path / "other"
    other.mkdir()
    write_model(other, 1, 16, write_tokenizer(other), 3)
    tokenizer = other / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"<|user|>"', '"<|human|>"'))
    session = finish(Session.open(ModelSet("Mixed", {"target": family.target, "draft": other}), "cpu"))
    with pytest.raises(ModelSetError, match="vocabulary"):
        ask(session, preset="draft")


@pytest.mark.parametrize("how", ["eager", "graphs"])
def test_a_token_that_no_model_has_a_row_for(family: ModelSet, tmp_path: Path, how: How) -> None:
    """Guards: a family refused because its makers added a token for padding and left the weights as they were."""
    shutil.copytree(family.target.parent, tmp_path / "set")
    for folder in (tmp_path / "set").iterdir():
        backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
        backend.add_special_tokens(["<pad>"])
        backend.save(str(folder / "tokenizer.json"))
    padded, known = (finish(Session.open(models, "cpu", how)) for models in (models_in(tmp_path / "set"), family))
    for preset in ("plain", "draft", "hispec"):
        assert finished(ask(padded, preset=preset)).text == finished(ask(known, preset=preset)).text
    assert padded.tokenizer.size == known.tokenizer.size


def test_a_draft_that_lacks_tokens_is_refused(family: ModelSet, tmp_path: Path) -> None:
    """Guards: a draft asked for the row of a token that only the target has one for."""
    shutil.copytree(family.target.parent, tmp_path / "set")
    for role in ("target", "draft"):
        folder = tmp_path / "set" / role
        backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
        backend.add_special_tokens(["<pad>"])
        backend.save(str(folder / "tokenizer.json"))
    size = len(backend.get_vocab())
    write_model(tmp_path / "set" / "target", 8, 32, size, 1)
    write_model(tmp_path / "set" / "draft", 1, 16, size - 1, 3)
    session = finish(Session.open(models_in(tmp_path / "set"), "cpu"))
    with pytest.raises(ModelSetError, match=f"knows {size - 1:,} of the {size:,} tokens"):
        ask(session, preset="draft")


def test_base_models_get_a_plain_template(family: ModelSet, tmp_path: Path) -> None:
    """LayerSkip's checkpoints know no chat format; they must answer, and not speak for the user."""
    folder = tmp_path / "base"
    shutil.copytree(family.target, folder)
    write_tokenizer(folder, chat=False)
    session = finish(Session.open(ModelSet.alone("Base", folder), "cpu"))
    assert session.tokenizer.stops == ("\nUser:", "\nSystem:")
    assert finished(ask(session)).tokens > 0


def test_unknown_devices_are_refused(family: ModelSet) -> None:
    """A typing error in --device deserves a sentence."""
    with pytest.raises(DeviceError, match="not a device"):
        finish(Session.open(family, "gpuu"))
    with pytest.raises(SettingError, match="too short"):
        finish(Session.open(family, "cpu", room=12))


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=1.5, top_p=1, seed=7)], ids=["greedy", "drawn"])
@pytest.mark.parametrize("name", ["auto", "hsd"])
def test_a_reply_that_changes_its_chain_is_plain_s(
    open_session: Open, monkeypatch: pytest.MonkeyPatch, sampling: Sampling, name: str
) -> None:
    """Whatever the planner turns to, after whichever round, the words are those that plain decoding writes."""

    def turn(pilot: Pilot, _round: Round, _tape: object) -> bool:
        pilot.chain = pilot.chains[(pilot.chains.index(pilot.chain) + 1) % len(pilot.chains)]
        return True

    monkeypatch.setattr(Pilot, "after", turn)
    plain = [
        token.id for each in rounds(ask(open_session(), preset="plain", sampling=sampling)) for token in each.settled
    ]
    events = ask(open_session(), preset=name, sampling=sampling)
    assert [token.id for each in rounds(events) for token in each.settled] == plain
    plans = [event for event in events if isinstance(event, Planned)]
    assert len({plan.working for plan in plans}) > 2
    assert [each.plan for each in rounds(events)] == [*plans, None][: len(rounds(events))]


def test_recorded_rounds_are_told_of_the_chain_that_made_them(
    family: ModelSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that had begun before a turn is the chain's before, and the plan is told behind it."""

    def turn(pilot: Pilot, _round: Round, _tape: object) -> bool:
        pilot.chain = pilot.chains[(pilot.chains.index(pilot.chain) + 1) % len(pilot.chains)]
        return True

    monkeypatch.setattr(Pilot, "after", turn)
    session = finish(Session.open(family, "cpu", "graphs"))
    plain, events = (ask(session, preset=name) for name in ("plain", "auto"))
    assert [t.id for each in rounds(events) for t in each.settled] == [
        t.id for each in rounds(plain) for t in each.settled
    ]
    working, turns = tuple[int, ...](), 0
    for event in events:
        if isinstance(event, Planned):
            working, turns = event.working, turns + 1
        elif isinstance(event, Round):
            assert {made.level for made in event.passes} <= set(working)
            assert event.passes[-1].level == working[-1]
    assert turns > 3


def test_between_replies_is_recorded_what_none_waits_for(family: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that waits for recordings while others are there; and a chain named that cannot run."""
    draft, target = Model("draft"), Model("target")
    chains = [Chain((), (target,)), Chain((draft,), (target,), (2,))]
    monkeypatch.setattr(Planner, "shortlist", lambda *_, **__: list(chains))
    session = finish(Session.open(family, "cpu", "graphs"))
    list(session.prepare(PRESETS["auto"]))
    recorded = create_autospec(Recorder.record, side_effect=Recorder.record)
    monkeypatch.setattr(Recorder, "record", recorded)

    def titles() -> list[str]:
        (start,) = [event for event in ask(session, preset="auto") if isinstance(event, Started)]
        return [level.kind for level in start.levels]

    chains.append(Chain((Lookup(16, 1),), (draft, target), (2, 2)))
    assert titles() == ["model", "model"]
    recorded.assert_not_called()
    resting = session.rest()
    next(resting)
    resting.close()  # type: ignore[attr-defined] # a question is there
    assert titles() == ["model", "model"]
    made = recorded.call_count
    list(session.rest())
    assert recorded.call_count > made
    made = recorded.call_count
    assert titles() == ["lookup", "model", "model"]
    assert not list(session.rest())
    assert recorded.call_count == made


@pytest.mark.parametrize("how", ["eager", "graphs"])
def test_a_fresh_model_is_timed_before_its_first_reply(family: ModelSet, how: How) -> None:
    """A first reply that finds out what passes cost, or reads what a rehearsal left in the caches."""
    session = finish(Session.open(family, "cpu", how, threads=1, weights="exact"))
    plain = ask(session, preset="plain")
    fresh = finish(Session.open(family, "cpu", how, threads=1, weights="exact"))
    assert finished(ask(fresh, preset="plain")).text == finished(plain).text
    list(fresh.prepare(PRESETS["hsd"]))  # chosen in the middle of a conversation, which is read again then
    (planner,) = fresh._chart.plans._planners.values()
    timed = {(who, kind) for who, _, kind in planner.beliefs.costs.known}
    assert timed >= {(Model("target"), "judge"), (Model("draft"), "first"), (Model("draft"), "read")}
    before = planner.beliefs.costs.known[Model("target"), None, "judge"][1][1]
    events = ask(fresh, preset="hsd")
    assert finished(events).text == finished(plain).text
    assert next(event for event in events if isinstance(event, Planned)).expected is not None
    known = planner.beliefs.costs.known[Model("target"), None, "judge"][1][1]
    list(fresh.prepare(PRESETS["hsd"]))
    assert planner.beliefs.costs.known[Model("target"), None, "judge"][1][1] == known >= before, "and once alone"


def test_what_was_planned_is_kept(family: ModelSet, tmp_path: Path) -> None:
    """A new session goes on with what the one before found out about this model, here, run this way."""
    rounds = []
    for _ in range(2):
        session = finish(Session.open(family, "cpu", paces=Paces(tmp_path / "paces.json"), threads=1))
        list(session.prepare(PRESETS["auto"]))
        (planner,) = session._chart.plans._planners.values()
        rounds.append(planner.rounds)
        ask(session, preset="auto")
    assert rounds[0] == 0 < rounds[1]
    assert (tmp_path / "plans.json").is_file()


@pytest.mark.parametrize(
    ("named", "read"),
    [
        (None, ["1 of 8", "2 of 8"]),  # an eighth and a quarter of the depth
        ([3, 5, 7], ["3 of 8", "5 of 8"]),
        ([1, 2, 3, 4], ["1 of 8", "2 of 8"]),
        ([6], ["6 of 8"]),
        ([9], ["1 of 8", "2 of 8"]),
    ],
)
def test_a_model_is_left_where_it_was_trained_to_be(tmp_path: Path, named: list[int] | None, read: list[str]) -> None:
    """Exits in config.json passed over, and drafts from layers whose states the head never learned to read."""
    write_model(tmp_path, 8, 32, write_tokenizer(tmp_path), 1)
    change_config(tmp_path, early_exits=named)
    session = finish(Session.open(ModelSet.alone("x", tmp_path), "cpu"))
    plain, early = (ask(session, preset=name) for name in ("plain", "hispec"))
    assert isinstance(early[0], Started)
    assert [level.detail for level in early[0].levels[:-1]] == [f"{depth} layers" for depth in read]
    assert finished(early).text == finished(plain).text
