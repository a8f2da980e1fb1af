"""A reply played again: what stood at every moment, and the controls that go there."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.log.ledger import Ledger
from app.log.replay import Replay
from app.look.palette import DARK, LIGHT
from app.speculation.player import Player
from engine.events import Event, Finished, PlainPace
from engine.tally import Tally
from tests.app.log.logs import TOKENS, TOLD, events
from tests.app.scripted import speculated

ROUNDS = 20  # of 32 ms
END: list[Event] = [
    PlainPace(0.02, 0.001),
    Finished("Once upon a" * ROUNDS, 3 * ROUNDS, 0.64, 93.75, "end", 0.0, 1.2, 0.06),
]


def replay_of(told: list[Event]) -> Replay:
    whole, tally = Ledger(), Tally()
    whole.add(told)
    tally.add(told)
    return Replay(whole, tally)


@pytest.fixture
def replay() -> Replay:
    return replay_of([*events(ROUNDS, TOLD), *END])


def test_the_end_of_a_replay_is_the_reply() -> None:
    """Guards: a replay that ends with other tokens, counts or factors than the reply had."""
    told = list(speculated())
    whole, tally = Ledger(), Tally()
    whole.add(told)
    tally.add(told)
    before = (list(whole.tokens), list(whole.rounds))
    again = Replay(whole, tally)
    at = 0.0
    while not again.over:
        at += 0.013
        again.go(at)
    assert (again.ledger.tokens, again.ledger.rounds, again.ledger.pending) == (*before, ())
    assert (again.tally.tokens, again.tally.factor) == (tally.tokens, tally.factor)
    assert again.tally.finished == tally.finished
    again.go(0.1)
    assert (whole.tokens, whole.rounds) == before


def test_a_round_comes_to_be_pass_by_pass(replay: Replay) -> None:
    """Guards: tokens that appear before their pass was over, or vetoes known before the judge had looked."""

    def stands(milliseconds: float) -> list[tuple[str, int, bool]]:
        replay.go(0.032 + milliseconds / 1000)
        return [(token.text, token.reached, token.ghost) for token in replay.ledger.pending]

    assert stands(1) == []
    assert stands(5) == [("Once", 0, False), (" there", 0, False)]
    assert stands(9) == [("Once", 1, False), (" there", 0, True), (" upon", 1, False)]
    assert stands(17)[2:] == [(" upon", 1, False), (" day", 1, False), (" after", 1, False), (" all", 1, False)]
    assert stands(31)[3:] == [(" day", 1, True), (" after", 1, True), (" all", 1, True), (" a", 2, False)]
    replay.go(0.032 + 0.009)
    assert [len(token.judged) for token in replay.ledger.pending] == [2, 2, 1]
    assert len(replay.ledger.rounds) == 1


def test_old_logs_are_played_round_by_round() -> None:
    """Guards: a conversation from before passes were told that cannot be replayed, or tells more than is known."""
    old = replay_of([*events(ROUNDS, TOKENS), *END])
    assert not old.by_pass
    old.go(0.060)
    assert (len(old.ledger.rounds), old.ledger.pending) == (1, ())
    old.go(0.065)
    assert len(old.ledger.rounds) == 2
    assert replay_of([*events(1, TOLD)]).by_pass


def test_what_an_old_log_does_not_know_is_said(player: Player) -> None:
    """Guards: whole rounds that pop up without a word why."""
    player.open_replay(replay_of([*events(ROUNDS, TOKENS), *END]), playing=False)
    assert player.place.text().endswith("kept round by round")


def test_rounds_are_stepped_through(replay: Replay) -> None:
    """Guards: a step that stays where it is, or leaps over the round one is in."""
    at = []
    for by in (1, 1, -1, -1, -1):
        replay.step(by)
        at.append(round(replay.seconds, 3))
    assert at == [0.032, 0.064, 0.032, 0.0, 0.0]
    replay.go(0.040)
    replay.step(-1)
    assert replay.seconds == pytest.approx(0.032)
    replay.go(0.040)
    replay.step(1)
    assert replay.seconds == pytest.approx(0.064)
    for _ in range(ROUNDS + 2):
        replay.step(1)
    assert replay.over


def test_going_back_counts_anew(replay: Replay) -> None:
    """Guards: figures of the end beside the text of the beginning."""
    seen: list[tuple[int, int, bool]] = []
    for at in (1.0, 0.033):
        replay.go(at)
        seen.append((replay.tally.rounds, replay.tally.tokens, replay.tally.finished is not None))
    assert seen == [(ROUNDS, 3 * ROUNDS, True), (1, 3, False)]
    assert replay.tally.pace == PlainPace(0.02, 0.001)


def test_what_runs_past_the_end_is_taken_back() -> None:
    """Guards: a stop text that shows up in the replay and stays."""
    again = replay_of([*events(2, TOLD), Finished("Once upon aOnce up", 6, 0.064, 93.75, "stop", 0.0, None)])
    assert again.go(1.0)
    assert again.ledger.text == "Once upon aOnce up"
    again.go(0.0)
    assert again.go(1.0)


@pytest.fixture
def player(qtbot: QtBot, replay: Replay) -> Player:
    made = Player(LIGHT)
    qtbot.addWidget(made)
    made.resize(700, made.sizeHint().height())
    made.open_replay(replay, playing=False)
    return made


def test_time_passes_at_the_speed_chosen(player: Player, replay: Replay) -> None:
    """Guards: a "real speed" that is none, and a slow one that is not said."""
    for speed, expected in (("real speed", 0.1), ("¼ speed", 0.025), ("⅒ speed", 0.01), ("4× speed", 0.4)):
        player.seek(0.0)
        player.speed.setCurrentText(speed)
        player.pass_time(0.1)
        assert replay.seconds == pytest.approx(expected)
        assert player.scrubber.accessibleDescription().endswith(speed)
    assert player.place.text() == "0.4 of 0.6\u00a0s · round 12 of 20"


def playing(player: Player) -> bool:
    return player.playing


def test_it_plays_to_the_end_and_stops(player: Player, replay: Replay, qtbot: QtBot) -> None:
    """Guards: a clock that runs on behind the end, and a play button that does nothing there."""
    player.speed.setCurrentText("4× speed")
    player.toggle()
    assert playing(player)
    assert player.play.accessibleName() == "Pause"
    qtbot.waitUntil(lambda: replay.over)
    assert not playing(player)
    player.toggle()
    assert replay.seconds == 0.0
    assert playing(player)


def test_it_is_worked_by_keyboard(player: Player, replay: Replay, qtbot: QtBot) -> None:
    """Guards: a replay only a mouse can steer, or that cannot be left."""
    keys = player.scrubber
    for key, expected in (
        (Qt.Key.Key_Right, 0.032),
        (Qt.Key.Key_Right, 0.064),
        (Qt.Key.Key_Left, 0.032),
        (Qt.Key.Key_End, 0.64),
        (Qt.Key.Key_Home, 0.0),
    ):
        QTest.keyClick(keys, key)
        assert replay.seconds == pytest.approx(expected)
    QTest.keyClick(keys, Qt.Key.Key_Space)
    assert playing(player)
    QTest.keyClick(keys, Qt.Key.Key_Right)
    assert not playing(player)
    with qtbot.waitSignal(player.closed):
        QTest.keyClick(keys, Qt.Key.Key_Escape)
    assert player.replay is None
    assert not player.isVisible()


def test_the_strip_is_dragged_and_painted(player: Player, replay: Replay) -> None:
    """Guards: a strip that goes elsewhere than where it was pressed, or does not show where one is."""
    strip = player.scrubber
    before = strip.grab().toImage()
    middle = QPoint(strip.width() // 2, strip.height() // 2)
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=middle)
    assert replay.seconds == pytest.approx(0.32, abs=0.01)
    QTest.mouseMove(strip, middle)
    strip.setValue(64)  # as a screen reader does
    assert replay.seconds == pytest.approx(0.064)
    after = strip.grab().toImage()
    assert after != before
    player.set_palette(DARK)
    assert strip.grab().toImage() != after
