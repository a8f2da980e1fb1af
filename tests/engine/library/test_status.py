"""What a job tells of itself: speed, time left, sizes in words, and an end that is the end."""

from __future__ import annotations

import pytest

from engine.library.faults import LibraryError
from engine.library.pace import WINDOW, Pace
from engine.library.protocol import Progress
from engine.library.status import Status
from engine.words import duration, size


def test_speed_is_that_of_the_last_seconds() -> None:
    """Guards against an average since the start, which hides that a download has slowed to nothing."""
    pace = Pace(0)
    assert pace.speed(0.1) is None, "too early to tell"
    for second in range(1, 101):
        pace.add(second, 1000)
    assert pace.speed(100) == pytest.approx(1000, rel=0.15)
    assert pace.quiet(103) == 3
    assert pace.speed(100 + WINDOW / 2) == pytest.approx(500, rel=0.2)
    assert pace.speed(100 + 2 * WINDOW) == 0


def test_the_time_left_waits_for_two_seconds_of_data() -> None:
    """Guards against “3 h left” in the first second of a download that takes five minutes."""
    pace = Pace(0)
    pace.add(5.0, 20_000)  # five seconds of silence and the first burst say nothing of the line
    assert pace.speed(5.4) is None
    pace.add(6.0, 1000)
    assert pace.speed(6.0) == pytest.approx(1000)
    assert pace.left(6.9, 10_000) is None
    pace.add(7.0, 1000)
    assert pace.left(7.0, 10_000) == pytest.approx(10)


def test_the_end_is_told_last() -> None:
    """Guards against a late sign of life that makes a failed job look as if its process had died."""
    told: list[Progress] = []
    status = Status("job", 1, told.append)
    status.failed(LibraryError("space", "Full.", "Free some."))
    status.stalled("late", 5)
    assert [(each.state, each.say, each.hint, each.kind) for each in told] == [
        ("failed", "Full.", "Free some.", "space")
    ]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (5_230_000_000, "5.2 GB"),
        (123e9, "123 GB"),
    ],
)
def test_sizes(count: float, words: str) -> None:
    """Guards against "1000.0 kB" and against binary units next to a Hub that counts in decimal ones."""
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.6, "1 min"), (3599, "1 h 0 min"), (4800, "1 h 20 min"), (-1, "0 s")]
)
def test_durations(seconds: float, words: str) -> None:
    """Guards against "60 min" and negative times left."""
    assert duration(seconds) == words
