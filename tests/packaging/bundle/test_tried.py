"""A bundle is tried again when what it is made of has changed, and only then."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from bundle.tried import digest
from installing import ROOT
from locked import NAME


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", NAME):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "packaging" / "bundle").mkdir(parents=True)
    (tmp_path / "packaging" / "bundle" / "build.py").write_text("1")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    return tmp_path


def test_the_recipe_and_the_lock_count(checkout: Path) -> None:
    """Guards: a changed recipe, or another torch, that nobody starts before a release."""
    before = digest(checkout)
    (checkout / "packaging" / "bundle" / "new.py").write_text("1")
    recipe = digest(checkout)
    lock = checkout / NAME
    lock.write_text(lock.read_text("utf-8").replace("torch==2.13.0+cpu", "torch==2.13.1+cpu"), encoding="utf-8")
    assert len({before, recipe, digest(checkout)}) == 3


def test_words_and_the_record_itself_do_not(checkout: Path) -> None:
    """Guards: three minutes of every check for a comma in a README; a record that outdates itself."""
    before = digest(checkout)
    (checkout / "packaging" / "bundle" / "README.md").write_text("words")
    (checkout / "packaging" / "bundle" / "tried.txt").write_text(before)
    (checkout / "packaging" / "sample.py").write_text("another tool")
    assert digest(checkout) == before
