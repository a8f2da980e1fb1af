"""Models in groups of 32 on a CUDA device, as GGUF files become: recorded, streamed and exact like those of NF4."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from engine.budget import Budget
from engine.config import PRESETS, ModelSet, Sampling
from engine.events import Event, Loading, Round, finished
from engine.model import Transformer, load
from engine.model.decode import decode, logits
from engine.model.linear import Groups
from engine.placement import Placement
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.family import finish
from tests.engine.model.tiny import group
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CUDA = torch.device("cuda")
SETTINGS = Sampling(temperature=0), Sampling(temperature=0.7, top_p=0.9, seed=2)
METHODS = ("lookup", "hispec", "hsd")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    """The pocket family, every model of it in groups of 4 bits."""
    pocket, folder = pocket_models(wide=True), tmp_path_factory.mktemp("groups")
    copies = {role: Path(shutil.copytree(path, folder / role)) for role, path in pocket.models.items()}
    for copy in copies.values():
        group(copy, 4)
    return ModelSet("Pocket, in groups", copies)


@pytest.fixture(scope="module")
def stays(models: ModelSet) -> Iterator[Session]:
    session = finish(Session.open(models, "cuda"))
    yield session
    session.close()


def ids(session: Session, method: str, prompt: str, sampling: Sampling) -> list[int]:
    asked = session.reply([("user", prompt)], preset=PRESETS[method], sampling=sampling, max_tokens=120)
    events: list[Event] = [event for event in asked if not isinstance(event, Loading)]
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


@pytest.mark.parametrize("method", METHODS)
def test_replies_equal_plain_decoding(stays: Session, method: str) -> None:
    """The promise, token for token, where verifying many tokens and decoding one meet other builds of the kernel."""
    for sampling in SETTINGS:
        for prompt in PROMPTS[:4]:
            assert ids(stays, method, prompt, sampling) == ids(stays, "plain", prompt, sampling)
    assert (stays.how, stays.why_eager) == ("graphs", "")


def test_layers_over_the_bus_give_the_same(models: ModelSet, stays: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scales left behind when a layer is moved, or laid where the kernel cannot read eight bytes at a time."""
    monkeypatch.setattr(Budget, "place", lambda _, wanted: (min(wanted, 2048), Placement(5, 11, spread=True)))
    streamed = finish(Session.open(models, "cuda"))
    try:
        for sampling in SETTINGS:
            for prompt in PROMPTS[:2]:
                assert ids(streamed, "plain", prompt, sampling) == ids(stays, "plain", prompt, sampling)
    finally:
        streamed.close()


def test_a_pass_is_what_the_file_says(models: ModelSet) -> None:
    """Recorded and torch's own operators read the same weights: their laws are as far apart as bfloat16 makes them."""
    model, exact = (finished(load(models.target, device)) for device in (CUDA, torch.device("cpu")))
    assert all(isinstance(each, Groups) for block in model.blocks for each in block.matrices)
    text = torch.randint(0, model.vocabulary, (200,), generator=torch.Generator().manual_seed(3))
    expected = laws(exact.read(exact.run(exact.embed(text), range(exact.layers), exact.new_cache())))
    dense = laws(model.read(model.run(model.embed(text.cuda()), range(model.layers), model.new_cache(256))))
    few = laws(torch.cat(list(in_turns(model, text.cuda()))))
    for found in (dense, few):
        overlap = torch.minimum(found.cpu(), expected).sum(-1).mean()
        assert overlap > 0.9, overlap


def in_turns(model: Transformer, text: Tensor) -> Iterator[Tensor]:
    """Give the logits of ``text``, sixteen tokens at a time, by our kernels."""
    cache, at = model.new_cache(256), 0
    model.rotation.reach(256)
    for some in torch.split(text, 16):
        start = torch.full((1,), at, dtype=torch.int32, device=CUDA)
        yield logits(model, decode(model, model.embed(some), range(model.layers), cache, start))
        at += len(some)


def laws(scores: Tensor) -> Tensor:
    return scores.float().softmax(-1)
