"""Removing Updraft: the program goes, what people have stays, and they are told where."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bundle.desktop import SCRIPTS
from bundle.layout import Layout
from bundle.pack import debian
from platformdirs import user_cache_path, user_config_path, user_data_path, user_log_path

from app.desktop.identity import ID

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these scripts are Linux's")
LINUX = Path(__file__).resolve().parents[2] / "packaging" / "bundle" / "linux"
KEPT = (".local/share/Updraft", ".config/Updraft", ".local/state/Updraft", ".cache/updraft")
PARTS = ("program", "python", "share")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Updraft as it was unpacked, in a folder with an awkward name."""
    here = tmp_path / "Prógramme 猫 $x" / "Updraft"
    for part in PARTS:
        (here / part).mkdir(parents=True)
        (here / part / "file").touch()
    for name in ("updraft", "LICENSE", "install.sh"):
        (here / name).touch()
    shutil.copy(LINUX / "uninstall.sh", here)
    return here


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with data, and an entry of the menu."""
    home = tmp_path / "home"
    for place in KEPT:
        (home / place).mkdir(parents=True)
        (home / place / "mine").touch()
    for place in (f"applications/{ID}.desktop", f"icons/hicolor/48x48/apps/{ID}.png", "applications/other.desktop"):
        path = home / ".local/share" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return home


def run(script: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    return subprocess.run([script, *words], env=environment, cwd=home, capture_output=True, text=True, check=False)


def test_the_program_goes_and_the_data_stays(folder: Path, home: Path) -> None:
    """Gigabytes left behind after a removal, an entry that starts nothing, or chats that went with the program."""
    done = run(folder / "uninstall.sh", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert not folder.exists()
    assert not list(home.rglob(f"{ID}.*"))
    assert (home / ".local/share/applications/other.desktop").exists()
    for place in KEPT:
        assert (home / place / "mine").exists()
        assert f" {home / place}\n" in done.stdout


def test_other_files_beside_it_stay(folder: Path, home: Path) -> None:
    """A model that somebody put beside the program, deleted with it."""
    (folder / "my models").mkdir()
    (folder / "my models" / "large.gguf").touch()
    done = run(folder / "uninstall.sh", home)
    assert f"There are other files in {folder}" in done.stdout
    assert [path.name for path in folder.iterdir()] == ["my models"]


def test_it_removes_nothing_where_updraft_is_not(folder: Path, home: Path) -> None:
    """A script that was copied into somebody's home folder, and then clears it."""
    shutil.copy(folder / "uninstall.sh", home)
    (home / "share").mkdir()
    done = run(home / "uninstall.sh", home)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not where Updraft was unpacked" in done.stderr
    assert (home / "share").exists()


def test_removing_the_package_says_where_the_data_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade that announces a removal, or places that are not those that the program uses."""
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    assert run(LINUX / "postrm", home, "upgrade", "0.2").stdout == ""
    said = run(LINUX / "postrm", home, "purge").stdout
    places = [find("Updraft", appauthor=False) for find in (user_data_path, user_config_path, user_log_path)]
    for place in (*places[:2], places[2].parent, user_cache_path("updraft", appauthor=False)):
        assert f" ~/{place.relative_to(home)}\n" in said


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="packages for Debian are made by dpkg-deb")
def test_debians_package_brings_what_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that goes without a word, or one that brings scripts which dpkg's own work makes wrong."""
    layout = Layout(tmp_path / "Updraft")
    layout.licences.parent.mkdir(parents=True)
    layout.licences.write_text("All of them.", encoding="utf-8")
    (layout.root / "share").mkdir()
    for script in SCRIPTS:
        shutil.copy(LINUX / script, layout.root)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    package = debian(layout, "0.1.0", tmp_path / "updraft.deb", level=1)
    subprocess.run(["dpkg-deb", "--raw-extract", package, tmp_path / "out"], check=True)
    assert (tmp_path / "out/DEBIAN/postrm").read_bytes() == (LINUX / "postrm").read_bytes()
    assert os.access(tmp_path / "out/DEBIAN/postrm", os.X_OK)
    assert not [path for script in SCRIPTS for path in (tmp_path / "out").rglob(script)]
