"""The pace of plain decoding: steady truth is told, noise is not, nothing is claimed beyond what passes allow."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from engine.events import Pass, PlainPace, compare
from engine.pace import Paces, Pool, Watch, class_of, estimate, typical

TRUE = 0.02  # seconds a plain step


class Clock:
    """Two clocks that go as far as they are sent: the wall's, and what of it the thread was given."""

    def __init__(self) -> None:
        self.wall = self.given = 0.0

    def work(self, seconds: float, share: float = 1.0) -> None:
        self.wall += seconds
        self.given += seconds * share


def reply(
    pool: Pool, clock: Clock, draw: random.Random, load: float = 1.0, share: float = 1.0, faster: float = 1.7
) -> tuple[Watch, int, float, int]:
    """Run a scripted speculative reply of 120 tokens, three a round; returns it with its tokens, seconds, rounds."""
    watch, began = Watch(pool, lambda: clock.wall, lambda: clock.given), clock.wall

    def jitter() -> float:
        return load * draw.lognormvariate(0, 0.05)

    for index in range(40):
        measuring = watch.due(100 + 3 * index, clock.wall - began)
        watch.begin()
        clock.work(3 * TRUE / faster * jitter(), share)
        watch.end()
        if measuring:
            step = TRUE * jitter()
            clock.work(step, share)
            watch.add(100 + 3 * index, step, step)
    return watch, 120, clock.wall - began - watch.paused, 40


def plain(pool: Pool, draw: random.Random, load: float = 1.0) -> None:
    pool.add([(100 + i, TRUE * load * draw.lognormvariate(0, 0.05)) for i in range(120)])


def test_a_steady_machine_gives_a_steady_figure() -> None:
    """HiSpec at a steady 75 tokens/s was called 2.2, 1.3 and 1.1 times plain."""
    draw, clock, pool, factors = random.Random(1), Clock(), Pool(), []
    for _ in range(12):
        watch, tokens, seconds, rounds = reply(pool, clock, draw)
        pace = watch.pace(160)
        assert pace is not None
        if (found := pace.compared(tokens, seconds, rounds)) is not None:
            factors.append(found.value)
            assert abs(found.value - 1.7) <= found.error + 0.05
        watch.keep()
        plain(pool, draw)
    assert len(factors) >= 11, "all but the first, which has little to go by"
    assert all(1.55 < factor < 1.85 for factor in factors)


def test_measuring_takes_few_of_a_replys_steps() -> None:
    draw, clock, pool = random.Random(2), Clock(), Pool()
    plain(pool, draw)
    for _ in range(5):
        watch, _, seconds, _ = reply(pool, clock, draw)
        assert 0 < watch.paused < 0.03 * seconds
        watch.keep()


def test_a_round_that_is_a_plain_step_needs_no_other() -> None:
    """A lookup that proposes nothing decodes plainly: timing one more step would only make the reply longer."""
    alone, draft = Pass(1, "verify", 1, 0.0, TRUE), Pass(0, "draft", 1, 0.0, TRUE)
    watch = Watch(Pool(), lambda: 0.0, lambda: 0.0)
    assert watch.plain((alone,)) == TRUE
    assert watch.plain((replace(alone, tokens=2),)) is watch.plain((draft, alone)) is None
    assert Watch(Pool(), lambda: 0.0, None).plain((alone,)) is None, "a GPU is put to work ahead"
    watch.add(100, TRUE)
    assert watch.paused == 0
    assert not watch.due(101, 20 * TRUE), "it counts as a measurement"
    assert watch.due(101, 100 * TRUE)


@pytest.mark.parametrize("seed", range(20))
def test_bursts_are_withheld_or_wide(seed: int) -> None:
    """Load that comes and goes: what is said holds within its error, or nothing is."""
    draw, clock, pool = random.Random(seed), Clock(), Pool()
    for _ in range(6):
        plain(pool, draw, draw.choice([1, 1, 1.8]))
    said = 0
    for _ in range(10):
        watch, tokens, seconds, rounds = reply(pool, clock, draw, load=draw.choice([1, 2.5]))
        found = (pace := watch.pace(160)) and pace.compared(tokens, seconds, rounds)
        if found:
            said += 1
            assert found.value <= tokens / rounds
            assert 1.7 / 2.6 < found.value < 1.7 * 2.6
        watch.keep()
    assert said < 10


def test_a_machine_busy_with_something_else_is_not_compared() -> None:
    draw, clock, pool = random.Random(3), Clock(), Pool()
    for _ in range(4):
        plain(pool, draw)
    before = json.dumps(pool.known)
    watch, *_ = reply(pool, clock, draw, load=1.1, share=0.6)
    pace = watch.pace(160)
    assert pace is not None
    assert (pace.error, pace.doubt) == (None, "busy")
    watch.keep()
    assert json.dumps(pool.known) == before, "nor does it teach anything"


def test_a_reply_unlike_all_others_is_not_compared() -> None:
    others = [(TRUE, 100)] * 6
    told = estimate([TRUE * 1.02] * 3, others)
    odd = estimate([TRUE * 2] * 3, others)
    assert told is not None
    assert told.error is not None
    assert told.seconds == pytest.approx(TRUE, rel=0.05)
    assert odd is not None
    assert (odd.error, odd.doubt) == (None, "uneven")


def test_little_is_not_enough() -> None:
    assert estimate([], []) is None
    few = estimate([TRUE] * 3, [])
    assert few is not None
    assert (few.error, few.doubt) == (None, "few")
    wild = estimate([TRUE, 3 * TRUE, TRUE / 2, 2 * TRUE], [])
    assert wild is not None
    assert wild.error is None


@pytest.mark.parametrize(
    ("tokens", "passes", "plain", "error", "said"),
    [
        (100, 40, 1.7, 0.2, "about 1.7× (± 0.2)"),
        (39, 16, 1.7, 0.2, None),  # too short
        (100, 40, 1.7, None, None),  # too uncertain
        (100, 40, 1.7, 0.6, None),  # more so than is of use
        (100, 50, 2.2, 0.3, "about 2.0× (± 0.3)"),  # two tokens a pass: never more than twice as fast
        (100, 50, 3.9, 0.3, None),  # nor believed where the measurement insists
        (100, 40, 0.6, 0.01, "about 0.6× (± 0.1)"),
        (100, 0, 1.7, 0.2, "about 1.7× (± 0.2)"),
    ],
)
def test_what_is_said_of_a_second(
    tokens: int, passes: int, plain: float, error: float | None, said: str | None
) -> None:
    found = compare(tokens, 1.0, passes, plain, error)
    assert (found and str(found)) == said
    pace = PlainPace(plain / tokens, error and error / tokens).compared(tokens, 1.0, passes)
    assert (pace and str(pace)) == said


def test_only_beyond_doubt_is_slower_slower() -> None:
    slow, near = compare(100, 1.0, 100, 0.6, 0.1), compare(100, 1.0, 100, 0.95, 0.1)
    assert slow is not None
    assert slow.slower
    assert near is not None
    assert not near.slower


def test_lengths_do_not_mix() -> None:
    """A step behind 2,000 tokens costs more than one behind 100, and says nothing of it."""
    pool = Pool()
    pool.add([(100, 0.01)] * 20 + [(2000, 0.03)] * 20)
    assert {seconds for seconds, _ in pool.near(110)} == {0.01}
    assert {seconds for seconds, _ in pool.near(2100)} == {0.03}
    assert pool.near(600) == []
    assert all(class_of(n) <= class_of(n + 1) for n in range(3000))


def test_one_step_held_up_changes_little() -> None:
    assert typical([TRUE] * 9 + [100 * TRUE]) == pytest.approx(TRUE, rel=0.06)


def test_what_was_measured_is_known_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "paces.json"
    paces = Paces(file)
    plain(paces.of("a | CPU"), random.Random(4))
    paces.of("never measured")
    paces.save()
    again = Paces(file)
    assert again.of("a | CPU").near(150) == paces.of("a | CPU").near(150)
    assert again.of("b | CPU").near(150) == []
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"[]", b'{"a": 1}', b'{"a": {"x": [[1, 2]]}}', b'{"a": {"1": [[-1, 2]]}}', b'{"a": {"1": [["x", 2]]}}',
     b'{"a": {"1": [[NaN, 2]]}}', b'{"a": {"1": [[1]]}}', b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_file_is_none(tmp_path: Path, damaged: bytes) -> None:
    file = tmp_path / "paces.json"
    file.write_bytes(damaged)
    paces = Paces(file)
    assert paces.of("a").near(100) == []
    plain(paces.of("a"), random.Random(5))
    paces.save()
    assert Paces(file).of("a").near(150)


def test_a_disk_that_takes_nothing_is_none_the_worse(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    paces = Paces(tmp_path / "file" / "paces.json")
    plain(paces.of("a"), random.Random(6))
    paces.save()
