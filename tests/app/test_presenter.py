"""Conversations through the real widgets: kept, found, branched, gone on with, and never lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.application import Application
from app.conversations.archive import Archive
from app.conversations.conversation import ChatSettings, Message
from app.conversations.store import Store
from app.messages.message_row import RACE, MessageRow
from engine.config import PRESETS, Chosen, ModelSet
from engine.events import Event, from_json
from tests.app.conversations.test_store import answered, little_room
from tests.app.scripted import STORY, ScriptedSession, endless, plain, speculated
from tests.app.stage import Ask, Start

Kept = Callable[[], Application]


@pytest.fixture
def kept(start: Start, tmp_path: Path, qtbot: QtBot) -> Kept:
    """Give a function that starts the window over the conversations on disk."""

    def begin() -> Application:
        running = start(archive=Archive(tmp_path / "data"))
        qtbot.waitUntil(lambda: running.archive.ready)
        settle(running, qtbot)
        running.window.activateWindow()
        return running

    return begin


def settle(running: Application, qtbot: QtBot) -> None:
    """Wait until the store has done all it was asked for."""
    done: list[bool] = []

    def ready(count: int) -> bool:
        return len(done) == count

    for count in (1, 2, 3):  # what was read may ask for more
        running.archive.after(lambda: done.append(True))
        qtbot.waitUntil(partial(ready, count))


def said(running: Application) -> list[str]:
    return [message.text for message in running.chat.current.conversation.messages]


def shown(running: Application) -> list[str]:
    """Return the texts of the transcript's messages."""
    bodies = [turn.body for turn in running.window.transcript.rows]
    return [body.text.toPlainText() if hasattr(body, "text") else body.source() for body in bodies]  # type: ignore[attr-defined]


def turn(running: Application, index: int) -> MessageRow:
    return running.window.transcript.rows[index]


def test_a_conversation_is_there_at_the_next_start(kept: Kept, ask: Ask, qtbot: QtBot) -> None:
    """Guards: a restart that loses the conversation, its trace, or shows another one than was left."""
    first = kept()
    ask(first, "Tell me of the fox.\nAt length.")
    reply = first.chat.current.conversation.messages[-1].reply
    assert first.window.close()
    assert first.end()
    second = kept()
    assert shown(second) == ["Tell me of the fox.\nAt length.", STORY]
    assert second.chat.current.conversation.messages[-1].reply == reply
    assert second.window.transcript.answers[0].status.text() == first.window.transcript.answers[0].status.text()
    assert [chat.title for chat in second.archive.chats.values()] == ["Tell me of the fox."]
    assert second.window.panel.pace.verdict.text() == first.window.panel.pace.verdict.text() != ""
    assert second.window.sidebar.list.currentItem().text() == "Tell me of the fox."


def test_a_question_is_saved_before_it_is_answered(
    kept: Kept, qtbot: QtBot, session: ScriptedSession, tmp_path: Path
) -> None:
    """Guards: a question lost because the engine took the program down with it."""
    seen: list[list[str]] = []

    def look(_: object) -> Iterator[Event]:
        store = Store(tmp_path / "data")
        seen.append([chat.title for chat in store.chats()])
        store.abandon()
        yield from speculated()

    session.play = look
    running = kept()
    with qtbot.waitSignal(running.chat.answered):
        running.chat.send("Are you there?")
    assert seen == [["Are you there?"]]


def test_half_a_character_can_be_asked(kept: Kept, qtbot: QtBot) -> None:
    """Guards: a paste that nothing can save, and a question lost with it."""
    running = kept()
    with qtbot.waitSignal(running.chat.answered):
        running.chat.send("Broken \ud83d here")
    running.window.close()
    running.end()
    assert shown(kept()) == ["Broken \ufffd here", STORY]


def test_switching_keeps_both_and_their_drafts(kept: Kept, ask: Ask, qtbot: QtBot) -> None:
    """Guards: what was being written lost, or carried into another conversation."""
    running = kept()
    field = running.window.composer.field
    ask(running, "One")
    one = running.chat.current.conversation.id
    field.setPlainText("more of one")
    running.window.menus.actions["New chat"].trigger()
    assert field.toPlainText() == ""
    assert running.window.transcript.welcome.isVisible()
    ask(running, "Two")
    field.setPlainText("more of two")
    with qtbot.waitSignal(running.chat.current.turned):
        running.chat.open_chat(one)
    assert shown(running) == ["One", STORY]
    assert field.toPlainText() == "more of one"
    running.window.menus.actions["New chat"].trigger()
    field.setPlainText("not begun")
    settle(running, qtbot)
    QTest.qWait(400)
    running.window.close()
    running.end()
    again = kept()
    assert again.window.composer.field.toPlainText() == "not begun"
    assert again.chat.current.conversation.tree == ()


def test_switching_while_an_answer_runs_keeps_it(kept: Kept, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: words that were on screen thrown away by a click on another conversation."""
    running = kept()
    ask(running, "One")
    session.play, session.delay = (lambda _: endless()), 0.003
    running.window.menus.actions["New chat"].trigger()
    running.chat.send("Count")
    qtbot.waitUntil(lambda: running.chat.flight.tally.tokens > 5)
    counting = running.chat.current.conversation.id
    running.window.menus.actions["New chat"].trigger()
    assert not running.chat.busy
    with qtbot.waitSignal(running.chat.current.turned):
        running.chat.open_chat(counting)
    assert shown(running)[1].startswith(" 0 1 2 3")
    assert running.chat.current.conversation.messages[-1].unfinished


def test_an_edit_is_a_branch(kept: Kept, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: an edit that erases what followed, a switcher that counts wrong or shows a mixture."""
    running = kept()
    ask(running, "Teh fox")
    running.window.composer.field.setPlainText("half a thought")
    turn(running, 0).redo.click()
    assert running.window.composer.field.toPlainText() == "Teh fox"
    assert running.window.editing.strip.isVisible()
    session.play = lambda _: plain("Better.")
    ask(running, "The fox")
    assert said(running) == shown(running) == ["The fox", "Better."]
    assert running.window.composer.field.toPlainText() == "half a thought"
    assert turn(running, 0).place.text() == "2 / 2"
    assert not turn(running, 1).place.isVisible()
    turn(running, 0).earlier.click()
    assert shown(running) == ["Teh fox", STORY]
    assert turn(running, 0).place.text() == "1 / 2"
    turn(running, 0).later.click()
    assert shown(running) == ["The fox", "Better."]
    assert session.asked[-1] == (("user", "The fox"),)


def test_editing_can_be_left(kept: Kept, ask: Ask) -> None:
    """Guards: a Cancel that loses what was being written before."""
    running = kept()
    ask(running, "One")
    running.window.composer.field.setPlainText("half a thought")
    turn(running, 0).redo.click()
    QTest.keyClick(running.window.composer.field, Qt.Key.Key_Escape)
    assert running.window.composer.field.toPlainText() == "half a thought"
    assert not running.window.editing.strip.isVisible()
    ask(running, "Two")
    assert said(running) == ["One", STORY, "Two", STORY]


def test_regenerating_keeps_the_first_answer(kept: Kept, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a second try that throws the first away, or that is asked with the first in its context."""
    running = kept()
    ask(running, "Tell me.")
    session.play = lambda _: plain("Another.")
    with qtbot.waitSignal(running.chat.answered):
        turn(running, 1).redo.click()
    assert shown(running) == ["Tell me.", "Another."]
    assert turn(running, 1).place.text() == "2 / 2"
    assert session.asked[-1] == (("user", "Tell me."),)
    running.window.close()
    running.end()
    again = kept()
    assert shown(again) == ["Tell me.", "Another."]
    turn(again, 1).earlier.click()
    assert shown(again) == ["Tell me.", STORY]


def test_a_second_try_that_comes_to_nothing_leaves_the_first(kept: Kept, ask: Ask, session: ScriptedSession) -> None:
    """Guards: an answer hidden, also at the next start, by another that was stopped before its first word."""
    running = kept()
    ask(running, "Tell me.")
    session.play = lambda _: endless()
    turn(running, 1).redo.click()
    assert running.chat.models is not None
    running.chat.open(running.chat.models)  # ends what is in flight at once
    assert said(running) == shown(running) == ["Tell me.", STORY]
    running.window.close()
    running.end()
    assert shown(kept()) == ["Tell me.", STORY]


def test_a_cut_answer_goes_on(kept: Kept, qtbot: QtBot, session: ScriptedSession, opener: object) -> None:
    """Guards: "Continue" that begins anew, shows the first part twice, or loses its trace."""
    session.play, session.delay = (lambda _: endless()), 0.003
    running = kept()
    running.chat.send("Count")
    qtbot.waitUntil(lambda: running.chat.flight.tally.tokens > 5)
    with qtbot.waitSignal(running.chat.answered):
        running.chat.stop()
    before = said(running)[1]
    first = running.chat.current.conversation.messages[1]
    assert turn(running, 1).resume.isVisible()
    running.chat.choose(PRESETS["plain"])
    session.play, session.delay = (lambda _: speculated(" and so on.")), 0.0
    with qtbot.waitSignal(running.chat.answered):
        turn(running, 1).resume.click()
    assert session.openings[-1] == before
    assert session.asked[-1] == (("user", "Count"),)
    assert session.options[-1][0] == PRESETS["hispec"]  # the levels it was begun with
    assert said(running) == shown(running) == ["Count", before + " and so on."]
    whole = running.chat.current.conversation.messages[1]
    assert whole.id == first.id
    assert whole.reply is not None
    assert first.reply is not None
    assert whole.reply.rounds[: len(first.reply.rounds)] == first.reply.rounds
    assert not turn(running, 1).resume.isVisible()
    settle(running, qtbot)
    running.window.close()
    running.end()
    again = kept()
    assert again.chat.current.conversation.messages[1].reply == whole.reply


def test_going_on_waits_for_the_log(kept: Kept, qtbot: QtBot, session: ScriptedSession, tmp_path: Path) -> None:
    """Guards: a "Continue" right after opening that answers anew, as the log of a long answer is still on disk."""
    store = Store(tmp_path / "data")
    talk = answered("Long", STORY * 60, outcome="cut")
    reply = talk.messages[1].reply
    assert reply is not None
    store.put_whole(talk.with_message(replace(talk.messages[1], reply=replace(reply, finished=None))))
    store.close()
    running = kept()
    session.play = lambda _: speculated(" The end.")
    with qtbot.waitSignal(running.chat.answered):
        running.chat.current.turned.connect(lambda _: running.chat.go_on())
        running.chat.open_chat(talk.id)
    assert said(running) == ["Long", STORY * 60 + " The end."]
    assert session.openings == [STORY * 60]
    whole = running.chat.current.conversation.messages[1].reply
    assert whole is not None
    assert whole.rounds[: len(reply.rounds)] == reply.rounds


def test_what_models_cannot_go_on_with_is_said(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: an answer of one hierarchy continued by another, its levels mixed up."""
    store = Store(tmp_path / "data")
    talk = answered("Old", "A part", outcome="cut")
    reply = talk.messages[1].reply
    assert reply is not None
    assert reply.started is not None
    reply = replace(reply, started=replace(reply.started, preset="hsd"))
    talk = talk.with_message(replace(talk.messages[1], reply=reply))
    store.put_whole(talk)
    store.put_note("open", str(talk.id))
    store.close()
    running = start(ModelSet.alone("Bare", Path("target")), archive=Archive(tmp_path / "data"))
    qtbot.waitUntil(lambda: len(running.window.transcript.rows) == 2)
    turn(running, 1).resume.click()
    assert not running.chat.busy
    assert "begun with the method HSD" in running.window.banner.sentence.text()


def test_deleting_a_message_can_be_undone(kept: Kept, ask: Ask, qtbot: QtBot) -> None:
    """Guards: a slip of the hand that costs half a conversation."""
    running = kept()
    ask(running, "One")
    ask(running, "Two")
    turn(running, 2).remove.click()
    assert shown(running) == ["One", STORY]
    toast = running.window.toast
    assert toast.isVisible()
    assert "1 that followed" in toast.label.text()
    toast.undo.click()
    assert shown(running) == ["One", STORY, "Two", STORY]
    assert turn(running, 3).message == running.chat.current.conversation.messages[3].id
    turn(running, 2).remove.click()
    running.window.close()
    running.end()
    assert shown(kept()) == ["One", STORY]


def test_a_conversation_deleted_by_keyboard_comes_back_by_keyboard(kept: Kept, ask: Ask, qtbot: QtBot) -> None:
    """Guards: the Ctrl+Z that a message promises swallowed by the empty field that has the focus by then."""
    running = kept()
    ask(running, "One")
    running.window.sidebar.list.setFocus()
    QTest.keyClick(running.window.sidebar.list, Qt.Key.Key_Delete)
    focused = QApplication.focusWidget()
    assert focused is running.window.composer.field
    with qtbot.waitSignal(running.chat.current.turned):
        QTest.keyClick(focused, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert shown(running) == ["One", STORY]
    QTest.keyClicks(focused, "abc")
    QTest.keyClick(focused, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert running.window.composer.text == ""


def test_deleting_a_conversation_can_be_undone(kept: Kept, ask: Ask, qtbot: QtBot) -> None:
    """Guards: one key that deletes for good; the conversation deleted still on screen, or back by itself."""
    running = kept()
    ask(running, "One")
    sidebar = running.window.sidebar
    sidebar.list.setFocus()
    QTest.keyClick(sidebar.list, Qt.Key.Key_Delete)
    assert running.archive.chats == {}
    assert running.window.transcript.welcome.isVisible()
    with qtbot.waitSignal(running.chat.current.turned):
        running.window.toast.undo.click()
    assert shown(running) == ["One", STORY]
    assert len(running.archive.chats) == 1


def test_search_opens_the_branch_with_the_words(kept: Kept, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a hit that opens another version than the one it was found in."""
    running = kept()
    ask(running, "First try about zebras")
    turn(running, 0).redo.click()
    ask(running, "Second try about lions")
    running.window.menus.actions["New chat"].trigger()
    settle(running, qtbot)
    running.window.menus.actions["Search chats"].trigger()
    assert QApplication.focusWidget() is running.window.sidebar.search
    QTest.keyClicks(running.window.sidebar.search, "zebra")
    with qtbot.waitSignal(running.chat.current.turned):
        QTest.keyClick(running.window.sidebar.search, Qt.Key.Key_Return)
    assert shown(running)[0] == "First try about zebras"


def test_copying_gives_markdown(kept: Kept, ask: Ask, session: ScriptedSession) -> None:
    """Guards: a copy of what is drawn in place of what was written."""
    session.play = lambda _: plain("**bold** and `code`")
    running = kept()
    ask(running, "Mark it up")
    turn(running, 1).copy.click()
    assert QGuiApplication.clipboard().text() == "**bold** and `code`"


def test_the_last_code_block_is_one_key_away(kept: Kept, ask: Ask, session: ScriptedSession) -> None:
    """Guards: code copied with its fences, the first block for the last, or none as the newest answer has none."""
    session.play = lambda _: plain("One:\n```python\na = 1\n```\nTwo:\n```\nb = 2\n```\nDone.")
    running = kept()
    ask(running, "Code")
    session.play = lambda _: plain("No code here.")
    ask(running, "Talk")
    QTest.keyClick(
        running.window, Qt.Key.Key_Semicolon, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert QGuiApplication.clipboard().text() == "b = 2\n"


def test_chat_settings_belong_to_one_chat(kept: Kept, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a system prompt or a temperature that leaks into another conversation, or is lost by a restart."""
    running = kept()
    poet = ChatSettings("Rhyme.", Chosen(temperature=1.1, seed=4), 33)
    running.chat.current.set_chat_settings(poet)
    ask(running, "Of foxes")
    assert session.asked == [(("system", "Rhyme."), ("user", "Of foxes"))]
    assert session.options[-1][1:] == (poet.sampling, 33)
    poem = running.chat.current.conversation.id
    running.window.menus.actions["New chat"].trigger()
    ask(running, "Plainly")
    assert session.asked[1:] == [(("user", "Plainly"),)]
    running.window.close()
    running.end()
    again = kept()
    with qtbot.waitSignal(again.chat.current.turned):
        again.chat.open_chat(poem)
    assert again.chat.current.conversation.chat_settings == poet


def test_actions_wait_while_an_answer_runs(kept: Kept, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a branch switched under a growing answer."""
    running = kept()
    ask(running, "One")
    session.play, session.delay = (lambda _: endless()), 0.003
    running.chat.send("Two")
    qtbot.waitUntil(lambda: running.chat.flight.tally.tokens > 2)
    for one in running.window.transcript.rows:
        assert not any(button.isEnabled() for button in (one.redo, one.remove))
    assert not running.chat.regenerate(running.chat.current.conversation.messages[1].id)
    with qtbot.waitSignal(running.chat.answered):
        running.chat.stop()
    assert turn(running, 1).redo.isEnabled()


def test_actions_are_reached_by_keyboard(kept: Kept, ask: Ask, qtbot: QtBot) -> None:
    """Guards: actions that only a pointer can bring up."""
    running = kept()
    ask(running, "One")
    question = turn(running, 0)
    assert not question.redo.isVisible()
    question.body.text.setFocus(Qt.FocusReason.TabFocusReason)  # type: ignore[attr-defined]
    assert question.redo.isVisible()
    names = []
    for _ in range(3):
        QTest.keyClick(running.window.focusWidget(), Qt.Key.Key_Tab)
        names.append(running.window.focusWidget().accessibleName())
    assert names == ["Copy the question as Markdown", "Edit the question", "Delete the question"]


def test_a_full_disk_keeps_what_is_typed(kept: Kept, ask: Ask, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: an answer refused because a disk is full, text lost with it, a close that does not ask."""
    running = kept()
    ask(running, "One")
    settle(running, qtbot)
    asked: list[str] = []

    def answer_box() -> None:
        for box in QApplication.topLevelWidgets():
            if isinstance(box, QMessageBox):
                asked.append(box.text())
                box.defaultButton().click()

    with little_room(tmp_path / "data", 2000):
        ask(running, "Two " + "word " * 20_000)
        qtbot.waitUntil(running.window.footer.disk_banner.isVisible)
        assert said(running)[-1] == STORY
        long = running.chat.current.conversation.id
        running.window.menus.actions["New chat"].trigger()
        running.chat.open_chat(long)
        assert len(said(running)) == 4  # not read back from a disk that lacks it
        QTimer.singleShot(0, answer_box)
        assert not running.window.close()
        assert asked == ["Some of what was written could not be saved."]
    with qtbot.waitSignal(running.archive.mended):
        running.window.footer.disk_banner.buttons["save again"].click()
    assert not running.window.footer.disk_banner.isVisible()
    running.window.close()
    running.end()
    assert len(said(kept())) == 4


@pytest.mark.parametrize("ending", ["md", "html", "json"])
def test_export(kept: Kept, ask: Ask, qtbot: QtBot, session: ScriptedSession, tmp_path: Path, ending: str) -> None:
    """Guards: an export that lacks turns, runs what was said as markup, or leaves the log out of JSON."""
    session.play = lambda _: speculated("Say <script>alert(1)</script> & **stop** ![x](https://a.example/b.png)")
    running = kept()
    ask(running, "What <b>now</b>?")
    path = tmp_path / f"out.{ending}"
    running.window.conversations.export(running.chat.current.conversation.id, path)
    qtbot.waitUntil(path.exists)
    text = path.read_text("utf-8")
    if ending == "md":
        assert text.startswith(
            "# What <b>now</b>?\n\n## You\n\nWhat <b>now</b>?\n\n## Updraft\n\n*written by Starter*\n\nSay <script>"
        )
    elif ending == "html":
        assert "<script" not in text
        assert "<p>Say &lt;script&gt;alert(1)&lt;/script&gt; &amp; <strong>stop</strong>" in text
        assert "<img" not in text
        assert "What &lt;b&gt;now&lt;/b&gt;?" in text
    else:
        value = json.loads(text)
        answer: Message = running.chat.current.conversation.messages[1]
        assert answer.reply is not None
        assert tuple(from_json(event) for event in value["messages"][1]["events"]) == answer.reply.events
        assert value["shown"] == [message["id"] for message in value["messages"]]


@pytest.mark.parametrize(
    ("typed", "written"), [("out", "out.md"), ("Notes v1.2", "Notes v1.2.md"), ("a.HTML", "a.HTML")]
)
def test_an_export_is_named(
    kept: Kept, ask: Ask, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, written: str
) -> None:
    """Guards: titles read as folders, and names refused for having a dot."""
    running, proposed = kept(), list[str]()
    ask(running, "AC/DC?")
    chat = running.chat.current.conversation.id
    running.window.menus.actions["New chat"].trigger()

    def choose(_over: object, _title: str, name: str, _filters: str) -> tuple[str, str]:
        proposed.append(Path(name).name)
        return str(tmp_path / typed), "Markdown (*.md)"

    monkeypatch.setattr("app.look.choosing.QFileDialog.getSaveFileName", choose)
    running.window.conversations.choose_file(chat)
    qtbot.waitUntil((tmp_path / written).exists)
    assert proposed == ["AC DC.md"]


def test_an_export_that_fails_is_said(kept: Kept, ask: Ask, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: a file that is not there, without a word."""
    running = kept()
    ask(running, "One")
    running.window.conversations.export(running.chat.current.conversation.id, tmp_path / "missing" / "out.md")
    qtbot.waitUntil(running.window.footer.disk_banner.isVisible)
    assert "out.md could not be written" in running.window.footer.disk_banner.sentence.text()
    running.window.footer.disk_banner.hide()
    running.window.conversations.export(running.chat.current.conversation.id, tmp_path / "out.doc")
    qtbot.waitUntil(running.window.footer.disk_banner.isVisible)
    assert ".md, .html and .json" in running.window.footer.disk_banner.sentence.text()


def test_a_very_long_conversation_opens_at_its_end(kept: Kept, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: a window that stands still while thousands of messages are built; the beginning out of reach."""
    store = Store(tmp_path / "data")
    talk = answered("Question 0", "Answer 0")
    for n in range(1, 150):
        talk = talk.plus(Message("user", f"Question {n}"))
    store.put_whole(talk)
    store.close()
    running = kept()
    with qtbot.waitSignal(running.chat.current.turned):
        running.chat.open_chat(talk.id)
    transcript = running.window.transcript
    assert len(transcript.rows) == 8
    qtbot.waitUntil(lambda: len(transcript.rows) == 40)
    assert transcript.following
    assert shown(running)[-1] == "Question 149"
    assert transcript.rows[-1].message == talk.messages[-1].id
    transcript.show_earlier()
    assert len(transcript.rows) == 80
    assert shown(running)[0] == "Question 70"
    transcript.go_to(talk.messages[0].id)
    qtbot.waitUntil(lambda: 0 <= turn(running, 0).mapTo(transcript.viewport(), QPoint(0, 0)).y() < 80)
    assert shown(running)[:2] == ["Question 0", "Answer 0"]
    assert [one.message for one in transcript.rows] == [message.id for message in talk.messages]


def click(button: QWidget) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_click_leaves_the_keyboard_in_the_field(kept: Kept, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: words typed after a click that fall on the Model picker, or a Space that stops the answer just asked."""
    running = kept()
    composer = running.window.composer
    ask(running, "One")
    click(turn(running, 1).copy)
    assert QApplication.focusWidget() is composer.field
    for button in ("redo", "earlier", "later", "remove"):
        session.delay = 0.0
        with qtbot.waitSignal(running.chat.current.changed):
            click(getattr(turn(running, 1), button))
        qtbot.waitUntil(lambda: not running.chat.busy)
        assert QApplication.focusWidget() is composer.field, button
    session.play, session.delay = (lambda _: endless()), 0.003
    composer.field.setPlainText("Two")
    click(composer.button)
    qtbot.waitUntil(lambda: running.chat.flight.tally.tokens > 2)
    assert QApplication.focusWidget() is composer.field
    with qtbot.waitSignal(running.chat.answered):
        click(composer.button)
        assert QApplication.focusWidget() is composer.field


def test_the_keyboard_goes_to_the_field_from_what_is_taken_away(kept: Kept, ask: Ask, qtbot: QtBot) -> None:
    """Guards: the keyboard on another control, without a word, after what it was in has gone."""
    running = kept()
    composer = running.window.composer
    ask(running, "One")
    turn(running, 1).remove.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(turn(running, 1).remove, Qt.Key.Key_Space)
    assert len(said(running)) == 1
    assert QApplication.focusWidget() is composer.field
    composer.field.setPlainText("Two")
    composer.button.setFocus(Qt.FocusReason.TabFocusReason)
    with qtbot.waitSignal(running.chat.answered):
        QTest.keyClick(composer.button, Qt.Key.Key_Space)
        assert QApplication.focusWidget() is composer.field


def test_tab_goes_through_the_conversation_from_top_to_bottom(kept: Kept, ask: Ask, session: ScriptedSession) -> None:
    """Guards: actions of an older answer that Tab never reaches, as the answer's text is made after them."""
    session.play = lambda _: plain("One\n\n```python\npass\n```")
    running = kept()
    window, field = running.window, running.window.composer.field
    window.resize(1280, 420)
    for question in ("One", "Two", "Three"):
        ask(running, question)
    window.panel_shown.trigger()
    window.topbar.sampling.setFocus(Qt.FocusReason.TabFocusReason)
    names: list[str] = []
    while (focused := QApplication.focusWidget()) is not field and len(names) < 60:
        assert focused is not None
        assert not focused.visibleRegion().isEmpty(), focused.accessibleName()
        names.append(focused.accessibleName())
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    asked = ["Question", "Copy the question as Markdown", "Edit the question", "Delete the question"]
    told = ["Answer", "Copy python code", "Copy the answer as Markdown", "Regenerate the answer"]
    told += ["Replay how the answer came to be", RACE, "Delete the answer"]
    assert names == ["Sampling", "Speculation", *(3 * (asked + told))]
    QTest.keyClick(field, Qt.Key.Key_Backtab)
    assert QApplication.focusWidget() is turn(running, 5).remove


def test_a_click_on_what_goes_away_leaves_the_keyboard(kept: Kept, qtbot: QtBot) -> None:
    """Guards: words typed after an example was picked, or a message put away, that fall on another control."""
    running = kept()
    window, field = running.window, running.window.composer.field
    with qtbot.waitSignal(running.chat.answered):
        click(window.transcript.welcome.buttons[0])
    assert QApplication.focusWidget() is field
    window.tell_fault("x", past=True)
    click(window.banner.dismiss)
    assert QApplication.focusWidget() is field
    click(turn(running, 1).remove)
    click(window.toast.undo)
    assert len(said(running)) == 2
    assert QApplication.focusWidget() is field


def test_the_panel_follows_the_messages_shown(kept: Kept, ask: Ask, qtbot: QtBot) -> None:
    """Guards: a panel about an answer that is not shown, because two receivers of a signal were connected in turn."""
    running = kept()
    ask(running, "One")
    panel, current = running.window.panel, running.chat.current
    assert len(panel.cards) == 3
    whole = current.conversation
    current.conversation = replace(whole, leaf=None)
    current.turned.emit(0)
    assert not panel.cards
    current.conversation = whole
    current.turned.emit(0)
    assert len(panel.cards) == 3
