"""What the READMEs point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.library import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {"build", "scratch"}
READMES = [
    path
    for path in sorted(ROOT.glob("**/README.md"))
    if not any(part.startswith(".") or part in SKIPPED for part in path.relative_to(ROOT).parts)
]
FRONT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """A picture that is not shown, or a room that was moved."""
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [each for each in targets if "://" not in each and not (path.parent / each).exists()] == []


def test_the_commands_are_there() -> None:
    """A first command that ends in No such file."""
    scripts = re.findall(r"python[\d.]* (packaging/[\w/]+\.py)", FRONT)
    assert scripts[:2] != []
    assert [each for each in scripts if not (ROOT / each).is_file()] == []


def test_the_sets_are_those_of_the_catalogue() -> None:
    """A set recommended for a card that `models get` does not know."""
    table = FRONT.split("## Which model for which card\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| `([\w.-]+)`", table, flags=re.MULTILINE)
    assert len(named) > 4
    assert set(named) <= set(CATALOGUE)
