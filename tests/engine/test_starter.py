"""The models that come with Updraft: loadable by others, and exact in every lossless preset."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import torch

from engine.config import PRESETS, Role, Sampling, tiny_models
from engine.events import Finished, Round
from engine.model import load
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.family import finish

LOSSLESS = [preset.name for preset in PRESETS.values() if preset.lossless and preset.name != "plain"]
TOKENS = 64


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    session = finish(Session.open(tiny_models(), "cpu"))
    yield session
    session.close()


def greedy(session: Session, preset: str, prompt: str) -> list[int]:
    """Return the ids of a greedy reply of at most TOKENS tokens."""
    question = [("user", prompt)]
    sampling = Sampling(temperature=0)
    events = session.reply(question, preset=PRESETS[preset], sampling=sampling, max_tokens=TOKENS)
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


@pytest.fixture(scope="module")
def plain(session: Session) -> dict[str, list[int]]:
    """Plain decoding of every prompt: the slow reference, run once."""
    return {prompt: greedy(session, "plain", prompt) for prompt in PROMPTS}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("preset", LOSSLESS)
def test_greedy_replies_equal_plain_decoding(session: Session, plain: dict[str, list[int]], preset: str) -> None:
    """The promise on the real models: token for token, over 20 prompts of up to 64 tokens (tests/gpu: 200)."""
    assert {prompt: greedy(session, preset, prompt) for prompt in PROMPTS} == plain


def test_the_starter_answers(session: Session) -> None:
    """A checkpoint that loads but speaks nonsense would pass every other test."""
    events = session.reply(
        [("user", "What is the capital of France?")], preset=PRESETS["hispec"], sampling=Sampling(temperature=0)
    )
    end = list(events)[-1]
    assert isinstance(end, Finished)
    assert "Paris" in end.text
    assert end.reason == "end"


@pytest.mark.parametrize("role", ["target", "qualifier", "draft"])
def test_transformers_loads_the_starter_too(role: Role) -> None:
    """The starter is in the Hub's layout, so anybody's tools must give the same logits as ours."""
    from transformers import AutoModelForCausalLM

    folder = tiny_models().folder(role)
    assert folder is not None
    theirs = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, device_map="cpu")
    ours = finish(load(folder, torch.device("cpu")))
    ids = torch.arange(10, 50)
    states = ours.run(ours.embed(ids), range(ours.layers), ours.new_cache())
    expected = theirs(ids[None]).logits[0].detach().float()
    difference = (ours.read(states) - expected).norm() / expected.norm()
    assert float(difference) < 0.02  # bitsandbytes computes 4-bit products in 16 bits


def test_the_starter_is_small_and_complete() -> None:
    """It travels with every copy of Updraft: under 60 MB, with its card and its licence."""
    target = tiny_models().target
    files = [path for path in target.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60_000_000
    card = (target.parent / "README.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in card or "cc-by-sa-4.0" in card
    assert json.loads((target / "config.json").read_text())["early_exits"] == [2, 4, 8]
