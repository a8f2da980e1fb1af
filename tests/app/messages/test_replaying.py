"""An answer of a conversation played again in the window."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.log.replay import Replay
from tests.app.scripted import STORY, ScriptedSession, speculated
from tests.app.stage import Ask, Start


def test_an_answer_is_played_again_and_left_as_it_was(start: Start, ask: Ask, qtbot: QtBot) -> None:
    """Guards: a replay that changes the message, leaves the panel at some moment, or cannot be found."""
    running = start()
    ask(running, "Tell me a story")
    ask(running, "And another")
    window = running.window
    first, last = window.transcript.answers
    stored = [message.reply for message in running.chat.current.conversation.messages]
    height = last.height()
    last_turn = window.transcript.rows[-1]
    assert last_turn.replay.isVisible()
    QTest.mouseClick(last_turn.replay, Qt.MouseButton.LeftButton)
    assert window.transcript.view == "trace"
    assert window.player.isVisible()
    player = window.player
    if player.playing:
        player.toggle()
    player.seek(0.2)
    shown = last.texts[0].toPlainText()
    assert 0 < len(shown) < len(STORY)
    assert len(window.panel.rounds.timeline.rounds) > 0
    assert last.status.text().startswith("replay")
    assert "real speed" in last.status.text()
    assert last.height() >= height - 40
    player.seek(0.05)
    assert len(last.texts[0].toPlainText()) < len(shown)
    QTest.keyClick(player.scrubber, Qt.Key.Key_Escape)
    assert window.inspector.views["reading"].isChecked()
    assert last.source() == STORY
    assert not player.isVisible()
    assert "replay" not in last.status.text()
    assert [message.reply for message in running.chat.current.conversation.messages] == stored
    window.inspector._replay(first)
    assert player.isVisible()
    assert window.inspector._subject is first
    window.inspector.show_view("reading")
    assert not player.isVisible()
    assert first.texts[0].toPlainText() == STORY


def test_a_replay_goes_on_while_older_logs_arrive(start: Start, ask: Ask) -> None:
    """Guards: a replay that closes by itself for as long as a conversation's logs are being read."""
    running = start()
    for question in ("One", "Two"):
        ask(running, question)
    running.window.panel.rounds.replay.click()
    _, first, _, last = running.chat.current.conversation.messages
    running.chat.current.recalled.emit(first)
    assert not running.window.panel.rounds.replay.isEnabled()  # it runs
    running.chat.current.recalled.emit(last)
    assert running.window.panel.rounds.replay.isEnabled()


def test_a_bar_of_the_timeline_is_a_place_in_the_replay(start: Start, ask: Ask) -> None:
    """Guards: a timeline that shows a replay and cannot be used to go about in it."""
    running = start()
    ask(running, "Tell me a story")
    window = running.window
    window.transcript.set_motion(False)
    window.panel.rounds.replay.click()
    assert not window.panel.rounds.replay.isEnabled()
    window.player.seek(0.3)
    window.panel.rounds.timeline.chosen.emit(4, 0)
    replay = window.player.replay
    assert isinstance(replay, Replay)
    assert replay.seconds == replay.ends[4]
    assert len(replay.ledger.rounds) == 5
    QTest.keyClick(window.player.shut, Qt.Key.Key_Escape)
    assert window.panel.rounds.replay.isEnabled()


def test_a_new_question_ends_the_replay(start: Start, ask: Ask) -> None:
    """Guards: an answer that grows unseen behind a replay."""
    running = start()
    ask(running, "Tell me a story")
    running.window.inspector.replay()
    assert running.window.player.isVisible()
    ask(running, "And another")
    assert not running.window.player.isVisible()


def test_stillness_is_respected(start: Start, ask: Ask) -> None:
    """Guards: a replay that starts moving by itself where motion is unwelcome."""
    running = start()
    ask(running, "Tell me a story")
    running.window.transcript.set_motion(False)
    running.window.inspector.replay()
    assert not running.window.player.playing


def test_after_a_replay_the_end_is_whole_again(start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: the last buttons half under the composer once the player's strip has gone."""
    session.play = lambda _: speculated(" ".join([STORY] * 6))
    running = start()
    ask(running, "One")
    window = running.window
    window.resize(1000, 480)
    bar = window.transcript.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    window.transcript.jump_to_latest()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    for way in ("escape", "reading"):
        window.inspector.replay()
        window.player.pass_time(0.1)
        qtbot.wait(50)
        if way == "escape":
            QTest.keyClick(window.player.scrubber, Qt.Key.Key_Escape)
        else:
            window.inspector.show_view("reading")
        qtbot.waitUntil(lambda: not window.player.isVisible())
        qtbot.wait(50)
        qtbot.waitUntil(lambda: bar.value() == bar.maximum())
