"""The launcher and the menu entry, from folders with odd names, with a Python that only says how it was called."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import run
from bundle.desktop import ID, LINUX
from bundle.layout import Layout
from bundle.program import HERE

FAKE = '#!/bin/sh\nprintf "%s\\n" "$0" "$@"\nenv\n'
ODD = "Löwe, 龙 \"quoted\" 'one' $HOME `id` \\ 100% #"
DISPLAY = {"DISPLAY": ":7"}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these are Linux's")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / ODD / "Updraft")
    layout.python.parent.mkdir(parents=True)
    layout.python.write_text(FAKE)
    layout.python.chmod(0o755)
    shutil.copy(HERE / "launcher.sh", layout.launcher)
    shutil.copy(LINUX / "install.sh", layout.root)
    for folder, name in (("applications", f"{ID}.desktop"), ("icons/hicolor/scalable/apps", f"{ID}.svg")):
        (place := layout.root / "share" / folder).mkdir(parents=True)
        (place / name).write_text("[Desktop Entry]\nName=Updraft\nExec=updraft %U\nIcon=x\n")
    return layout


def said(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_the_python_beside_it_runs_the_window(layout: Layout) -> None:
    """Guards: another Python, another folder's packages, words cut at spaces."""
    done = said(layout.launcher, "--model", "my models/a b", **DISPLAY)
    assert done.stdout.splitlines()[:7] == [
        str(layout.python), "-I", "-B", "-m", "app", "--model", "my models/a b",
    ]  # fmt: skip


def test_links_lead_to_the_folder(layout: Layout, tmp_path: Path) -> None:
    """Guards: a command in /usr/bin, which is a link to a link, that looks for Python beside itself."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "first").symlink_to(layout.launcher)
    (tmp_path / "bin" / "updraft").symlink_to("../first")
    assert said(tmp_path / "bin" / "updraft", **DISPLAY).stdout.startswith(f"{layout.python}\n")
    found = said("sh", "-c", "updraft", PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}", DISPLAY=":7")
    assert found.stdout.startswith(f"{layout.python}\n")


@pytest.mark.parametrize("word", run.TERMINAL)
def test_words_of_the_terminal_need_no_display(layout: Layout, word: str) -> None:
    """Guards: a word that run.py knows and a bundle does not."""
    assert said(layout.launcher, word, "Why?").stdout.splitlines()[4:7] == ["engine", word, "Why?"]


def test_where_there_is_no_display_it_says_what_to_do(layout: Layout) -> None:
    """Guards: Qt's own message, and a crash, over ssh."""
    done = said(layout.launcher)
    assert done.returncode == 1
    assert "There is no display" in done.stderr
    assert "Hint" in done.stderr
    assert said(layout.launcher, "--help").returncode == said(layout.launcher, "--version").returncode == 0


def test_a_persons_variables_reach_neither_python_nor_qt(layout: Layout) -> None:
    """Guards: a foreign Qt's plugins, a foreign Python's packages, in ours or in its children."""
    foreign = {"PYTHONPATH": "/theirs", "PYTHONHOME": "/theirs", "QT_PLUGIN_PATH": "/theirs"}
    assert "/theirs" not in said(layout.launcher, **foreign, **DISPLAY).stdout


def test_the_menu_starts_what_lies_here(layout: Layout, tmp_path: Path) -> None:
    """Guards: a menu entry that a space, a quote or a percent sign in the path breaks; one that cannot be taken out."""
    share = tmp_path / "share"
    done = said(layout.root / "install.sh", HOME=str(tmp_path), XDG_DATA_HOME=str(share))
    assert done.returncode == 0, done.stderr
    entry = configparser.RawConfigParser()
    entry.optionxform = str  # type: ignore[assignment,method-assign] # as its documentation says
    entry.read(share / "applications" / f"{ID}.desktop", encoding="utf-8")
    value = entry["Desktop Entry"]["Exec"].replace("\\\\", "\\")  # a value's own escape, then that of quotes
    program = re.sub(r'\\(["`$\\])', r"\1", value.removeprefix('"').removesuffix('" %U'))
    assert program.replace("%%", "%") == str(layout.launcher)
    assert (share / "icons/hicolor/scalable/apps" / f"{ID}.svg").is_file()
    removed = said(layout.root / "install.sh", "--remove", HOME=str(tmp_path), XDG_DATA_HOME=str(share))
    assert str(share / "Updraft") in removed.stdout
    assert list(share.rglob(f"{ID}*")) == []
