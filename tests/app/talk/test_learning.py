"""What a model wrote for a person is read from their chats as these are, and only while the window is idle."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.conversations.conversation import ChatSettings, Conversation, Message, Reply
from app.conversations.schema import VERSION
from app.conversations.store import Store
from engine.errors import UpdraftError
from engine.teaching import lately
from engine.teaching.lately import Answer, answers


def said(text: str, *, model: str | None = "A", outcome: str = "finished") -> Message:
    return Message("assistant", text, Reply(outcome=outcome), model=model)  # type: ignore[arg-type]


def test_answers_are_those_of_the_model_with_what_it_saw(tmp_path: Path) -> None:
    store = Store(tmp_path)
    talk = Conversation(chat_settings=ChatSettings(system="Be brief."))
    first, one, second, two = Message("user", "Why?"), said("So."), Message("user", "And how?"), said("Thus.")
    for message in (first, one, second, two):
        talk = talk.plus(message)
    other = talk.back_to(talk.messages[0].id).plus(said("Perhaps.", model="B"))
    store.put_whole(other.back_to(first.id).plus(said("Half of", outcome="cut")))
    assert answers(tmp_path, "A") == [
        Answer((("system", "Be brief."), ("user", "Why?")), "So."),
        Answer((("system", "Be brief."), ("user", "Why?"), ("assistant", "So."), ("user", "And how?")), "Thus."),
    ]
    assert [answer.text for answer in answers(tmp_path, "B")] == ["Perhaps."]
    store.close()


def test_what_is_deleted_is_not_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept, gone = (Conversation().plus(Message("user", each)).plus(said(each.upper())) for each in ("stays", "goes"))
    for each in (kept, gone):
        store.put_whole(each)
    store.trash.take_chat(gone.id)
    assert [answer.text for answer in answers(tmp_path, "A")] == ["STAYS"]
    store.trash.take_messages([kept.messages[1].id])
    assert answers(tmp_path, "A") == []
    store.close()
    assert answers(tmp_path / "nowhere", "A") == []


def test_an_answer_begins_where_the_model_s_view_began(tmp_path: Path) -> None:
    store = Store(tmp_path)
    talk = Conversation().plus(Message("user", "Old?")).plus(said("Old.")).plus(Message("user", "New?"))
    newest = talk.messages[-1]
    store.put_whole(talk.plus(Message("assistant", "New.", Reply(outcome="stopped"), told_from=newest.id, model="A")))
    assert answers(tmp_path, "A")[-1] == Answer((("user", "New?"),), "New.")
    store.close()


def test_the_file_is_the_window_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lately.VERSION == VERSION
    Store(tmp_path).close()
    monkeypatch.setattr(lately, "VERSION", VERSION + 1)
    with pytest.raises(UpdraftError, match="another version"):
        answers(tmp_path, "A")
