"""Whole sessions on a family that partly agrees, its files in 4 bits: replies are plain decoding's, token for token."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from engine.config import PRESETS, ModelSet, Role, Sampling, models_in
from engine.events import Finished, Round
from engine.model import load
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.family import finish
from tests.engine.model.tiny import quantise
from tests.engine.pocket import RUNS, pocket_models

LOSSLESS = [name for name in RUNS if PRESETS[name].lossless and name != "plain"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    """The family as bitsandbytes stores it."""
    root = tmp_path_factory.mktemp("models") / "stored"
    shutil.copytree(pocket_models().target.parent, root)
    for role in pocket_models().models:
        quantise(root / role, nested=True)
    return models_in(root)


@pytest.fixture(scope="module")
def session(models: ModelSet) -> Iterator[Session]:
    session = finish(Session.open(models, "cpu"))
    yield session
    session.close()


SETTINGS = (
    Sampling(temperature=0),
    Sampling(temperature=0.3, seed=1),
    Sampling(temperature=0.7, top_p=0.9, seed=2),
    Sampling(temperature=1.0, top_p=1, top_k=40, seed=3),
    Sampling(temperature=1.0, top_p=1, min_p=0.05, repetition_penalty=1.2, seed=4),
    Sampling(temperature=1.0, top_p=1, seed=5),
)


def replies(session: Session, preset: str, tokens: int, turn: int) -> dict[str, list[int]]:
    """Return the ids of a reply of at most ``tokens`` tokens to every prompt, with all settings in turns."""
    found = {}
    for number, prompt in enumerate(PROMPTS, start=turn):
        question, sampling = [("user", prompt)], SETTINGS[number % len(SETTINGS)]
        events = session.reply(question, preset=PRESETS[preset], sampling=sampling, max_tokens=tokens)
        found[prompt] = [token.id for event in events if isinstance(event, Round) for token in event.settled]
    return found


@pytest.fixture(scope="module")
def plain(session: Session) -> Callable[[int, int], dict[str, list[int]]]:
    """Give plain decoding of every prompt by length and turn: the slow reference, run once for each."""
    return cache(lambda tokens, turn: replies(session, "plain", tokens, turn))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("tokens", "turn"), [(24, 0), *(pytest.param(200, turn, marks=pytest.mark.slow) for turn in range(len(SETTINGS)))]
)
@pytest.mark.parametrize("preset", LOSSLESS)
def test_replies_equal_plain_decoding(
    session: Session, plain: Callable[[int, int], dict[str, list[int]]], preset: str, tokens: int, turn: int
) -> None:
    """The promise: token for token, greedy and drawn, over 20 prompts."""
    assert replies(session, preset, tokens, turn) == plain(tokens, turn)


@pytest.mark.parametrize("preset", ["hispec", "hsd", "draft"])
def test_every_level_is_put_to_the_test(session: Session, preset: str) -> None:
    """Guards the family itself: where all guesses are refused, or all kept, replies that are equal show little."""
    unplanned = replace(PRESETS[preset], planned=False)  # or the clock decides who guesses
    events = [
        event
        for prompt in PROMPTS[:5]
        for event in session.reply([("user", prompt)], preset=unplanned, sampling=SETTINGS[2], max_tokens=40)
    ]
    rounds = [event for event in events if isinstance(event, Round)]
    kept = Counter(token.level for each in rounds for token in each.settled)
    assert kept.keys() == {*range(len(unplanned.stages))}
    assert 1.2 < kept.total() / len(rounds) < 4
    assert "end" in {event.reason for event in events if isinstance(event, Finished)}


@pytest.mark.parametrize("role", ["target", "qualifier", "draft"])
def test_transformers_says_the_same(models: ModelSet, role: Role) -> None:
    """The family is in the Hub's layout, so anybody's tools must give the same logits as ours."""
    from transformers import AutoModelForCausalLM

    folder: Path = models.models[role]
    theirs = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, device_map="cpu")
    ours = finish(load(folder, torch.device("cpu")))
    ids = torch.arange(10, 50)
    states = ours.run(ours.embed(ids), range(ours.layers), ours.new_cache())
    expected = theirs(ids[None]).logits[0].detach().float()
    difference = (ours.read(states) - expected).norm() / expected.norm()
    assert float(difference) < 0.02  # bitsandbytes computes 4-bit products in 16 bits
