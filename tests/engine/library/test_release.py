"""Whether a newer version exists: asked for once, of one place, and never while offline."""

from __future__ import annotations

import json

import pytest

from engine.library import Connection, LibraryError, newest
from engine.library.announced import announced
from engine.library.protocol import Release
from engine.library.release import ADDRESS, numbers
from engine.version import VERSION
from tests.engine.library.hub import FakeHub, Odd

PLACE = "/releases/latest"
PAGE = "https://example.invalid/releases/9"


def announce(hub: FakeHub, **told: object) -> str:
    """Have a release announced, and return where."""
    hub.odd[PLACE] = Odd([json.dumps(told).encode()], headers={"Content-Type": "application/json"})
    return hub.address + PLACE


def test_a_newer_version_is_told_with_its_page(hub: FakeHub) -> None:
    """Guards against more being asked, or told to that place, than which version is the newest."""
    address = announce(hub, tag_name="v999.0.1", html_url=PAGE, draft=False)
    assert newest(Connection(), address) == Release("999.0.1", PAGE)
    ((_, path, headers),) = hub.requests
    assert (path, headers["user-agent"]) == (PLACE, "Updraft")
    assert not {"authorization", "cookie", "x-amz-cf-id"} & set(headers)


def test_this_version_is_no_news(hub: FakeHub) -> None:
    """Guards against being sent to the version that one has."""
    assert newest(Connection(), announce(hub, tag_name=f"v{VERSION}.0", html_url=PAGE)) is None


def test_versions_are_compared_as_numbers() -> None:
    """Guards against 0.10 being taken for older than 0.9."""
    assert numbers("0.10") > numbers("v0.9.9") > numbers("0.9") == numbers("0.9.0")
    for text in ("1.0rc1", "latest", "", "1..2", "-1", "1.0\n", "٣"):
        with pytest.raises(ValueError, match="no version"):
            numbers(text)


def test_offline_nothing_is_asked(hub: FakeHub) -> None:
    """Guards the promise of the switch."""
    address = announce(hub, tag_name="999", html_url=PAGE)
    with pytest.raises(LibraryError, match="offline"):
        newest(Connection(offline=True), address)
    assert not hub.requests


@pytest.mark.parametrize(
    "told", [{}, {"tag_name": "nightly", "html_url": PAGE}, {"tag_name": ["1"], "html_url": PAGE}, {"tag_name": "999"}]
)
def test_what_is_no_announcement_is_said(hub: FakeHub, told: dict[str, object]) -> None:
    """Guards against a sign-in page of a hotel, or a tag that is no version, told as news or as a traceback."""
    with pytest.raises(LibraryError, match="does not answer as it should"):
        announced(announce(hub, **told), 0.5)


def test_no_answer_is_said(hub: FakeHub) -> None:
    """Guards against a traceback where the place is gone."""
    for address in (hub.address + "/gone", "http://127.0.0.1:9/releases"):
        with pytest.raises(LibraryError, match="does not answer as it should"):
            announced(address, 0.5)


def test_only_a_page_of_the_web_is_opened(hub: FakeHub) -> None:
    """Guards against an announcement that has a file or a program of this computer opened."""
    assert announced(announce(hub, tag_name="999", html_url="file:///bin/sh"), 0.5) == Release("999", "")


def test_there_is_one_place_or_none() -> None:
    """Guards against an address that was never looked at: the project has none yet."""
    assert ADDRESS == "" or ADDRESS.startswith("https://")
