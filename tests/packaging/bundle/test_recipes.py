"""The recipes for Windows and macOS, which no test can run here: what they name is what is made."""

from __future__ import annotations

import plistlib
import re
import tomllib
from pathlib import Path

import run
from bundle import debian, elf, macos, windows
from bundle.desktop import ID, LINUX
from bundle.layout import PYTHON, Layout
from installing import ROOT

from app.desktop import identity
from engine.version import VERSION

SCRIPT = (windows.HERE / "updraft.iss").read_text(encoding="utf-8")
FOLDER = Path("Updraft")


def test_every_system_knows_the_program_by_one_name() -> None:
    """Guards: windows that a task bar does not group under what started them."""
    assert identity.ID == ID
    assert macos.information("1.2.3")["CFBundleIdentifier"] == ID
    assert set(re.findall(r'(?:AppId=|AppUserModelID: ")([\w.]+)', SCRIPT)) == {ID}
    assert (LINUX / f"{ID}.desktop").is_file()
    assert (LINUX / f"{ID}.metainfo.xml").is_file()


def test_the_installer_starts_the_python_that_is_brought() -> None:
    """Guards: a shortcut to a file that is not there, a console window beside the program's."""
    python = Layout(FOLDER, "win32").python.relative_to(FOLDER)
    started = set(re.findall(r'Filename: "\{app\}\\(.+?)"; Parameters: "(.+?)"', SCRIPT))
    assert started == {(str(python).replace("/", "\\").replace("python.exe", "pythonw.exe"), "-I -B -m app")}
    command = (windows.HERE / "updraft.cmd").read_text()
    assert rf'"%~dp0{python.parent}\python.exe" -I -B -m engine %*' in command


def test_the_installer_is_one_persons_and_leaves_the_data() -> None:
    """Guards: a password asked for, chats deleted with the program."""
    assert "PrivilegesRequired=lowest" in SCRIPT
    assert "[UninstallDelete]" not in SCRIPT
    deleted = set(re.findall(r'filesandordirs; Name: "\{app\}\\(\w+)"', SCRIPT))
    layout = Layout(FOLDER, "win32")
    assert deleted == {layout.home.name, layout.program.name}
    assert set(re.findall(r"\{#(\w+)\}", SCRIPT)) == {"Version", "Folder", "Icons", "Out"}
    assert "Your chats" in SCRIPT


def test_a_mac_gets_an_app(tmp_path: Path) -> None:
    """Guards: an app whose executable, icon or Python is not where it says."""
    layout = Layout(tmp_path / "Updraft", "darwin")
    layout.python.parent.mkdir(parents=True)
    layout.python.touch()
    (tmp_path / "updraft.icns").touch()
    contents = macos.app(layout, VERSION, tmp_path, tmp_path / "out") / "Contents"
    known = plistlib.loads((contents / "Info.plist").read_bytes())
    assert (known["CFBundleShortVersionString"], known["CFBundleVersion"]) == (VERSION, VERSION)
    assert (contents / "Resources" / known["CFBundleIconFile"]).is_file()
    launcher = contents / "MacOS" / known["CFBundleExecutable"]
    assert launcher.stat().st_mode & 0o100
    script = launcher.read_text()
    assert (contents / "Resources" / layout.python.relative_to(layout.root)).is_file()
    assert f'"$here/{layout.python.relative_to(layout.root)}"' in script
    assert " | ".join(run.TERMINAL) in script


def test_all_starts_go_by_the_same_python() -> None:
    """Guards: a launcher left behind when Python's minor version is raised."""
    for launcher in (macos.HERE / "launcher.sh", macos.HERE.parent / "launcher.sh"):
        assert set(re.findall(r"python(3\.\d+)", launcher.read_text())) == {PYTHON}
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    assert asked == f">={PYTHON}"


def test_a_debian_package_says_what_it_needs() -> None:
    """Guards: a control file that dpkg refuses, an uninstalling that leaves nobody knowing where chats are."""
    control = debian.control(VERSION, 1000)
    assert f"\nVersion: {VERSION}\n" in control
    assert control.endswith("\n")
    assert not control.startswith("\n")
    assert "\n\n" not in control
    assert "~/.local/share/Updraft" in control
    assert {"libc.so.6", "libGL.so.1", "libX11.so.6"} <= elf.SYSTEM
