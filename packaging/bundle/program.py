"""Puts the program itself into the bundle: what git knows of app, engine and assets, and how it is started."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bundle.layout import Layout
from installing import ROOT

HERE = Path(__file__).resolve().parent
ROOMS = ("app", "engine", "assets")
BESIDE = ("pyproject.toml",)  # says the version, and what is asked for
PATH_FILE = "updraft.pth"  # tells Python of the program's folder, as seen from its packages


def put_program(layout: Layout, root: Path = ROOT) -> None:
    """Copy the program and its launcher. Raises OSError and CalledProcessError."""
    for path in tracked(root, (*ROOMS, *BESIDE)):
        target = layout.program / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, target)
    shutil.copy2(root / "LICENSE", layout.root / "LICENSE")
    up = "../" * len(layout.packages.relative_to(layout.root).parts)
    (layout.packages / PATH_FILE).write_text(f"{up}program\n", encoding="ascii")


def tracked(root: Path, places: tuple[str, ...]) -> Iterator[Path]:
    """Give the files below ``places`` that git knows of: nothing that happens to lie in a checkout is packed."""
    command: list[str | Path] = [
        "git",
        "-C",
        root,
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        *places,
    ]
    listing = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    for name in listing.stdout.split("\0"):
        if name and (root / name).is_file():
            yield Path(name)


def compile_all(layout: Layout) -> None:
    """Compile beforehand what is imported, valid whatever its file's date: a folder nobody can write to starts fast.

    All of the program and of Python's library, and of the packages what imported.py says. Files that no Python of this
    version can read (templates, code for others) are passed over.
    """
    python = [str(layout.python), "-I", "-B"]
    window = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    looked = subprocess.run(
        [*python, str(HERE / "imported.py")], stdout=subprocess.PIPE, text=True, check=True, timeout=300, env=window
    )
    options = ["--invalidation-mode", "unchecked-hash", "-q", "-q", "-j", "0", "-s", str(layout.root)]
    places = ["-x", "site-packages", str(layout.standard), str(layout.program)]
    subprocess.run([*python, "-m", "compileall", *options, *places], check=False, timeout=540)
    subprocess.run(
        [*python, "-m", "compileall", *options, "-i", "-"], input=looked.stdout, text=True, check=False, timeout=540
    )
