"""Compiled kernels kept between starts: taken as they are when whole, made again when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.model.cpu import compiled
from engine.model.cpu.compiled import Kernels
from engine.model.cpu.kept import FILES, kept


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    return tmp_path / "kernels"


def unwanted() -> bytes:
    raise AssertionError("made again")


def test_what_was_made_is_not_made_again(folder: Path) -> None:
    """Guards: seconds of every start."""
    assert kept(b"one", lambda: b"code") == b"code"
    assert kept(b"one", unwanted) == b"code"
    assert kept(b"another", lambda: b"its own") == b"its own"
    assert len([*folder.iterdir()]) == 2  # nothing half written beside them


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_file_is_made_again(folder: Path, damage: bytes | None) -> None:
    """Guards: code that jumps anywhere, because a disk was full or a bit fell over."""
    kept(b"one", lambda: b"code" * 100)
    (file,) = folder.iterdir()
    held = bytearray(file.read_bytes())
    held[200] ^= 1
    file.write_bytes(bytes(held) if damage is None else damage)
    assert kept(b"one", lambda: b"anew") == b"anew"
    assert kept(b"one", unwanted) == b"anew"


def test_a_disk_that_takes_nothing_stops_nobody(folder: Path) -> None:
    """Guards: a start that fails because its cache cannot be written or read."""
    folder.write_text("a file where the folder belongs")
    assert kept(b"one", lambda: b"code") == b"code"


def test_few_files_are_kept(folder: Path) -> None:
    """Guards: a cache that grows with every update."""
    for index in range(FILES + 3):
        kept(bytes([index]), lambda: b"code")
    assert len([*folder.iterdir()]) == FILES


def test_the_kernels_themselves_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a key that changes from start to start, and code that does not work when it comes from a file."""
    first = compiled.compiled()
    (file,) = folder.iterdir()
    monkeypatch.setattr(compiled, "written", unwanted)
    again = compiled.compiled()
    assert isinstance(again, Kernels)
    assert set(again.addresses) == set(first.addresses)
    assert all(again.addresses.values())
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(AssertionError, match="made again"):
        compiled.compiled()
