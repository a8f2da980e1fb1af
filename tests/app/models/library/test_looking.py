"""What the window is told of the library when it looks more than once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.models.library import ModelLibrary
from app.models.library.listing import Listing
from engine.library import Connection, Library


def test_an_older_listing_replaces_no_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    """Guards: a damaged model that is "Verified" again because a look from before took longer than the next."""
    library = ModelLibrary(Library(tmp_path / "models", tmp_path / "library.json"), Connection(offline=True), spare=0)
    slow, begun, told, listing = threading.Event(), list[int](), list[Listing](), Listing.of

    def of(shown: Library) -> Listing:
        begun.append(len(begun))
        if len(begun) == 1:
            assert slow.wait(20)
        return listing(shown)

    monkeypatch.setattr(Listing, "of", of)
    library.listed.connect(told.append)
    library.look()
    qtbot.waitUntil(lambda: len(begun) == 1)
    with qtbot.waitSignal(library.listed):
        library.look()
    overtaken = library._tasks.under_way[-1]
    with qtbot.waitSignal(overtaken.over):
        slow.set()
    assert len(told) == 1
    library.close()
