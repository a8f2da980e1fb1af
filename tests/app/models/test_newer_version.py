"""Help > Check for a newer version…"""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from app import application
from app.application import Application
from app.models.newer_version import TEXT
from engine.version import VERSION
from tests.app.models.conftest import Serve
from tests.engine.library.hub import FakeHub, Odd

PAGE = "https://example.invalid/releases/9"


@pytest.fixture
def running(serve: Serve, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Application:
    """The window of a program whose releases are announced somewhere."""
    monkeypatch.setattr(application, "ADDRESS", f"{hub.address}/latest")
    return serve(lambda _: iter(()))


def announce(hub: FakeHub, version: str) -> None:
    hub.odd["/latest"] = Odd([json.dumps({"tag_name": version, "html_url": PAGE}).encode()])


def asked(running: Application, qtbot: QtBot) -> str:
    """Choose the menu item and return the sentence that comes of it."""
    newer = running.newer
    newer.action.trigger()
    qtbot.waitUntil(lambda: newer.box is not None and newer.action.isEnabled(), timeout=60_000)  # a process starts
    box, newer.box = newer.box, None
    assert box is not None
    buttons = {button.text(): button for button in box.buttons()}
    buttons.get("Open its page", buttons["Close"]).click()
    return box.text()


def test_it_asks_when_told_to_and_says_what_came_of_it(
    running: Application, hub: FakeHub, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a question that nobody asked, or that leaves an offline computer; news without a way to it; silence."""
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    announce(hub, "v999")
    running.preferences.change(offline=True)
    assert "offline" in asked(running, qtbot)
    running.preferences.change(offline=False)
    assert hub.asked("/latest") == [], "it was offline, and before that nobody had asked"
    assert asked(running, qtbot) == f"There is a newer version, 999. This is {VERSION}."
    assert opened == [QUrl(PAGE)]
    announce(hub, VERSION)
    assert asked(running, qtbot) == f"This is the newest version, {VERSION}."
    del hub.odd["/latest"]
    assert "does not answer as it should" in asked(running, qtbot)


def test_without_a_place_to_ask_there_is_no_item(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a menu item that can only fail."""
    monkeypatch.setattr(application, "ADDRESS", "")
    window = serve(lambda _: iter(())).window
    texts = [action.text() for menu in window.menus.all for action in menu.actions()]
    assert "What's new" in texts
    assert TEXT not in texts
