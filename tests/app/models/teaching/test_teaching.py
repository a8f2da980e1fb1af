"""A course in a process of its own: it waits while an answer is written, and however it ends that is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.models.teaching import teaching as module
from app.models.teaching import wording
from app.models.teaching.order import Order
from app.models.teaching.progress import Progress
from app.models.teaching.teaching import Teaching
from engine.teaching.protocol import Ended, Failed, Held, News, Said, Stopped, Tell

ORDER = Order("A", "a/b", Path("/models/a"), "head", 30)


class ScriptedTeacher:
    """A process that says what a test has it say, and keeps what it was told."""

    def __init__(self, asked: Sequence[str], hear: Tell, ended: Callable[[str], None]) -> None:
        self.asked, self.hear, self.ended = tuple(asked), hear, ended
        self.words: list[str] = []

    def pause(self) -> None:
        self.words.append("pause")

    def resume(self) -> None:
        self.words.append("resume")

    def stop(self) -> None:
        self.words.append("stop")

    def leave(self) -> None:
        self.words.append("leave")

    def kill(self) -> None:
        self.words.append("kill")
        self.ended("")

    def join(self, seconds: float | None = None) -> None:
        """Be gone already."""


class Course:
    """A course under way, its process and what is known of it."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot, self.made = qtbot, list[ScriptedTeacher]()
        self.teaching = Teaching(start=self._start)
        self.teaching.begin(ORDER)

    def _start(self, *asked: object) -> ScriptedTeacher:
        self.made.append(ScriptedTeacher(*asked))  # type: ignore[arg-type]
        return self.made[-1]

    @property
    def process(self) -> ScriptedTeacher:
        return self.made[-1]

    @property
    def progress(self) -> Progress:
        assert self.teaching.progress is not None
        return self.teaching.progress

    def hear(self, *told: object) -> None:
        for each in told:
            with self.qtbot.waitSignal(self.teaching.changed):
                self.process.hear(each)  # type: ignore[arg-type]

    def lose(self, complaint: str = "") -> None:
        with self.qtbot.waitSignal(self.teaching.over):
            self.process.ended(complaint)


@pytest.fixture
def course(qtbot: QtBot) -> Course:
    return Course(qtbot)


def test_it_is_asked_for_as_chosen(course: Course) -> None:
    assert course.process.asked == ("--what", "head", "--minutes", "30", "--model", "a/b")
    course.teaching.begin(ORDER)  # one at a time
    assert len(course.made) == 1
    assert wording.state(course.progress) == "Getting ready"


def test_what_it_tells_is_shown(course: Course) -> None:
    course.hear(Said("reading A"), News("writing", 0.1, 1200, 80.0))
    assert wording.state(course.progress) == "The model writes answers to learn from"
    assert wording.figures(course.progress) == (
        "3 min of 30 min · 1,200 tokens written by the model · 80 written a second"
    )
    assert wording.worth(course.progress) == "–"
    first, second = (0.5, 0.4), (0.6, 0.5)
    course.hear(
        News("learning", 0.4, 1200, 300.0, 1.5, first, 1.2), News("learning", 0.4, 1200, 310.0, 1.4, first, 1.2)
    )
    course.hear(News("learning", 0.5, 1200, 320.0, 1.3, second, 1.63))
    assert [look.agreement for look in course.progress.looks] == [first, second]
    assert wording.worth(course.progress) == "1.6×"
    assert wording.since(course.progress) == "as fast as plain decoding, expected after 15 min; still rising"
    course.hear(Said("It has 3 layers instead of 5", stays=True))
    assert wording.figures(course.progress).endswith("\nIt has 3 layers instead of 5.")
    course.hear(Said("trying: new"))
    assert wording.state(course.progress) == "Trying it out: answers with the new drafter"


def test_what_was_seen_of_a_course_is_seen_when_it_goes_on(course: Course) -> None:
    """Gone on with, a course of hours showed a dash and an empty picture until it was looked at again."""
    looked = [News("learning", done, 1200, 300.0, 1.5, (done,), 1.0 + done) for done in (0.4, 0.5)]
    course.hear(*looked)
    course.lose("killed")
    course.teaching.begin(ORDER)
    assert wording.state(course.progress) == "Getting ready"
    assert wording.worth(course.progress) == "1.5×"
    assert course.progress.done == 0.5
    course.hear(News("learning", 0.45, 1200, 300.0))
    assert [look.worth for look in course.progress.looks] == [1.4], "it was killed behind the last one"
    course.lose("killed")
    course.teaching.begin(replace(ORDER, minutes=60))
    assert not course.progress.looks
    assert course.progress.done == 0


def test_it_waits_while_an_answer_is_written_and_as_long_as_a_person_likes(course: Course) -> None:
    """Guards against an answer that shares the GPU, and against one whose end undoes a pause."""
    course.teaching.give_way(True)
    course.hear(Held(waits=True))
    assert wording.state(course.progress) == "Waits while an answer is written"
    course.teaching.pause()
    course.teaching.give_way(False)
    assert wording.state(course.progress) == "Paused"
    assert course.process.words == ["resume", "pause"]
    course.teaching.go_on()
    assert course.process.words == ["resume", "pause", "resume"]


def test_one_that_begins_while_an_answer_is_written_waits_at_once(qtbot: QtBot) -> None:
    course = Course(qtbot)
    course.lose()
    course.teaching.give_way(True)
    course.teaching.begin(ORDER)
    assert course.process.words == ["pause"]


@pytest.mark.parametrize(
    ("told", "complaint", "sentence"),
    [
        ((Stopped(),), "", ""),
        ((Failed("The disk is full.", "Make room."),), "", "The disk is full."),
        ((), "Killed", "Teaching ended because of an unexpected fault."),
        ((Ended("Faster.", True, "A has it now.", "/made", 1.4),), "a warning", "Faster."),
    ],
    ids=["stopped", "failed", "crashed", "ended"],
)
def test_however_it_ends_that_is_said(course: Course, told: tuple[object, ...], complaint: str, sentence: str) -> None:
    course.hear(*told)
    course.lose(complaint)
    assert course.progress.over
    assert wording.outcome(course.progress)[0] == sentence
    assert not course.teaching.under_way
    assert (complaint == "Killed") == ("Killed" in wording.outcome(course.progress)[1])


def test_one_that_does_not_stop_is_killed(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOPPING", 0)
    monkeypatch.setattr(module, "SILENCE", 0)
    course = Course(qtbot)
    course.hear(News("learning", 0.5))
    qtbot.waitUntil(lambda: course.progress.silent)
    with qtbot.waitSignal(course.teaching.over):
        course.teaching.stop()
    assert course.process.words == ["resume", "stop", "kill"]
    assert course.progress.phase == "stopped"


def test_what_a_former_process_says_late_is_not_heard(course: Course) -> None:
    former = course.process
    course.lose()
    course.teaching.begin(ORDER)
    former.hear(News("learning", 0.9))
    former.ended("late")
    course.hear(News("learning", 0.2))
    assert course.progress.done == 0.2
    assert course.teaching.under_way


def test_it_is_left_at_the_end_of_the_program(course: Course) -> None:
    course.teaching.end()
    assert course.process.words == ["resume", "leave"]


def test_where_no_process_can_be_started_that_is_said(qtbot: QtBot) -> None:
    def start(*_: object) -> ScriptedTeacher:
        raise OSError(11, "Resource temporarily unavailable")

    teaching = Teaching(start=start)
    with qtbot.waitSignal(teaching.over):
        teaching.begin(ORDER)
    assert teaching.progress is not None
    assert "No process" in wording.outcome(teaching.progress)[0]
