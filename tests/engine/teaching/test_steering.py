"""A process that teaches waits, goes on and leaves off as it is asked to, and tells what it does."""

from __future__ import annotations

import argparse
import io
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Empty, Queue

import pytest

from engine.config import ModelSet
from engine.errors import SettingError, UpdraftError
from engine.library.taught import home_of
from engine.teaching.command import _as_stored
from engine.teaching.home import OWN, Asked, begun, forget_texts, held, note
from engine.teaching.printing import Printing, line_of
from engine.teaching.process import Teacher
from engine.teaching.protocol import Ended, Failed, Held, News, Said, Stopped, Told, decode, encode
from engine.teaching.steering import Steering, Stopping

EVERY = (
    News("learning", 0.5, 1200, 80.0, 1.5, (0.6, 0.5), 1.4),
    News("writing", 0.1),
    Said("reading A"),
    Held(waits=True),
    Stopped(),
    Ended("It is faster.", kept=True, outcome="A has it now.", folder="/made", gain=1.4),
    Failed("The disk is full.", "Make room."),
)
PATIENCE = 120  # seconds a process may take to start; nothing waits so long that goes well


@pytest.mark.parametrize("told", EVERY, ids=lambda told: type(told).__name__)
def test_what_is_told_travels_as_a_line(told: Told) -> None:
    line = encode(told)
    assert line.endswith("\n")
    assert "\n" not in line[:-1]
    assert decode(line) == told


def test_it_waits_and_its_clock_stands_still() -> None:
    heard: Queue[Told] = Queue()
    dial, gone = [7.0], threading.Event()
    steering = Steering(heard.put, lambda: dial[0])
    assert not steering.held_up()
    steering.take("pause")

    def work() -> None:
        steering.held_up()
        gone.set()

    threading.Thread(target=work).start()
    assert heard.get(timeout=PATIENCE) == Held(waits=True)
    dial[0] += 100
    assert not gone.is_set()
    steering.take("resume")
    assert gone.wait(PATIENCE)
    assert heard.get(timeout=PATIENCE) == Held(waits=False)
    assert steering.clock() == 7.0


def test_a_stop_ends_a_pause_and_the_end_of_the_input_is_one() -> None:
    steering = Steering()
    steering.follow(io.BytesIO(b"pause\nwhat?\n"))
    assert steering.held_up()
    with pytest.raises(Stopping):
        steering.pass_by()


def test_lines_for_a_terminal_come_now_and_then() -> None:
    lines: list[str] = []
    times = iter((100.0, 101.0, 120.0, 120.0, 121.0))
    show = Printing(lines.append, lambda: next(times))
    for done in (0.1, 0.2, 0.5, 1.0):
        show(News("learning", done))
    show(Failed("Full.", "Make room."))
    assert [line.split()[0] for line in lines] == ["10%", "50%", "100%", "Full."]


def test_a_line_says_no_pace_and_no_gain_where_there_is_none() -> None:
    news = News("learning", 0.5, 1200, 80.0, agreement=(0.6, 0.5), worth=1.4)
    assert (
        line_of(news)
        == " 50% learning, 1,200 tokens of replies, 80 a second; right by place: 0.60 0.50; about 1.4 times as fast"
    )
    poor = line_of(replace(news, pace=0.0, worth=1.0))
    assert poor == " 50% learning, 1,200 tokens of replies; right by place: 0.60 0.50; no gain yet"


def test_what_was_begun_is_known_and_texts_are_forgotten(
    family: ModelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.library.taught.user_data_path", lambda *_, **__: tmp_path)
    folder = home_of(family.target) / "head"
    assert begun(family.target) == []
    note(folder, Asked("head", 30.0, own=True))
    (folder / "progress.json").write_text('{"spent": 90}')
    (folder / OWN).write_text("Why?")
    (found,) = begun(family.target)
    assert (found.asked.minutes, found.spent, found.folder) == (30.0, 1.5, folder)
    asked = argparse.Namespace(what="head", as_stored=True)
    with pytest.raises(SettingError, match="as the machine runs them"):
        _as_stored(asked, family)
    note(folder, Asked("head", 30.0, as_stored=True))
    assert _as_stored(argparse.Namespace(what="head", as_stored=False), family), "it goes on as it was begun"
    forget_texts(folder)
    assert not (folder / OWN).exists()
    (folder / "asked.json").write_text("{")
    assert begun(family.target) == []


def test_a_course_is_one_process_s_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.teaching.home.PATIENCE", 0)
    folder = tmp_path / "home" / "head"
    with held(folder):
        folder.mkdir()  # as a new course makes it, and a fresh one removes it
        with pytest.raises(UpdraftError, match="being taught already"), held(folder):
            pass
        with held(folder.with_name("block")):
            pass
    with held(folder):
        pass


class Heard:
    """A real process that teaches the tiny family, and what it tells."""

    def __init__(self, *asked: str) -> None:
        self._told: Queue[Told | str] = Queue()
        self.process = Teacher(asked, self._told.put, self._told.put)

    def until(self, wanted: Callable[[Told | str], bool]) -> Told | str:
        try:
            while not wanted(told := self._told.get(timeout=PATIENCE)):
                pass
        except Empty:
            self.process.kill()
            raise
        return told


@pytest.mark.slow
def test_a_real_process_waits_and_leaves_off_when_its_owner_is_gone(
    family: ModelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against a process that outlives its owner, and against one that ends without writing its state."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    model = str(family.target.parent)
    asked = ("--model", model, "--device", "cpu", "--minutes", "0.4", "--batch", "128")
    first = Heard(*asked)
    assert isinstance(first.until(lambda told: isinstance(told, News)), News)
    first.process.pause()
    assert first.until(lambda told: isinstance(told, Held)) == Held(waits=True)
    first.process.resume()
    assert first.until(lambda told: isinstance(told, Held)) == Held(waits=False)
    first.process.leave()
    assert first.until(lambda told: isinstance(told, Stopped | str)) == Stopped()
    first.process.join()
    (found,) = begun(family.target)
    assert found.spent > 0
    assert not found.asked.over


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    heard = Heard("--model", str(tmp_path / "none"))
    assert isinstance(heard.until(lambda told: isinstance(told, Failed | str)), Failed)
    heard.process.join()
