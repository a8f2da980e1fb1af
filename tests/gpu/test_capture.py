"""Recordings on a CUDA device: garbage beside them, captures that fail, and what is left when they are gone."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from engine.config import PRESETS, Sampling
from engine.decoding.graphs.capture import Recorder, free_dropped
from engine.session import Session
from tests.engine.family import finish
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
GPU = torch.device("cuda")


@pytest.fixture
def total() -> Tensor:
    return torch.zeros(1, device=GPU)


def add_one(total: Tensor) -> None:
    total.add_(1)


def in_a_cycle(recording: Callable[[], None]) -> None:
    """Drop ``recording`` so that only the garbage collector finds it."""
    cycle: list[object] = [recording]
    cycle.append(cycle)


@pytest.fixture
def little_to_collect() -> Iterator[None]:
    """Take torch's many objects out of collections, which 400 of them would go through for minutes."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("little_to_collect")
def test_garbage_between_and_during_captures_breaks_none(total: Tensor) -> None:
    """What a dropped reply left behind is collected in the middle of the next capture (G0): 200 times, on purpose."""
    recorder = Recorder(GPU)
    in_a_cycle(recorder.record(lambda: add_one(total)))

    def work() -> None:
        gc.collect()
        add_one(total)

    for time in range(200):
        recording = recorder.record(work)
        before = total.item()
        recording()
        assert total.item() == before + 1, time
        in_a_cycle(recording)
        if time % 3 == 0:
            gc.collect()
        del recording


@pytest.mark.parametrize("fault", ["of the device", "of the program"])
def test_a_capture_that_fails_is_tried_again_and_leaves_nothing(total: Tensor, fault: str) -> None:
    """A pool left open refuses every later capture and keeps its memory; a stream left behind takes all work along."""
    gc.collect()
    free_dropped()
    torch.cuda.empty_cache()
    idle = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()  # between what earlier tests have left
    recorder, calls = Recorder(GPU), 0
    kept = recorder.record(lambda: add_one(total))
    stream = torch.cuda.current_stream()

    def once_bad() -> None:
        nonlocal calls
        calls += 1
        scratch = torch.ones(1 << 20, device=GPU)
        if calls == 2:  # the first call only warms up
            if fault == "of the program":
                raise RuntimeError("not now")
            scratch.sum().item()  # waits for the device, which a capture forbids
        total.add_(scratch[:1])

    again = recorder.record(once_bad)
    assert calls == 3
    assert torch.cuda.current_stream() == stream
    assert gc.isenabled()
    total.zero_()
    kept()
    again()
    assert total.item() == 2
    assert torch.randn(4, device=GPU).isfinite().all()
    del kept, again, recorder
    free_dropped()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() <= torch.cuda.memory_allocated() + idle + (4 << 20)


def test_a_capture_that_keeps_failing_says_why_and_harms_no_other(total: Tensor) -> None:
    """An endless second try, or a session that is of no use any more."""
    recorder, scratch = Recorder(GPU), torch.ones(8, device=GPU)
    calls = 0

    def bad() -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            scratch.sum().item()

    with pytest.raises(RuntimeError):
        recorder.record(bad)
    assert calls == 3
    good = recorder.record(lambda: add_one(total))
    total.zero_()
    good()
    assert total.item() == 1


def test_a_session_and_its_chains_are_freed_without_the_collector() -> None:
    """Cycles through recordings: memory that stays until somebody collects, and is freed at a bad moment then."""
    gc.collect()
    free_dropped()
    session = finish(Session.open(pocket_models(wide=True), "cuda"))
    list(session.reply([("user", "Hi")], preset=PRESETS["hispec"], sampling=Sampling(seed=1), max_tokens=8))
    chains = [weakref.ref(chain) for chain in session._loaded.runner._chains.values()]  # type: ignore[attr-defined]
    assert chains
    gc.disable()
    try:
        session._loaded._runner = None
        del session
        assert [chain() for chain in chains] == [None] * len(chains)
    finally:
        gc.enable()
