"""Files replaced in one step."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.files import replace_file


@pytest.mark.parametrize("lasting", [False, True])
def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path, lasting: bool) -> None:
    """Guards against a part file beside what was replaced."""
    file = tmp_path / "paces.json"
    for content in (b"old", b"new"):
        replace_file(file, content, lasting=lasting)
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    """Guards against half a file, and against litter where the disk refuses."""
    (tmp_path / "paces.json").mkdir()
    with pytest.raises((IsADirectoryError, PermissionError)):
        replace_file(tmp_path / "paces.json", b"new")
    assert [each.is_dir() for each in tmp_path.iterdir()] == [True]
