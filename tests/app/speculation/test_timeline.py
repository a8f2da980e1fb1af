"""Passes as bars: where they stand, what they say, how one gets from one to the next."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.log.acceptance_history import AcceptanceHistory
from app.look.palette import LIGHT
from app.speculation.charts import AcceptanceByPosition, AcceptanceOverTime, per_pass
from app.speculation.panel import SpeculationPanel
from app.speculation.timeline import ROUNDS, Timeline
from engine.events import PlainPace
from engine.tally import Tally
from tests.app.log.logs import events, ledger, round_


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    made = Timeline(LIGHT)
    qtbot.addWidget(made)
    made.show_ledger(ledger(20))
    made.resize(300, made.sizeHint().height())
    made.show()
    return made


def test_bars_are_as_long_as_passes_took(timeline: Timeline) -> None:
    """Guards: bars that only look like time."""
    bars = [(pass_, box) for (at, _), pass_, box in timeline._bars() if at == 19]
    lanes = {pass_.level: box.top() for pass_, box in bars}
    assert lanes[2] < lanes[1] < lanes[0]
    by_level = {pass_.level: box.width() / pass_.seconds for pass_, box in bars}
    assert by_level[2] == pytest.approx(by_level[1], rel=0.01)
    ends = sorted((box.left(), box.right()) for _, box in bars)
    assert all(right <= left + 0.01 for (_, right), (left, _) in pairwise(ends))


def test_the_newest_rounds_are_followed_until_somebody_looks_back(timeline: Timeline) -> None:
    """Guards: a timeline that runs away from the round being looked at, or never comes back."""
    assert list(timeline.rounds) == list(range(20 - ROUNDS, 20))
    assert timeline.caption.startswith(f"last {ROUNDS} rounds · 192 ms")
    timeline.pick(3, [6])
    assert 3 in timeline.rounds
    assert len(timeline.rounds) == ROUNDS
    log = timeline._ledger
    log.add([round_(20)])
    timeline.show_ledger(log)
    assert 3 in timeline.rounds
    assert timeline.caption.startswith("rounds 2–7" if 1 in timeline.rounds else "rounds 1–6")
    timeline.release()
    assert timeline.rounds[-1] == 20


def test_bars_are_walked_by_keyboard(timeline: Timeline) -> None:
    """Guards: a chart only a mouse can read."""
    chosen: list[tuple[int, int]] = []
    timeline.chosen.connect(lambda at, number: chosen.append((at, number)))
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_Left):
        QTest.keyClick(timeline, key)
    assert chosen == [(19, 6), (19, 5), (19, 6), (0, 0), (0, 0)]
    assert timeline.rounds[0] == 0
    QTest.keyClick(timeline, Qt.Key.Key_End)
    assert timeline.caption.startswith("last 6 rounds")
    QTest.keyClick(timeline, Qt.Key.Key_Home)
    assert timeline.accessibleDescription() == "The guesser guesses: 2.0 ms, 1 position, round 1"


def test_a_click_chooses_the_bar_under_it(timeline: Timeline) -> None:
    """Guards: a click that chooses a neighbour."""
    chosen: list[tuple[int, int]] = []
    timeline.chosen.connect(lambda at, number: chosen.append((at, number)))
    spot, _, box = next(bar for bar in timeline._bars() if bar[0] == (17, 2))
    QTest.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=box.center().toPoint())
    assert chosen == [spot]
    assert timeline.picked == {spot}


def test_every_chart_says_what_it_shows(qtbot: QtBot, timeline: Timeline) -> None:
    """Guards: pictures without words."""
    assert timeline.accessibleDescription().startswith("Last 6 rounds · 192 ms: the big model 6 passes, 84.0 ms;")
    course = AcceptanceHistory(ledger(20))
    course.catch_up()
    line, bars = AcceptanceOverTime("Over time", LIGHT), AcceptanceByPosition("By position", LIGHT)
    for chart in (line, bars):
        qtbot.addWidget(chart)
        assert chart.explain() == "Nothing was guessed yet."
        chart.show_history(course)
        empty = chart.grab().toImage()
        assert empty.size().height() > 20
    assert "The big model keeps 40% of the latest guesses, between 40% and 40% so far" in line.accessibleDescription()
    assert bars.accessibleDescription().startswith("Kept, by position of the guess: 1 100% of 20, 2 100% of 20, 3 0%")


def test_charts_are_painted(qtbot: QtBot) -> None:
    """Guards: charts that stay empty."""
    course = AcceptanceHistory(ledger(20))
    course.catch_up()
    for chart in (AcceptanceOverTime("x", LIGHT), AcceptanceByPosition("y", LIGHT)):
        qtbot.addWidget(chart)
        before = chart.grab().toImage()
        chart.show_history(course)
        assert chart.grab().toImage() != before


def test_a_loss_is_explained_in_the_panel(qtbot: QtBot) -> None:
    """Guards: "slower here" and not a word why."""
    panel = SpeculationPanel(LIGHT)
    qtbot.addWidget(panel)
    tally = Tally()
    tally.add([*events(20), PlainPace(0.0085, 0.0003)])
    panel.show_tally(tally, running=False)
    panel.show_ledger(ledger(10))
    assert panel.pace.verdict.text() == "about 0.8× (± 0.1) plain: slower here"
    assert panel.pace.reason.text().startswith("Guessing and checking below the big model takes 50% of the time, too")
    assert panel.between.text().startswith("3.0 tokens a check")
    won = Tally()
    won.add([*events(20), PlainPace(0.02, 0.001)])
    panel.show_tally(won, running=False)
    assert panel.pace.reason.text() == ""
    assert per_pass(0, 0) == ""
