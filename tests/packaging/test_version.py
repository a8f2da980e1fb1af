"""One version, for the program, its command lines and its changelog."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.settings.arguments import read_arguments
from engine.__main__ import main
from engine.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_both_command_lines_say_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A version that only the window knows."""
    for read in (read_arguments, main):
        with pytest.raises(SystemExit) as ended:
            read(["--version"])
        assert ended.value.code == 0
        assert capsys.readouterr().out == f"Updraft {VERSION}\n"


def test_the_changelog_begins_with_it() -> None:
    """A version released without a word about what is new, or dated in a way the metainfo cannot take."""
    changelog = (ROOT / "assets" / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", changelog, flags=re.MULTILINE)
    assert released[0][0] == VERSION
    assert [date for _, date in released] == sorted((date for _, date in released), reverse=True)
