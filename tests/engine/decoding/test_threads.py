"""How many threads compute: measured, remembered, never every core, and told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch

from engine.config import PRESETS, ModelSet, Sampling
from engine.decoding import threads
from engine.decoding.threads import choose, most_threads, pass_seconds, usable_cores
from engine.errors import SettingError
from engine.pace import Paces, Pool
from engine.session import Session
from tests.engine.family import finish


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the tests that follow with their own number."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _taking(times: dict[int, float], asked: list[int]) -> Callable[[int], float]:
    def seconds(number: int) -> float:
        asked.append(number)
        return times[number]

    return seconds


def _quiet() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("times", "best"),
    [
        ({1: 8.0, 2: 4.2, 4: 2.4, 7: 1.6}, 7),
        ({1: 8.0, 2: 4.2, 4: 4.0, 7: 6.0}, 2),  # slow cores, or memory that gives no more
        ({1: 8.0, 2: 7.9, 4: 7.8, 7: 7.7}, 1),
        ({1: 8.0, 2: 7.5, 4: 7.0, 7: 3.0}, 7),
    ],
)
def test_the_fastest_number_is_taken_and_fewer_where_more_gain_little(times: dict[int, float], best: int) -> None:
    """Threads that gain nothing are taken from the window and from every other program."""
    asked: list[int] = []
    assert choose(7, Pool(), _taking(times, asked), _quiet) == best
    assert asked == [7, 4, 2, 1]


def test_a_model_too_slow_to_be_measured_gets_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time runs out on a large model: one thread for it would be the worst of all."""
    monkeypatch.setattr(threads, "SECONDS", -1.0)
    assert choose(7, Pool(), _taking({7: 3.0}, []), _quiet) == 7


def test_one_thread_is_not_measured() -> None:
    """On two cores there is nothing to choose, so nothing is to be waited for."""
    assert choose(most_threads(2), Pool(), _taking({}, []), _quiet) == 1
    assert most_threads(1) == 1
    assert most_threads(8) == 7


def test_what_was_measured_is_remembered_so_that_a_seed_gives_its_text_again() -> None:
    """The next start measures otherwise, and adds up otherwise with another number of threads."""
    pool = Pool()
    assert choose(3, pool, _taking({1: 8.0, 2: 5.0, 3: 3.0}, []), _quiet) == 3
    assert choose(3, pool, _taking({}, []), _quiet) == 3


def test_what_a_busy_machine_measured_is_not_remembered() -> None:
    """One start beside a long compilation would slow every one that follows."""
    pool, clock = Pool(), iter((0.0, 1000.0))
    assert choose(2, pool, _taking({1: 8.0, 2: 9.0}, []), lambda: next(clock)) == 1
    assert not pool.known


def test_the_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Affinity, threads of one core, and a container's share each bound them."""
    counts = {True: 16, False: 8}
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: counts[logical])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(threads, "CGROUP", tmp_path)
    assert usable_cores() == 8
    (tmp_path / "cpu.max").write_text("max 100000\n", encoding="ascii")
    assert usable_cores() == 8
    (tmp_path / "cpu.max").write_text("350000 100000\n", encoding="ascii")
    assert usable_cores() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 5}, raising=False)
    assert usable_cores() == 1, "two threads of one core"


def test_a_pass_is_timed_on_the_model_itself(family: ModelSet) -> None:
    """The model keeps no trace of it, and the number asked for is the one that computes."""
    session = finish(Session.open(family, "cpu"))
    assert pass_seconds(session.loaded["target"], 1) > 0
    assert torch.get_num_threads() == 1


def test_a_chosen_number_is_used_and_told(family: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting decides over the environment and over measuring; no more than there are cores."""
    monkeypatch.setattr("engine.decoding.threads.usable_cores", lambda: 4)
    session = finish(Session.open(family, "cpu", threads=2))
    assert torch.get_num_threads() == 2
    assert dict(session.describe())["Threads"] == "2 of 4 cores, as chosen"
    finish(Session.open(family, "cpu", threads=64))
    assert torch.get_num_threads() == 4
    with pytest.raises(SettingError, match="threads"):
        finish(Session.open(family, "cpu", threads=-1))


def test_automatic_is_measured_told_and_kept(family: ModelSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A second session reads the number where the first left it; the environment is respected."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("engine.decoding.threads.usable_cores", lambda: 3)
    monkeypatch.setattr(threads, "BUSY", 1e9)  # whatever else runs beside the tests
    file = tmp_path / "paces.json"
    session = finish(Session.open(family, "cpu", paces=Paces(file)))
    number = torch.get_num_threads()
    assert number in (1, 2)
    assert dict(session.describe())["Threads"] == f"{number} of 3 cores, the fastest measured"
    torch.set_num_threads(3)
    monkeypatch.setattr("engine.decoding.threads.pass_seconds", lambda *_: pytest.fail("measured again"))
    finish(Session.open(family, "cpu", paces=Paces(file)))
    assert torch.get_num_threads() == number
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    torch.set_num_threads(3)
    session = finish(Session.open(family, "cpu"))
    assert dict(session.describe())["Threads"] == "3 of 3 cores, as OMP_NUM_THREADS says"


def test_a_seed_gives_the_same_text_whatever_else_sets_threads(family: ModelSet) -> None:
    """The number holds for a session: of attention's sums torch makes others with other numbers."""
    session = finish(Session.open(family, "cpu", threads=1))
    sampling = Sampling(seed=7)
    texts = []
    for elsewhere in (1, 2):
        torch.set_num_threads(elsewhere)
        events = list(session.reply([("user", "Hi")], preset=PRESETS["plain"], sampling=sampling, max_tokens=8))
        texts.append(events[-1])
        assert torch.get_num_threads() == 1
    assert getattr(texts[0], "text", "") == getattr(texts[1], "text", "")
