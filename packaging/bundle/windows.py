"""Makes an installer for Windows of the folder that build.py makes there. NOT RUN YET: no Windows was at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from bundle.layout import Layout

HERE = Path(__file__).resolve().parent / "windows"
SECONDS = 1800


def put_launcher(layout: Layout) -> None:
    """Copy what a terminal starts; a window is started by the menu's shortcut."""
    shutil.copy2(HERE / "updraft.cmd", layout.launcher)


def installer(layout: Layout, version: str, icons: Path, out: Path) -> Path:
    """Have Inno Setup make the installer. Raises OSError and CalledProcessError."""
    compiler = shutil.which("iscc") or Path(os.environ.get("PROGRAMFILES(X86)", ""), "Inno Setup 6", "ISCC.exe")
    given = {"Version": version, "Folder": layout.root, "Icons": icons, "Out": out}
    words = [f"/D{name}={value}" for name, value in given.items()]
    subprocess.run([str(compiler), *words, str(HERE / "updraft.iss")], check=True, timeout=SECONDS)
    return out / f"updraft-{version}-windows-x86_64.exe"
