"""Puts what a Linux desktop reads into the bundle: the menu entry, the metainfo, and the icon in every size."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bundle.layout import Layout
from installing import ROOT

LINUX = Path(__file__).resolve().parent / "linux"
ID = "org.updraft.Updraft"
SCRIPTS = ("install.sh", "uninstall.sh")  # for who unpacks the archive
# The bundle's Python has Qt and no Pillow: packaging/ and the tools are shown to it for this once.
DRAW = """
import runpy, sys
sys.path[:0] = sys.argv[1:3]
sys.argv[:] = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def put_desktop(layout: Layout, tools: Path) -> None:
    """Copy them; ``tools`` holds Pillow, for the icons. Raises OSError and CalledProcessError."""
    share = layout.root / "share"
    for folder, name in (("applications", f"{ID}.desktop"), ("metainfo", f"{ID}.metainfo.xml")):
        (share / folder).mkdir(parents=True)
        shutil.copy2(LINUX / name, share / folder / name)
    for script in SCRIPTS:
        shutil.copy2(LINUX / script, layout.root / script)
    draw_icons(layout, tools, share / "icons")
    for other in ("updraft.ico", "updraft.icns"):  # other systems'
        (share / "icons" / other).unlink(missing_ok=True)


def draw_icons(layout: Layout, tools: Path, folder: Path) -> None:
    """Draw the icons for every system into ``folder``, by the bundle's Qt."""
    scripts = ROOT / "packaging"
    command: list[str | Path] = [layout.python, "-I", "-B", "-c", DRAW, scripts, tools]
    subprocess.run([*command, scripts / "icons.py", folder], check=True, timeout=120)
