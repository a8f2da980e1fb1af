"""Threads that share a pass: the same numbers by any of them, and nobody who waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from engine.model import Transformer, load
from engine.model.cpu.crew import Crew, crew, stage, stages
from engine.model.cpu.layout import EIGHT, FORMATS, FOUR, GRAIN, NF4, Format
from engine.model.packed import Packed
from engine.model.packing import pack, quantised_to
from tests.engine.family import finish
from tests.engine.model.tiny import logits

CheckpointOf = Callable[[str], tuple[Path, PreTrainedModel]]
TEXT = torch.arange(0, 90, 3)
THREADS = (1, 2, 3, 5)  # more than there are cores: some come late, or never


@pytest.fixture(autouse=True)
def _as_many_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def by(threads: int, work: Callable[[], Tensor]) -> Tensor:
    """Return what ``work`` gives by so many threads."""
    torch.set_num_threads(threads)
    return work()


def matrix(form: Format) -> Packed:
    """Return a random matrix of enough blocks for many pieces."""
    torch.manual_seed(3)
    if form is NF4:
        return pack(NF4, torch.randint(16, (1030, 640), dtype=torch.uint8), torch.rand(1030, 20).half(), None)
    weight = torch.randn(1030, 640)
    return quantised_to(form, (1030, 640), lambda some: weight[some])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rows", [1, 3, 4, 9])
def test_a_product_is_the_same_by_any_number_of_threads(form: Format, rows: int) -> None:
    """Guards: pieces that overlap, are left out or done twice."""
    packed, x = matrix(form), torch.randn(rows, 640)
    alone = by(1, lambda: packed(x))
    for threads in THREADS:
        for _ in range(8):  # who takes what is another matter every time
            assert torch.equal(by(threads, lambda: packed(x)), alone), threads


@pytest.mark.parametrize("variant", ["llama", "biased", "qwen2_window", "qwen3"])
def test_a_pass_is_the_same_by_any_number_of_threads_however_it_is_cut(
    checkpoint_of: CheckpointOf, variant: str
) -> None:
    """Guards exact decoding: rows, threads and cuts together; every stage in as many pieces as it has items."""
    folder, _ = checkpoint_of(variant)
    model = finish(load(folder, torch.device("cpu"), weights="8 bits"))
    alone = by(1, lambda: logits(model, TEXT))
    assert model.steps is not None
    model.steps.stages[:, GRAIN] = 1
    for threads in THREADS:
        for width in (1, 2, 4, 7, 30):
            torch.set_num_threads(threads)
            assert torch.equal(in_parts(model, width), alone), (threads, width)


def in_parts(model: Transformer, width: int) -> Tensor:
    """Return the logits of TEXT in passes of ``width`` tokens, each through the layers in two spans."""
    cache, made = model.new_cache(len(TEXT)), []
    for part in torch.split(TEXT, width):
        between = model.run(model.embed(part), range(2), cache)
        made.append(model.read(model.run(between, range(2, model.layers), cache)))
    return torch.cat(made)


def test_two_passes_at_once_are_those_one_after_the_other() -> None:
    """Guards: two callers who lead the same threads; the second goes alone."""
    packed = matrix(EIGHT)
    inputs = [torch.randn(2, 640) for _ in range(2)]
    torch.set_num_threads(1)
    expected = [packed(x) for x in inputs]
    torch.set_num_threads(3)
    wrong: list[int] = []

    def again(index: int) -> None:
        torch.set_num_threads(3)  # a thread of its own begins with torch's own number
        wrong.extend(index for _ in range(20) if not torch.equal(packed(inputs[index]), expected[index]))

    callers = [threading.Thread(target=again, args=(index,)) for index in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_followers_sleep_when_there_is_nothing_to_do() -> None:
    """Guards: a laptop kept warm by threads that look for work while the person reads."""
    own = Crew()
    source, codes, parts = torch.randn(64, 32), torch.empty(64, 32, dtype=torch.int8), torch.empty(2, 64)
    work = stages([stage("quantise", 64, 1, *(each.data_ptr() for each in (source, codes, parts[0], parts[1])))])
    for _ in range(5):
        own.run(work, 3)
    for follower in own.followers:
        while not follower.asleep:
            follower.thread.join(0.001)
        assert follower.wake.locked()
    threads = [follower.thread for follower in own.followers]
    assert len(threads) == 2
    own.leave()
    assert not any(thread.is_alive() for thread in threads)
    codes.zero_()
    own.run(work, 3)  # as a process ends: nothing is begun anew
    assert codes.any()
    assert not own.followers


def test_a_system_without_threads_to_spare_computes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: an answer that fails because the system gives no more threads."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    packed, x, own = matrix(EIGHT), torch.randn(2, 640), Crew()
    torch.set_num_threads(1)
    alone = packed(x)
    torch.set_num_threads(4)
    monkeypatch.setattr("engine.model.packed.crew", own)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert torch.equal(packed(x), alone)
    assert not own.followers


CHILD = """
import os, torch
from engine.model.cpu.layout import EIGHT
from engine.model.packing import quantised_to
torch.manual_seed(1)
weight, x = torch.randn(1030, 640), torch.randn(2, 640)
packed = quantised_to(EIGHT, (1030, 640), lambda some: weight[some])
alone = packed(x)
torch.set_num_threads(3)
assert torch.equal(packed(x), alone)
if hasattr(os, "fork"):
    child = os.fork()
    right = torch.equal(packed(x), alone)
    if child == 0:
        os._exit(0 if right else 1)
    assert right
    assert os.waitpid(child, 0)[1] == 0
print("right")
"""


@pytest.mark.slow
def test_a_process_that_forks_and_ends_waits_for_nobody() -> None:
    """Guards: threads that a copy of the process does not have, and an end that never comes."""
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout == "right\n"


def test_the_crew_of_the_process_is_as_large_as_was_needed() -> None:
    """Guards: threads that are made anew for every pass."""
    packed = matrix(FOUR)
    torch.set_num_threads(3)
    packed(torch.randn(1, 640))
    first = [follower.thread for follower in crew.followers]
    packed(torch.randn(1, 640))
    assert [follower.thread for follower in crew.followers] == first
    assert len(first) >= 2
