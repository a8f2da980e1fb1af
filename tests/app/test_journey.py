"""Which files of app/ carry a question to the engine and a token back to the screen, held against app/README.md."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from types import FrameType

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.store import Store
from app.talk.worker import EngineWorker
from engine.events import Event, Round
from tests.app.scripted import ScriptedSession, endless
from tests.app.stage import Start

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"
README = (APP / "README.md").read_text(encoding="utf-8")
MOST_OUT, MOST_BOTH = 14, 30  # files from Return to the engine, and there and back
SHOWN = {"insertText", "setText", "setPlainText", "setValue", "update"}  # of Qt: something is to be seen from now on


class Route:
    """Collects the files of app/ that are on the stack where something is handed on: the carriers."""

    def __init__(self) -> None:
        self.carriers: set[str] = set()
        self.open = False

    def stand(self, frame: FrameType | None) -> None:
        """Note the files of ``frame`` and of all that called it, on this thread."""
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(APP):
                self.carriers.add(path.relative_to(APP).as_posix())
            frame = frame.f_back

    def station(self, function: Callable[..., object], *, last: bool = False) -> Callable[..., object]:
        """Return ``function``, noting who calls it; the way ends at the ``last`` one."""

        @wraps(function)
        def noting(*args: object, **named: object) -> object:
            if self.open:
                self.stand(sys._getframe())
                self.carriers.add(Path(function.__code__.co_filename).relative_to(APP).as_posix())
                self.open = not last
            return function(*args, **named)

        return noting

    def look(self, frame: FrameType, event: str, called: object) -> None:
        """Note who has Qt show something; for ``sys.setprofile``."""
        if self.open and event == "c_call" and getattr(called, "__name__", "") in SHOWN:
            self.stand(frame)


@pytest.fixture
def route() -> Iterator[Route]:
    found = Route()
    yield found
    sys.setprofile(None)


def listed(heading: str) -> set[str]:
    """Return the files of app/ named in the table below ``heading`` of the README."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    return {name for row in re.findall(r"^\|.*$", section, re.MULTILINE) for name in re.findall(r"`([\w/]+\.py)`", row)}


def outward(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put up the stations from Return to the engine: the question saved, and then asked."""
    for owner, name in ((Archive, "write"), (Archive, "after"), (Store, "add_question")):
        monkeypatch.setattr(owner, name, route.station(getattr(owner, name)))
    monkeypatch.setattr(EngineWorker, "reply", route.station(EngineWorker.reply, last=True))


def test_from_return_to_the_engine(
    start: Start, qtbot: QtBot, route: Route, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a question handed from file to file until nobody can follow it; a table that no longer tells the way."""
    outward(route, monkeypatch)
    running = start(archive=Archive(tmp_path / "data"))
    qtbot.waitUntil(lambda: running.archive.ready)
    running.window.composer.field.setPlainText("Why is the sky blue?")
    route.open = True
    with qtbot.waitSignal(running.chat.answered):
        QTest.keyClick(running.window.composer.field, Qt.Key.Key_Return)
    assert route.carriers == listed("From Return to the engine")
    assert len(route.carriers) <= MOST_OUT


def test_from_a_token_to_the_screen(
    start: Start, qtbot: QtBot, route: Route, session: ScriptedSession, tmp_path: Path
) -> None:
    """Guards: the same for a token on its way back, to the text, the panel and the disk."""
    begun, go, over = threading.Event(), threading.Event(), threading.Event()

    def play(_: object) -> Iterator[Event]:
        for number, event in enumerate(endless()):
            if number == 12:
                begun.set()
                go.wait(20)
                route.open = isinstance(event, Round)
            if number == 13:
                over.wait(20)
                return
            yield event

    session.play = play
    running = start(archive=Archive(tmp_path / "data"))
    running.worker.event_arrived.connect(lambda *_: route.stand(sys._getframe()), Qt.ConnectionType.DirectConnection)
    running.chat.send("Count")
    qtbot.waitUntil(begun.is_set)
    QTest.qWait(150)  # the panel is shown again after a while only
    sys.setprofile(route.look)
    with qtbot.waitSignal(running.chat.flight.arrived):
        go.set()
    route.open = False
    sys.setprofile(None)
    over.set()
    back = route.carriers
    assert back == listed("From a token to the screen")
    assert len(back | listed("From Return to the engine")) <= MOST_BOTH


def test_the_readme_names_files_that_exist() -> None:
    """Guards: a map of rooms that were moved away."""
    named = set(re.findall(r"`([\w/]+\.py)`", README))
    assert [name for name in sorted(named) if not ((APP / name).is_file() or (ROOT / name).is_file())] == []
    rooms = {row.split("`")[1] for row in README.split("## Rooms\n")[1].split("\n## ")[0].splitlines() if "`" in row}
    there = {f"{path.name}/" for path in APP.iterdir() if (path / "__init__.py").is_file()}
    assert {room for room in rooms if room.endswith("/")} == there
