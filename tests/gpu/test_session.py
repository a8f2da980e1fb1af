"""Every preset on a CUDA device through its recordings: exact, complete, and the memory comes back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

pytest.importorskip("torch")

import torch

from engine.account import needs
from engine.config import PRESETS, Sampling
from engine.dimensions import read_dimensions
from engine.errors import DeviceError
from engine.events import Event, Finished, Loading, Round, Started
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.decoding.depths import record_depths
from tests.engine.family import finish
from tests.engine.pocket import RUNS, pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
GREEDY = Sampling(temperature=0)
LOSSLESS = [name for name in RUNS if PRESETS[name].lossless and name != "plain"]
TOKENS = 200


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    session = finish(Session.open(pocket_models(wide=True), "cuda"))
    assert session.how == "graphs", session.why_eager
    yield session
    session.close()


def ask(
    session: Session, preset: str, prompt: str, sampling: Sampling, tokens: int, *, planned: bool = True
) -> list[Event]:
    chosen = PRESETS[preset] if planned else replace(PRESETS[preset], planned=False)
    events = session.reply([("user", prompt)], preset=chosen, sampling=sampling, max_tokens=tokens)
    return [event for event in events if not isinstance(event, Loading)]


def ids(events: list[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


SETTINGS = {
    "greedy": GREEDY,
    "cold": Sampling(temperature=0.3, seed=1),
    "usual": Sampling(temperature=0.7, top_p=0.9, seed=2),
    "top-k": Sampling(temperature=1.0, top_p=1, top_k=40, seed=3),
    "penalty": Sampling(temperature=1.0, top_p=1, min_p=0.05, repetition_penalty=1.2, seed=4),
    "whole": Sampling(temperature=1.0, top_p=1, seed=5),
}


@pytest.fixture(scope="module")
def plain(session: Session) -> dict[str, list[int]]:
    """Plain decoding of every prompt: the slow reference."""
    return {prompt: ids(ask(session, "plain", prompt, GREEDY, TOKENS)) for prompt in PROMPTS}


@pytest.mark.parametrize("name", SETTINGS)
def test_replies_equal_plain_decoding(session: Session, name: str) -> None:
    """The promise, token for token: a draw or a result that depends on how many tokens share a pass shows here."""
    sampling = SETTINGS[name]
    plain = {prompt: ids(ask(session, "plain", prompt, sampling, TOKENS)) for prompt in PROMPTS}
    for preset in LOSSLESS:
        found = {prompt: ids(ask(session, preset, prompt, sampling, TOKENS)) for prompt in PROMPTS}
        assert found == plain, preset


@pytest.mark.parametrize("preset", RUNS)
def test_a_reply_tells_its_whole_story(session: Session, preset: str) -> None:
    """Times from the device's own clock, tokens and texts that do not add up are a lie on screen."""
    events = ask(session, preset, "Tell me about dogs.", Sampling(seed=3), 64)
    start, end = events[0], events[-1]
    assert isinstance(start, Started)
    assert isinstance(end, Finished)
    made = [event for event in events if isinstance(event, Round)]
    top = len(start.levels) - 1
    assert end.tokens == len(ids(events)) > 0
    assert (end.plain_seconds is None) == (end.plain_error is None)
    for r in made:
        assert sum(p.level == top for p in r.passes) == 1
        assert all(p.seconds >= 0 for p in r.passes)
        assert sum(p.seconds for p in r.passes) < r.seconds * 2 + 0.01  # the round ahead is begun in the one before
        for t in r.tokens:
            assert len(t.ranks) == len(t.judged)
            assert all(0 <= p <= 1.0001 for _, p in t.judged)


def test_the_recursion_that_is_shown_is_the_one_that_runs(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a README that calls one function the recursion, and a GPU that runs another."""
    depths = record_depths(monkeypatch)
    rounds = sum(isinstance(event, Round) for event in ask(session, "hsd", PROMPTS[0], GREEDY, TOKENS))
    assert rounds
    assert depths.count(max(depths)) == rounds  # a production of the target a round


def test_same_seed_same_reply(session: Session) -> None:
    """Also after other presets and dropped replies, whatever they left on the device."""
    warm = Sampling(temperature=1.2, seed=11)
    one = ids(ask(session, "hispec", "Write a poem about the moon.", warm, 80))
    reply = session.reply([("user", "Tell me about dogs.")], preset=PRESETS["hsd"], sampling=Sampling(), max_tokens=60)
    list(islice(reply, 25))
    reply.close()  # type: ignore[attr-defined]
    assert ids(ask(session, "hispec", "Write a poem about the moon.", warm, 80)) == one


def test_dropping_a_reply_leaves_the_next_one_true(session: Session, plain: dict[str, list[int]]) -> None:
    """Work begun ahead of a Stop must not be found on the tape or in a cache."""
    for taken in (3, 6, 11, 24, 40):
        for preset in LOSSLESS:
            reply = session.reply([("user", PROMPTS[1])], preset=PRESETS[preset], sampling=Sampling(), max_tokens=90)
            list(islice(reply, taken))
            reply.close()  # type: ignore[attr-defined]
    assert ids(ask(session, "hispec", PROMPTS[0], GREEDY, TOKENS)) == plain[PROMPTS[0]]


def test_a_reply_records_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recording in the middle of a reply would stop it for a moment each time."""
    ask(session, "hsd", "Tell me about dogs.", Sampling(seed=1), 8, planned=False)
    monkeypatch.setattr(torch.cuda.CUDAGraph, "capture_begin", None)
    assert ids(ask(session, "hsd", "Who are you?", Sampling(seed=2), 100, planned=False))


def test_running_out_of_memory_ends_one_reply_only(session: Session, plain: dict[str, list[int]]) -> None:
    """Another program takes the memory in the middle of a chat: a sentence, and the next question works again."""
    ask(session, "hispec", PROMPTS[0], GREEDY, 8)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (1 << 21)) / total)
    try:
        with pytest.raises(DeviceError):
            ask(session, "hispec", "The river went on and on. " * 150, GREEDY, 8)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert ids(ask(session, "hispec", PROMPTS[0], GREEDY, TOKENS)) == plain[PROMPTS[0]]


def test_a_set_that_does_not_fit_is_refused_with_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found out after minutes of loading, a lack of memory has cost the person those minutes."""
    torch.zeros(1, device="cuda")  # CUDA's libraries are counted no more
    monkeypatch.setattr("engine.budget.free_memory", lambda _device: 100 << 20)
    with pytest.raises(DeviceError, match="GPU memory"):
        finish(Session.open(pocket_models(wide=True), "cuda"))
    folders = [pocket_models(wide=True).models[role] for role in ("target", "qualifier", "draft")]
    free = needs([read_dimensions(folder) for folder in folders], 1280, "cuda", runtime=0).total
    monkeypatch.setattr("engine.budget.free_memory", lambda _device: free)
    small = finish(Session.open(pocket_models(wide=True), "cuda"))
    assert small.context(PRESETS["plain"]) == 1280
    small.close()


def test_a_head_in_sixteen_bits_is_as_exact() -> None:
    """The head is the one matrix whose product is not our own kernel then; its sums must not follow the tokens."""
    session = finish(Session.open(pocket_models(wide=True), "cuda", dense_head=True))
    for prompt in PROMPTS[:4]:
        assert ids(ask(session, "hispec", prompt, GREEDY, 60)) == ids(ask(session, "plain", prompt, GREEDY, 60))
    session.close()


def test_closing_gives_the_memory_back() -> None:
    """A model or a recording that stays after its session is what users of other programs complain of."""
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    for _ in range(2):
        session = finish(Session.open(pocket_models(wide=True), "cuda"))
        for preset in RUNS:
            ask(session, preset, "Tell me about dogs.", Sampling(seed=1), 8)
        assert torch.cuda.memory_allocated() > before[0]
        session.close()
        del session
        gc.collect()
        assert torch.cuda.memory_allocated() <= before[0] + (1 << 20)
        assert torch.cuda.memory_reserved() <= before[1] + (4 << 20)
