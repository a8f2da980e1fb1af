"""How full the context is, and what is offered when it is not large enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.application import Application
from app.composing.token_counter import PAUSE
from app.conversations.archive import Archive
from engine.config import ModelSet
from engine.errors import ContextFull
from engine.events import Event
from tests.app.scripted import Opener, ScriptedSession, plain
from tests.app.stage import Ask, Start


def test_the_meter_counts_what_is_typed(start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a meter that knows only what was sent, or that asks with every key."""
    running = start()
    composer = running.window.composer
    counted: list[object] = []
    running.worker.counted.connect(counted.append)
    for word in ("one", "one two", "one two three"):
        composer.field.setPlainText(word)
    qtbot.waitUntil(lambda: composer.meter.text() == "6 / 1,024 tokens")
    qtbot.wait(50)  # the same news on another way
    assert len(counted) == 1
    composer.field.clear()
    qtbot.waitUntil(lambda: composer.meter.text() == "")
    session.play = lambda _: plain("a b c")
    ask(running, "Hi")
    qtbot.waitUntil(lambda: composer.meter.text() == f"{1 + 3 + 5} / 1,024 tokens")


def test_answers_to_old_questions_are_dropped(start: Start, qtbot: QtBot) -> None:
    """Guards: a number that belongs to an earlier text, shown last because it took longest."""
    running = start()
    running.window.composer.field.setPlainText("one")
    qtbot.waitUntil(lambda: running.token_counter.fill is not None)
    stale = running.token_counter.fill
    running.window.composer.field.setPlainText("one two three four")
    running.worker.counted.emit(stale)
    qtbot.wait(20)
    assert running.token_counter.fill is None
    qtbot.waitUntil(lambda: running.token_counter.fill is not None)
    assert running.window.composer.meter.text().startswith("7 /")


def crowded(start: Start, ask: Ask, session: ScriptedSession, archive: Archive | None = None) -> Application:
    """Return a program with three answered questions and room for not much more."""
    session.play = lambda _: plain("an answer of six words altogether")
    running = start(archive=archive)
    for word in ("First", "Second", "Third"):
        ask(running, f"{word} question of some length")
    session.limit = 65
    return running


def test_a_message_that_does_not_fit_is_not_sent(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession
) -> None:
    """Guards: a silent cut, a lost message, a choice that does not say what it leaves out."""
    running = crowded(start, ask, session)
    window = running.window
    window.composer.field.setPlainText("word " * 30)
    qtbot.waitUntil(lambda: running.token_counter.fill is not None)
    window.composer.field.entered.emit()
    assert window.banner.isVisible()
    assert "78 tokens" in window.banner.sentence.text()
    assert (
        "the oldest 4 messages, from “First question of some length” to “an answer of six" in window.banner.hint.text()
    )
    assert len(session.asked) == 3
    with qtbot.waitSignal(running.chat.answered):
        window.banner.buttons["trim"].click()
    assert [text.split()[0] for _, text in session.asked[-1]] == ["Third", "an", "word"]
    assert len(running.chat.current.conversation.messages) == 8
    assert not window.banner.isVisible()
    assert window.composer.text == ""
    edge = window.transcript._list.edge
    assert edge.isVisible()
    third = next(turn for turn in window.transcript.rows if turn.message == running.chat.trimming.first)
    assert edge.y() < third.y()
    assert edge.y() > window.transcript.rows[3].y()
    assert window.transcript.rows[-1].unread.text() == "the first 4 messages were not read for this answer"
    ask(running, "More")
    assert session.asked[-1][0][1].startswith("Third")  # it stays left out


def test_what_was_left_out_is_kept_with_the_answer(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession, tmp_path: Path
) -> None:
    """Guards: a restart that forgets what an answer was not told, or what is left out; no way to have it read again."""
    running = crowded(start, ask, session, Archive(tmp_path / "data"))
    running.chat.trimming.leave_out(4)
    ask(running, "Fourth")
    running.window.close()
    running.end()
    again = start(archive=Archive(tmp_path / "data"))
    transcript = again.window.transcript
    qtbot.waitUntil(lambda: len(transcript.rows) == 8)
    assert transcript.rows[-1].unread.text() == "the first 4 messages were not read for this answer"
    assert not transcript.rows[-3].unread.text()
    assert transcript._list.edge.isVisible()
    ask(again, "Fifth")
    assert session.asked[-1][0][1].startswith("Third")
    session.limit = 1000
    transcript._list.edge.again.click()
    assert not transcript._list.edge.isVisible()
    ask(again, "Sixth")
    assert session.asked[-1][0][1].startswith("First")
    assert [turn.unread.isVisible() for turn in transcript.rows if not turn._asks][-2:] == [True, False]


def test_a_message_that_alone_is_too_long(start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: trimming offered where it would not help."""
    running = crowded(start, ask, session)
    window = running.window
    window.composer.field.setPlainText("word " * 80)
    qtbot.waitUntil(lambda: running.token_counter.fill is not None)
    window.composer.field.entered.emit()
    assert not window.banner.buttons["trim"].isVisible()
    window.banner.buttons["shorten"].click()
    assert window.composer.text.startswith("word word")


def test_a_new_chat_takes_the_message_along(start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a message typed twice because the way out threw it away."""
    running = crowded(start, ask, session)
    window = running.window
    window.composer.field.setPlainText("word " * 30)
    qtbot.waitUntil(lambda: running.token_counter.fill is not None)
    window.composer.field.entered.emit()
    window.banner.buttons["new chat"].click()
    assert running.chat.current.conversation.messages == ()
    assert window.composer.text == "word " * 30


def test_a_refusal_by_the_engine_offers_the_same(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession
) -> None:
    """Guards: a question sent before it was counted, and then stuck."""
    running = crowded(start, ask, session)
    window, chat = running.window, running.chat

    def refused(messages: Sequence[tuple[str, str]]) -> list[Event]:
        used = session.count(messages)
        if used >= session.limit:
            raise ContextFull(used + 1, session.limit)
        return list(plain("it fits"))

    session.play = refused
    window.composer.field.setPlainText("word " * 30)
    window.composer.field.entered.emit()  # before the pause in which it would be counted
    qtbot.waitUntil(lambda: "the oldest 4 messages" in window.banner.hint.text())
    with qtbot.waitSignal(chat.answered):
        window.banner.buttons["trim"].click()
    assert chat.current.conversation.messages[-1].text == "it fits"
    session.limit = 40
    window.composer.field.setPlainText("word " * 40)
    window.composer.field.entered.emit()
    qtbot.waitUntil(lambda: "Even with nothing but this message" in window.banner.hint.text())
    window.banner.buttons["shorten"].click()
    assert window.composer.text == ("word " * 40).strip()
    assert chat.current.conversation.messages[-1].text == "it fits"


def test_an_empty_chat_takes_nothing_of_another_model(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession
) -> None:
    """Guards: the tokens of the chat shown before, counted for an empty one once another model is there."""
    running = start()
    meter = running.window.composer.meter
    ask(running, "Hi")
    qtbot.waitUntil(lambda: meter.text() != "")
    running.window.menus.actions["New chat"].trigger()
    running.window.picker.open(ModelSet.alone("Other", Path("other")))
    assert meter.text() == ""
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    qtbot.wait(2 * PAUSE)
    assert meter.text() == ""


def test_what_the_last_model_held_is_not_said_of_the_next(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession, opener: Opener
) -> None:
    """Guards: "2,303 / 2,048 tokens" while a model with more room is still loading."""
    running = start()
    meter = running.window.composer.meter
    ask(running, "Hi")
    qtbot.waitUntil(lambda: meter.text() != "")
    session.limit = 4096
    opener.delay = 0.05
    running.window.picker.open(ModelSet.alone("Other", Path("other")))
    assert meter.text() == ""
    qtbot.waitUntil(lambda: "4,096" in meter.text())


def test_a_question_being_edited_is_counted_in_its_place(start: Start, ask: Ask, qtbot: QtBot) -> None:
    """Guards: a meter that counts the whole chat and the question once more; nothing that says which one is edited."""
    running = start()
    window = running.window
    ask(running, "one two three")
    ask(running, "four")
    first = running.chat.current.conversation.messages[0].id
    window.editing.begin(first)
    assert "one two three" in window.editing.strip.label.text()
    edited = [turn.body._bubble.property("edited") for turn in window.transcript.rows[::2]]  # type: ignore[attr-defined]
    assert edited == [True, None]
    qtbot.waitUntil(lambda: window.composer.meter.text() == "6 / 1,024 tokens")
    window.editing.leave()
    assert not window.transcript.rows[0].body._bubble.property("edited")  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: not window.composer.meter.text().startswith("6 /"))
