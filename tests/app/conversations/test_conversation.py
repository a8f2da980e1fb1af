"""The tree of messages, titles, dates, and an answer gone on with: values only, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from app.conversations.conversation import TITLE, ChatSettings, Conversation, Message, Reply, title_of
from app.conversations.summaries import Summary, shelve
from app.talk.continuation import Continuation
from engine.events import Event, Finished, PlainPace, Round
from engine.tally import Tally
from tests.app.scripted import STORY, endless, speculated


def said(*texts: str) -> Conversation:
    """Return a conversation of questions and answers in turn."""
    talk = Conversation()
    for index, text in enumerate(texts):
        talk = talk.plus(Message("assistant", text, Reply()) if index % 2 else Message("user", text))
    return talk


def texts(talk: Conversation) -> list[str]:
    return [message.text for message in talk.messages]


def test_an_unanswered_question_joins_the_next() -> None:
    """Guards: two user turns in a row, which chat templates refuse."""
    talk = Conversation().plus(Message("user", "One")).plus(Message("user", "Two"))
    talk = talk.plus(Message("assistant", "Both", Reply()))
    assert talk.turns() == (("user", "One\n\nTwo"), ("assistant", "Both"))


def test_the_system_prompt_comes_first() -> None:
    """Guards: a system prompt lost, or given as a turn of its own when there is none."""
    talk = Conversation(chat_settings=ChatSettings("Be brief.")).plus(Message("user", "Hi"))
    assert talk.turns() == (("system", "Be brief."), ("user", "Hi"))
    assert Conversation().plus(Message("user", "Hi")).turns() == (("user", "Hi"),)


def test_another_version_stands_beside_the_first() -> None:
    """Guards: an edit that erases what it replaces, or shows a mixture of two branches."""
    talk = said("a", "b", "c", "d")
    third = talk.messages[2]
    edited = talk.back_to(third.parent).plus(Message("user", "C")).plus(Message("assistant", "D", Reply()))
    assert texts(edited) == ["a", "b", "C", "D"]
    versions = edited.versions(edited.messages[2].id)
    assert [edited.find(version).text for version in versions] == ["c", "C"]
    assert texts(edited.showing(third.id)) == ["a", "b", "c", "d"]
    first = edited.back_to(None).plus(Message("user", "A"))
    assert texts(first) == ["A"]
    assert [first.find(version).text for version in first.versions(first.messages[0].id)] == ["a", "A"]
    assert texts(first.showing(talk.messages[0].id)) == ["a", "b", "C", "D"]  # the newest below


def test_deleting_takes_what_follows_and_shows_a_neighbour() -> None:
    """Guards: orphans that hang from a message that is gone, an empty view where another version exists."""
    talk = said("a", "b", "c", "d")
    first, second = talk.messages[:2]
    both = talk.back_to(first.id).plus(Message("assistant", "B", Reply())).plus(Message("user", "C"))
    assert texts(both.without(both.messages[1].id)) == ["a", "b", "c", "d"]
    assert len(both.without(both.messages[1].id).tree) == 4
    assert texts(both.without(second.id)) == ["a", "B", "C"]
    assert texts(both.without(first.id)) == []
    assert both.without(first.id).tree == ()
    assert texts(talk.without(talk.messages[3].id)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Why is the sky blue?", "Why is the sky blue?"),
        ("\n\n  ## A plan\nmore", "A plan"),
        ("```\ncode\n```", "code"),
        ("a  b\tc", "a b c"),
        ("word " * 40, "word word word word word word word word word…"),
        ("x" * 300, "x" * TITLE + "…"),
        ("---\n***", ""),
    ],
)
def test_titles_come_from_the_first_line(text: str, title: str) -> None:
    """Guards: titles with markup, of several lines, or cut in the middle of a word."""
    assert title_of(text) == title
    assert Conversation().plus(Message("user", text)).title == title


def test_a_title_is_taken_once() -> None:
    """Guards: a conversation renamed by its second question."""
    assert said("First?", "Yes.", "Second?").title == "First?"


def at(day: date, hour: int = 12) -> float:
    return datetime(day.year, day.month, day.day, hour).astimezone().timestamp()


def test_conversations_are_shelved_by_day() -> None:
    """Guards: "yesterday" meaning 24 hours ago, a week that loses a day, pins in two places."""
    today = date(2026, 3, 1)
    days = {"now": 0, "early": 0, "last night": 1, "six": 6, "seven": 7, "eight": 8, "old": 400, "clock": -1}
    chats = [
        Summary(n, name, at(today - timedelta(days=ago), 23 if name == "last night" else 0 if name == "early" else 12))
        for n, (name, ago) in enumerate(days.items())
    ]
    chats.append(Summary(99, "pin", at(today - timedelta(days=30)), pinned=True))
    shelves = {shelf.heading: [chat.title for chat in shelf.chats] for shelf in shelve(chats, today)}
    assert shelves == {
        "Pinned": ["pin"],
        "Today": ["clock", "now", "early"],
        "Yesterday": ["last night"],
        "Previous 7 days": ["six", "seven"],
        "Earlier": ["eight", "old"],
    }


def cut_at(events: Sequence[Event], rounds: int) -> Reply:
    """Return what a reply is after ``rounds`` rounds."""
    found = []
    for event in events:
        found.append(event)
        if isinstance(event, Round) and event.index == rounds - 1:
            break
    return Reply().after(found)


def test_an_answer_gone_on_with_is_one_log() -> None:
    """Guards: rounds numbered twice, a clock that jumps back, counts or text of the second part alone."""
    first = cut_at(list(speculated()), 5)
    continuation = Continuation(first)
    rest = list(speculated("and they lived happily ever after", seed=3))
    placed = [event for event in map(continuation.follow, rest) if event is not None]
    whole = first.after(placed)
    assert whole.started == first.started
    assert [round_.index for round_ in whole.rounds] == list(range(len(whole.rounds)))
    assert all(a.start + a.seconds <= b.start + 1e-9 for a, b in pairwise(whole.rounds))
    assert all(round_.start <= pass_.start for round_ in whole.rounds for pass_ in round_.passes)
    assert whole.text == first.text + "and they lived happily ever after"
    end, last = placed[-1], rest[-1]
    assert isinstance(end, Finished)
    assert isinstance(last, Finished)
    settled = sum(len(round_.settled) for round_ in whole.rounds)
    assert end.tokens == settled
    assert end.seconds == pytest.approx(whole.rounds[-1].start + whole.rounds[-1].seconds)
    assert end.tokens_per_second == pytest.approx(settled / end.seconds)
    assert last.plain_seconds is not None
    assert end.plain_seconds == pytest.approx(last.plain_seconds / last.tokens * settled)
    tally = Tally()
    tally.add(whole.events)
    assert tally.tokens == settled
    assert any(isinstance(event, PlainPace) for event in whole.events)


def test_what_can_be_gone_on_with() -> None:
    """Guards: "Continue" offered under an answer that is complete, or missing under one that is not."""
    whole = Reply().after(speculated())
    part = cut_at(list(endless_part(6)), 4)
    assert not Message("assistant", STORY, whole.ended("finished")).unfinished
    assert Message("assistant", part.text, part.ended("stopped")).unfinished
    assert Message("assistant", part.text, part.ended("cut")).unfinished
    assert not Message("assistant", "", Reply().ended("failed")).unfinished
    assert not Message("user", "Hi").unfinished
    long = Reply().after([*whole.events[:-1], Finished(STORY, 9, 1.0, 9.0, "length", 0.0, None)])
    assert Message("assistant", STORY, long.ended("finished")).unfinished


def endless_part(rounds: int) -> list[Event]:
    """Return the beginning of a reply without an end."""
    events = endless()
    return [next(events) for _ in range(rounds + 1)]


def test_a_reply_is_a_function_of_its_events() -> None:
    """Guards: a stored log that tells another story than the one seen live."""
    events = list(speculated())
    whole = Reply().after(events)
    piecemeal = Reply()
    for event in events:
        piecemeal = piecemeal.after([event])
    assert piecemeal == whole
    assert "".join(r.text for r in whole.rounds) == whole.text == STORY
    assert Reply().after(whole.events) == whole


def test_messages_in_a_circle_are_walked_once() -> None:
    """Guards: a window that stands still for ever over one damaged row."""
    own = Conversation((Message("user", "Own", id=1, parent=1),), 1)
    three = tuple(Message("user", str(id_), id=id_, parent=parent) for id_, parent in ((1, 3), (2, 1), (3, 2)))
    ring = Conversation(three, 3)
    assert [message.id for message in own.messages] == [1]
    assert [message.id for message in ring.messages] == [1, 2, 3]
    assert {len(talk.showing(1).messages) for talk in (own, ring)} == {1, 3}
    assert sorted(ring.below(2)) == [1, 2, 3]
    assert ring.without(2).tree == ()
