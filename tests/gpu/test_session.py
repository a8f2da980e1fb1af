"""Every preset on a CUDA device, eagerly: replies complete, sampled ones have the target's law, memory comes back."""

from __future__ import annotations

import gc

import pytest

pytest.importorskip("torch")

import torch

from engine.config import PRESETS, Sampling, starter_models
from engine.events import Finished, Loading
from engine.session import Session
from tests.engine.family import finish

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def reply(session: Session, preset: str, sampling: Sampling, tokens: int = 48) -> Finished:
    question = [("user", "Tell me about dogs.")]
    events = session.reply(question, preset=PRESETS[preset], sampling=sampling, max_tokens=tokens)
    last = [event for event in events if not isinstance(event, Loading)][-1]
    assert isinstance(last, Finished)
    return last


def test_every_preset_answers() -> None:
    """A path that exists only on the GPU (4-bit products, bf16) must carry a whole reply."""
    session = finish(Session.open(starter_models(), "cuda"))
    for preset in PRESETS:
        end = reply(session, preset, Sampling(seed=3))
        assert end.tokens > 0
        assert end.plain_seconds
    session.close()


def test_closing_gives_the_memory_back() -> None:
    """A model that stays after its session is what users of other programs complain of."""
    before = torch.cuda.memory_allocated()
    session = finish(Session.open(starter_models(), "cuda"))
    reply(session, "hsd", Sampling(seed=1), 8)
    assert torch.cuda.memory_allocated() > before
    session.close()
    del session
    gc.collect()
    assert torch.cuda.memory_allocated() <= before + (1 << 20)
