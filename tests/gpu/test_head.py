"""An EAGLE-3 head on a CUDA device, recorded: replies as plain decoding writes them, and its memory comes back."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import pytest

pytest.importorskip("torch")

import torch

from engine.architecture import read_architecture
from engine.config import PRESETS, ModelSet, Sampling
from engine.decoding.sources.head import Rows
from engine.decoding.tape import Tape
from engine.events import Event, Loading, Round, Started
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.family import finish
from tests.engine.heads import write_head_for
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
HEAD = PRESETS["head"]
WITH_EXIT = replace(HEAD, name="deep", stages=(HEAD.stages[0], *PRESETS["hispec"].stages[1:]))
SETTINGS = {
    "greedy": Sampling(temperature=0),
    "usual": Sampling(temperature=0.7, top_p=0.9, seed=2),
    "even": Sampling(temperature=5, top_p=1, seed=5),  # levels agree on what all but the noise leaves open
    "penalty": Sampling(temperature=1.0, top_p=1, min_p=0.05, repetition_penalty=1.2, seed=4),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    folder, target = tmp_path_factory.mktemp("head"), read_architecture(pocket_models(wide=True).target)
    write_head_for(folder, target, target.vocabulary // 2)
    return ModelSet("Pocket, with a head", {**pocket_models(wide=True).models, "head": folder})


@pytest.fixture(scope="module")
def session(models: ModelSet) -> Iterator[Session]:
    session = finish(Session.open(models, "cuda"))
    yield session
    session.close()


def ask(session: Session, preset: str, prompt: str, sampling: Sampling, tokens: int = 120) -> list[Event]:
    chosen = WITH_EXIT if preset == "deep" else PRESETS[preset]
    events = session.reply([("user", prompt)], preset=chosen, sampling=sampling, max_tokens=tokens)
    return [event for event in events if not isinstance(event, Loading)]


def ids(events: Sequence[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


@pytest.mark.parametrize("name", SETTINGS)
def test_replies_equal_plain_decoding(session: Session, name: str) -> None:
    """The promise, token for token; and what is guessed is kept where nothing but noise decides."""
    kept = Counter[int]()
    for prompt in PROMPTS[:6]:
        expected = ids(ask(session, "plain", prompt, SETTINGS[name]))
        for preset in ("head", "deep"):
            events = ask(session, preset, prompt, SETTINGS[name])
            assert ids(events) == expected
            kept.update(token.level for event in events if isinstance(event, Round) for token in event.settled)
    assert (session.how, session.why_eager) == ("graphs", "")
    assert name != "even" or kept[0] > 100


def test_a_dropped_reply_and_another_method_leave_no_trace(session: Session) -> None:
    """Rows of guesses, or of tokens that are gone, must not be taken for the conversation's."""
    expected = ids(ask(session, "head", PROMPTS[0], SETTINGS["even"]))
    for taken, preset in ((3, "head"), (9, "hispec"), (20, "head"), (31, "deep")):
        chosen = WITH_EXIT if preset == "deep" else PRESETS[preset]
        reply = session.reply([("user", PROMPTS[1])], preset=chosen, sampling=SETTINGS["even"], max_tokens=90)
        list(islice(reply, taken))
        reply.close()  # type: ignore[attr-defined]
        events = ask(session, "head", PROMPTS[0], SETTINGS["even"])
        assert ids(events) == expected
    made = [event for event in events if isinstance(event, Round)]
    assert sum(len(each.passes) for each in made) > len(made)  # it guessed


def test_rows_are_those_of_a_prompt_read_anew(models: ModelSet, session: Session) -> None:
    """Recorded passes and a prompt's chunk leave the same keys and values, up to rounding."""
    events = ask(session, "head", PROMPTS[2], SETTINGS["even"], 60)
    (start,) = (event for event in events if isinstance(event, Started))
    rows = session._loaded.own["head"]
    assert isinstance(rows, Rows)
    held = rows.held
    assert held > start.prompt
    keys, values = (each[:, :held].float().cpu().clone() for each in rows.past.held)
    fresh = finish(Session.open(models, "cuda"))
    tape = Tape(session._tape[: held + 2])
    ask(fresh, "head", "Hello", SETTINGS["greedy"], 1)
    runner = fresh._loaded.runner
    runner.rewind(0)
    preset = fresh._loaded.fit(HEAD)
    runner.begin(tape, SETTINGS["greedy"], preset)
    with torch.inference_mode():
        chain, _ = runner.chains(preset)
        chain.prefill(tape, len(tape) - 1)
    again = fresh._loaded.own["head"]
    assert isinstance(again, Rows)
    others = [each[:, :held].float().cpu() for each in again.past.held]
    for one, other in zip((keys, values), others, strict=True):
        assert (one - other).norm() < 0.03 * other.norm()
    fresh.close()


def test_closing_gives_the_memory_back(models: ModelSet) -> None:
    """A head that stays after its session is what users of other programs complain of."""
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    for _ in range(2):
        session = finish(Session.open(models, "cuda"))
        ask(session, "head", "Tell me about dogs.", SETTINGS["usual"], 8)
        assert torch.cuda.memory_allocated() > before
        session.close()
        del session
        gc.collect()
        assert torch.cuda.memory_allocated() <= before + (1 << 20)
