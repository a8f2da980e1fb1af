"""The models command on a disk: importing, renaming, and folders of the Hub client's cache."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from engine.__main__ import _models
from tests.engine.library.conftest import MemoryKeyring
from tests.engine.library.test_asking import terminal
from tests.engine.library.test_installed import cached, source


def test_import_and_rename(tmp_path: Path, memory_keyring: MemoryKeyring, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards against a terminal that cannot take in a folder, and a second one of its name."""
    folder, made = tmp_path / "models", source(tmp_path, "mine")
    assert terminal(folder, "import", str(made)) == 0
    assert "Imported mine" in capsys.readouterr().out
    assert terminal(folder, "import", str(made)) == 1
    assert "another name" in capsys.readouterr().err
    assert terminal(folder, "import", str(made), "--name", "second") == 0
    assert terminal(folder, "rename", "second", "Ada's own") == 0
    assert terminal(folder, "rename", "mine", "ada's OWN") == 1
    assert terminal(folder, "verify", "second") == 0
    assert terminal(folder, "list") == 0
    assert "Ada's own (local/second)" in capsys.readouterr().out
    assert terminal(folder, "remove", "Ada's own") == 0


def test_a_folder_of_the_cache_is_its_newest_version(
    tmp_path: Path, memory_keyring: MemoryKeyring, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guards against "it has no config.json" for the folder that people find in their cache."""
    home = cached(tmp_path, "models--ada--tiny")
    found = _models(argparse.Namespace(model=str(home)))
    assert (found.name, found.target) == ("ada/tiny", home / "snapshots" / ("c" * 40))
    assert terminal(tmp_path / "models", "import", str(home)) == 0
    assert "Imported ada/tiny" in capsys.readouterr().out
