"""What a Linux desktop and its software centre read about Updraft."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from app.desktop.identity import ID

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "packaging" / "bundle" / "linux"
ENTRY, METAINFO = FOLDER / f"{ID}.desktop", FOLDER / f"{ID}.metainfo.xml"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("desktop-file-validate", [str(ENTRY)]),
        ("appstreamcli", ["validate", "--no-net", "--no-color", str(METAINFO)]),
    ],
)
def test_the_validators_find_no_error(tool: str, arguments: list[str]) -> None:
    """A file that desktops or software centres drop without a word. Later validators may warn of more: no error."""
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed here")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert not re.search(r"^E: |: error: ", said, flags=re.MULTILINE), said


def test_the_entry_belongs_to_the_window() -> None:
    """A window in the task bar beside its launcher, without icon, because their names differ."""
    group, *lines = ENTRY.read_text(encoding="utf-8").splitlines()
    entry = {key: value for key, _, value in (line.partition("=") for line in lines)}
    assert (group, len(entry)) == ("[Desktop Entry]", len(lines))
    assert (entry["Type"], entry["Icon"], entry["Terminal"]) == ("Application", ID, "false")
    assert entry["StartupWMClass"] == entry["Name"] == "Updraft"  # what Qt makes of the program's name on X11
    assert entry["Categories"].endswith(";")


def test_the_metainfo_is_about_the_same_program() -> None:
    """A component that no launcher belongs to, releases that the changelog does not know, or an address of nobody."""
    component = ET.parse(METAINFO).getroot()  # noqa: S314 - it is our own file
    assert component.findtext("id") == ID
    assert component.findtext("launchable") == ENTRY.name
    changelog = (ROOT / "assets" / "CHANGELOG.md").read_text(encoding="utf-8")
    released = [(each.get("version"), each.get("date")) for each in component.iter("release")]
    assert released == re.findall(r"^## (\S+) \((\S+)\)$", changelog, flags=re.MULTILINE)
    assert not re.findall(r"https?://", METAINFO.read_text(encoding="utf-8")), "the project has no page of its own yet"
