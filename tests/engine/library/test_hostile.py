"""A Hub, or whatever answers in its place, that is not to be trusted: nothing leaves its folder, nothing is endless."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.library import Library, LibraryError
from engine.library.fetch import Transient
from engine.library.hub import Hub
from engine.library.manifest import Entry, Manifest
from engine.library.paths import delete, inside, is_commit, is_plain
from engine.library.protocol import Patience
from engine.library.reach import Guard, is_near
from engine.library.transfer import pause_before
from tests.engine.library.conftest import FAST, SIZE, Get, checkpoint
from tests.engine.library.hub import FakeHub, Odd

WEIGHTS = "model.safetensors"
PAGE = Odd([b"<!DOCTYPE html><title>Welcome to the hotel</title>" * 50], headers={"Content-Type": "text/html"})
SHORT = Patience(quiet=0.3, silence=0.5, first=0.002, most=0.01, tries=2)


def everything(folder: Path) -> dict[Path, bytes]:
    """Return all files below ``folder``."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "sha",
    [
        "../../../escaped",
        "victim/.docker",
        "../../o/m/" + "c" * 40,
        ".",
        "main\x1b[31m",
        "",
        None,
        5,
        "C" * 40,
        "c" * 39,
    ],
)
def test_a_version_names_a_folder_only_if_it_is_a_commit(hub: FakeHub, get: Get, tmp_path: Path, sha: object) -> None:
    """Guards against a Hub that has files written, overwritten or deleted wherever it likes."""
    (tmp_path / "models" / "o" / "m").mkdir(parents=True)
    (tmp_path / "precious").write_text("mine")
    before = everything(tmp_path)
    hub.claims["ada/tiny"] = {"sha": sha}
    with pytest.raises(LibraryError, match="does not name a version"):
        get()
    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["../../escaped", "ada", "ada/../tiny", "/etc/passwd", None, 7, "ada/tiny/more"])
def test_a_name_names_a_folder_only_if_it_is_one(hub: FakeHub, get: Get, tmp_path: Path, name: object) -> None:
    """Guards the other half of the folder: what the Hub calls the model."""
    hub.claims["ada/tiny"] = {"id": name, "modelId": name}
    with pytest.raises(LibraryError):
        get(patience=SHORT)
    assert not everything(tmp_path)


def test_another_download_is_not_deleted(hub: FakeHub, get: Get, tmp_path: Path) -> None:
    """Guards against taking over, and then deleting, what lies beside but belongs to another model."""
    stranger = Manifest("ada/other", "c" * 40, (Entry("a", 1),))
    folder = tmp_path / "models" / "ada" / "tiny" / ("c" * 40)
    folder.mkdir(parents=True)
    value = {"repository": stranger.repository, "revision": stranger.revision, "files": [{"path": "a", "size": 1}]}
    (folder / "manifest.json").write_text(json.dumps(value))
    (folder / "a.part").write_bytes(b"x")
    get()
    assert (folder / "a.part").exists()


@pytest.mark.parametrize(
    "name",
    ["..", ".", "", "a/b", "a\\b", "C:x", "a\0b", "nul", "NUL.txt", "con", "COM1", "lpt9.safetensors", "aux .x", "x.",
     "x ", "a\nb", "a" * 300, "\ud800", 5, None, "conin$"],
)  # fmt: skip
def test_names_that_are_no_files(name: Any, tmp_path: Path) -> None:
    """Guards every path that is made of foreign names, also those only Windows takes for something else."""
    assert not is_plain(name)
    if isinstance(name, str):
        with pytest.raises(LibraryError):
            inside(tmp_path, "ada", name)


def test_names_that_are() -> None:
    """Guards against refusing what models really have."""
    names = [
        "model-00001-of-00002.safetensors",
        "README.md",
        "Qwen3-0.6B",
        "a b",
        "zürich",
        ".used",
        "console",
        "com10",
    ]
    assert all(map(is_plain, names))
    assert is_commit("0123456789abcdef" * 2 + "01234567")
    assert not is_commit("0123456789abcdef" * 2 + "0123456\n")


def test_nothing_is_deleted_outside(tmp_path: Path) -> None:
    """Guards against a wrong path becoming a deleted home."""
    for folder in (tmp_path, tmp_path.parent, tmp_path / ".." / "x"):
        with pytest.raises(LibraryError, match="does not lie in"):
            delete(tmp_path, folder)


@pytest.mark.parametrize(
    "claim",
    [
        {"siblings": 5},
        {"siblings": "README.md"},
        {"siblings": [{"rfilename": "config.json", "size": "large"}]},
        {"siblings": [{"rfilename": 5, "size": 5}]},
        {"siblings": [{"rfilename": "a", "size": 5, "lfs": {"sha256": "../x", "size": 5, "pointerSize": 1}}]},
        {"siblings": [{"rfilename": "a", "size": 5, "lfs": 3}]},
    ],
)
def test_answers_of_another_shape(hub: FakeHub, get: Get, claim: dict[str, Any]) -> None:
    """Guards against a traceback, and a downloader started again and again, for an answer that makes no sense."""
    hub.claims["ada/tiny"] = claim
    with pytest.raises(LibraryError) as caught:
        get(patience=SHORT)
    assert caught.value.hint


def test_files_listed_twice(hub: FakeHub, get: Get, tmp_path: Path) -> None:
    """Guards against a download that never ends, and against two files in one place on a disk without case."""
    commit = hub.publish("ada/tiny", {**checkpoint(1), "README.md": b"one", "README.MD": b"two"})
    get()
    files = {path.name for path in (tmp_path / "models" / "ada" / "tiny" / commit).iterdir()}
    assert len([name for name in files if name.casefold() == "readme.md"]) == 1
    assert WEIGHTS in files
    hub.publish("ada/twice", checkpoint(2))
    listed = Hub(None, 0.5, hub.address)._info("ada/twice", None).siblings or []
    plain = [{"rfilename": each.rfilename, "size": each.size, "blobId": each.blob_id} for each in listed]
    hub.claims["ada/twice"] = {"siblings": [*plain, {"rfilename": "config.json", "size": 7, "blobId": "0" * 40}]}
    assert get("ada/twice")[-1].state == "done"


@pytest.mark.parametrize("path", ["/api/models/ada/tiny", "config.json"])
def test_a_sign_in_page_is_called_one(hub: FakeHub, get: Get, tmp_path: Path, path: str) -> None:
    """Guards against five deaths of the downloader, and a page on disk, in the network of a hotel."""
    hub.odd[path] = PAGE
    with pytest.raises(LibraryError, match="sign-in page") as caught:
        get(patience=SHORT)
    assert caught.value.kind == "network"
    assert not any(b"hotel" in content for content in everything(tmp_path).values())


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", ""])
def test_a_page_is_no_beginning_of_a_file(
    hub: FakeHub, get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Guards against gigabytes fetched behind a page of HTML, to be thrown away for their hash."""
    monkeypatch.setattr("engine.library.fetch.LARGE", SIZE // 2)
    hub.odd[WEIGHTS] = Odd(PAGE.body, headers={"Content-Type": kind} if kind else {})
    with pytest.raises(LibraryError, match="sign-in page"):
        get(patience=SHORT)
    assert not any(b"hotel" in content for content in everything(tmp_path).values())
    del hub.odd[WEIGHTS]
    get()
    assert hub.bytes_served(WEIGHTS) == len(
        hub.repositories["ada/tiny"].commits[hub.repositories["ada/tiny"].main][WEIGHTS]
    )


def endless(block: bytes = b" " * 65_536, pause: float = 0.0) -> Iterator[bytes]:
    """Give blocks for ever."""
    for _ in itertools.count():
        time.sleep(pause)
        yield block


@pytest.mark.parametrize("ask", [lambda hub: hub.plan("ada/tiny", None), lambda hub: hub.account()])
def test_endless_answers_end(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Hub], object]) -> None:
    """Guards against gigabytes of memory for an answer that does not stop."""
    monkeypatch.setattr("engine.library.reach.MOST", 1 << 20)
    hub.odd["/api/models/ada/tiny"] = hub.odd["/api/whoami-v2"] = Odd(endless())
    with pytest.raises(Transient, match="sign-in page"):
        ask(Hub("hf_good", 0.5, hub.address))


def test_an_endless_configuration_ends(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the one small file that is read into memory."""
    monkeypatch.setattr("engine.library.hub.LARGEST", 100_000)
    asked = Hub(None, 0.5, hub.address)
    plan = asked.plan("ada/tiny", None)
    hub.odd["config.json"] = Odd(endless())
    with pytest.raises(LibraryError, match="more than 100"):
        asked.config(plan)


def test_answers_a_byte_at_a_time_end(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a look-up that hangs for ever while each single byte comes in time."""
    monkeypatch.setattr("engine.library.hub.LONG", 1)
    hub.odd["/api/models/ada/tiny"] = Odd(endless(b" ", 0.05))
    with pytest.raises(Transient, match="come to an end"):
        Hub(None, 0.3, hub.address).plan("ada/tiny", None)


@pytest.mark.parametrize("header", ["999999999", "9" * 400, "²", "Fri, 31 Dec 9999 23:59:59 GMT", "-5", "soon"])
def test_nobody_waits_for_years(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, get: Get, header: str) -> None:
    """Guards against "trying again in 277777 h"."""
    monkeypatch.setattr("engine.library.transfer.LONGEST", 0.02)
    hub.odd["/api/models/ada/tiny"] = Odd(status=429, headers={"Retry-After": header})
    with pytest.raises(LibraryError, match="fewer requests"):
        get(patience=FAST)
    with pytest.raises(Transient) as caught:
        Hub(None, 0.5, hub.address).plan("ada/tiny", None)
    assert pause_before(3, Patience(), caught.value.wait) <= 4


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "::1", "fe80::1", "localhost", "100.64.0.1"]
)
def test_addresses_of_this_network(host: str) -> None:
    """Guards the list of what a redirect may not reach."""
    assert is_near(host)


def test_redirects_stay_out_of_this_network() -> None:
    """Guards against a Hub that has this machine ask its own network, unless the Hub is in that network itself."""

    class Request:
        def __init__(self, host: str) -> None:
            self.url = type("Url", (), {"host": host})

    outside = Guard("https://93.184.216.34", 1)
    for host in ("169.254.169.254", "10.0.0.1", "127.0.0.1"):
        with pytest.raises(Transient, match="refused"):
            outside._request(Request(host))
    outside._request(Request("93.184.216.34"))
    outside._request(Request("1.1.1.1"))
    Guard("http://127.0.0.1:8000", 1)._request(Request("10.0.0.1"))


def test_redirects_that_lead_nowhere_are_called_so(hub: FakeHub, get: Get) -> None:
    """Guards against "the connection was cut" for an address that is not one of the web."""
    for address in ("file:///etc/passwd", "javascript:alert(1)"):
        hub.odd[WEIGHTS] = Odd(status=302, headers={"Location": address, "Content-Length": "0"})
        with pytest.raises(LibraryError, match="leads nowhere"):
            get(patience=SHORT)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"repository": "ada/bad", "revision": "R", "files": [{"path": "config.json", "size": "q"}], "complete": true}',
        '{"repository": "ada/bad", "revision": "R", "files": [{"path": "a", "size": 1, "sha256": 5}]}',
        '{"repository": "ada/bad", "revision": "R", "files": 5}',
        '{"repository": "ada/bad", "revision": "R", "files": [], "licence": []}',
        '{"repository": "ada/bad", "revision": "R", "files": [], "complete": "yes"}',
        '{"repository": ["ada/bad"], "revision": "R", "files": []}',
        "[]",
        '"text"',
    ],
)
def test_one_bad_manifest_hides_one_model(get: Get, library: Library, text: str) -> None:
    """Guards against a whole library that is not listed because of one folder, and against silence about it."""
    library.require()
    get()
    bad = library.folder / "ada" / "bad" / "R"
    bad.mkdir(parents=True)
    (bad / "manifest.json").write_text(text)
    (bad / "config.json").write_text("{}")
    assert [model.repository for model in library.models()] == ["ada/tiny"]
    assert library.unfinished() == ()
    (note,) = library.unreadable()
    assert str(bad) in note
    assert list(library.model_sets()) == ["ada/tiny"]


def test_a_download_replaces_a_bad_manifest(hub: FakeHub, get: Get, library: Library) -> None:
    """Guards against a model that can neither be listed nor got again."""
    library.require()
    get()
    (model,) = library.models()
    (model.folder / "manifest.json").write_text("[" * 100_000)
    before = hub.bytes_served(WEIGHTS)
    get()
    assert library.model("ada/tiny").whole
    assert hub.bytes_served(WEIGHTS) == before, "what was there was fetched again"


@pytest.mark.parametrize("text", ['{"folder": 5}', "[" * 100_000, '{"folder": "\\u0000"}', "[]", "{", '"x"', "null"])
def test_a_damaged_record_is_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Guards against a window that does not open."""
    monkeypatch.setattr("engine.library.installed.user_data_path", lambda *_, **__: tmp_path)
    (tmp_path / "library.json").write_text(text)
    found = Library.open()
    assert found.folder == tmp_path / "models"
    assert found.models() == ()
    found.require()


def test_a_damaged_entry_of_the_record_is_left_out(get: Get, library: Library, tmp_path: Path) -> None:
    """Guards what is shown while the drive is away."""
    library.require()
    get()
    library.models()
    record = tmp_path / "library.json"
    value = json.loads(record.read_text())
    value["models"] += [5, {}, {**value["models"][0], "size": "q"}, {**value["models"][0], "folder": 7}]
    record.write_text(json.dumps(value))
    library.folder.rename(tmp_path / "unplugged")
    assert [(model.repository, model.present) for model in library.models()] == [("ada/tiny", False)]
