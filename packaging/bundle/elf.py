"""Reads and mends what Linux programs and libraries say of the libraries they need."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

SECONDS = 120  # for a tool, at most

# What every desktop has, and must have of its own: the C and C++ libraries, the drivers' GL, X and Wayland's clients,
# fonts, the session's bus. All else comes along. AppImage's list of what not to bundle has the same names.
NAMES = """
ld-linux-x86-64.so.2 libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1 libresolv.so.2
libstdc++.so.6 libgcc_s.so.1
libGL.so.1 libGLX.so.0 libEGL.so.1 libOpenGL.so.0 libGLESv2.so.2 libgbm.so.1 libdrm.so.2
libX11.so.6 libX11-xcb.so.1 libxcb.so.1 libXext.so.6 libSM.so.6 libICE.so.6
libwayland-client.so.0 libwayland-cursor.so.0 libwayland-egl.so.1
libfontconfig.so.1 libfreetype.so.6 libdbus-1.so.3
libglib-2.0.so.0 libgthread-2.0.so.0 libgobject-2.0.so.0 libgio-2.0.so.0
libgtk-3.so.0 libgdk-3.so.0 libpango-1.0.so.0 libpangocairo-1.0.so.0 libcairo.so.2 libcairo-gobject.so.2
libgdk_pixbuf-2.0.so.0 libharfbuzz.so.0 libatk-1.0.so.0
libcuda.so.1
"""
SYSTEM = frozenset(NAMES.split())


def is_elf(path: Path) -> bool:
    """Tell whether ``path`` is a program or a library of Linux."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def elves(folder: Path) -> Iterator[Path]:
    """Give every program and library below ``folder``."""
    return (path for path in sorted(folder.rglob("*")) if is_elf(path))


class Patchelf:
    """The tool that reads and changes them. Raises CalledProcessError where it cannot."""

    def __init__(self, tool: Path) -> None:
        self._tool = tool

    def needed(self, path: Path) -> list[str]:
        """Return the names of the libraries that ``path`` needs itself."""
        return self._run("--print-needed", path).split()

    def search(self, path: Path, places: str) -> None:
        """Have the libraries of ``path``, and of what it brings, looked for in ``places`` before the system's."""
        self._run("--force-rpath", "--set-rpath", places, path)

    def places(self, path: Path) -> list[Path]:
        """Return where ``path`` says that its libraries lie."""
        said = self._run("--print-rpath", path).strip()
        return [Path(one.replace("$ORIGIN", str(path.parent))) for one in said.split(":") if one]

    def _run(self, *words: str | Path) -> str:
        done = subprocess.run(
            [self._tool, *words], capture_output=True, text=True, check=True, timeout=SECONDS
        )  # fmt: skip
        return done.stdout


def in_use(needs: Mapping[str, Iterable[str]], begun: Iterable[str]) -> set[str]:
    """Return ``begun`` and all that it needs, directly or through others; ``needs`` has names of libraries by name."""
    found: set[str] = set()
    waiting = list(begun)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(each for each in needs.get(name, ()) if each in needs)
    return found


def system_libraries() -> dict[str, Path]:
    """Return where this system's libraries lie, by name, as its loader finds them."""
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True, timeout=SECONDS)
    found: dict[str, Path] = {}
    for line in listing.stdout.splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow and "x86-64" in name:
            found.setdefault(name.split()[0], Path(path))
    return found


def strip(path: Path) -> None:
    """Drop the names that only a debugger reads. Raises CalledProcessError."""
    subprocess.run(["strip", "--strip-unneeded", path], check=True, capture_output=True, timeout=SECONDS)


def foreign(folder: Path, tool: Patchelf) -> dict[str, list[str]]:
    """Return the libraries that are needed, neither in ``folder`` nor the system's part, with who needs them."""
    everything = list(elves(folder))
    ours = {path.name for path in everything} | {path.name for path in folder.rglob("*.so*") if path.is_symlink()}
    missing: dict[str, list[str]] = {}
    for path in everything:
        for name in tool.needed(path):
            if name not in ours and name not in SYSTEM:
                missing.setdefault(name, []).append(str(path.relative_to(folder)))
    return missing


def add_missing(asking: Iterable[Path], ours: Iterable[Path], folder: Path, tool: Patchelf) -> list[Path]:
    """Copy into ``folder`` what files need and neither ``ours`` nor SYSTEM has; returns where it came from."""
    known = system_libraries()
    waiting, taken = list(asking), list[Path]()
    names = {path.name for path in ours}
    while waiting:
        for name in tool.needed(waiting.pop()):
            here = folder / name
            if name in SYSTEM or name in names or here.exists():
                continue
            if name not in known:
                raise OSError(f"{name} is not on this system")
            shutil.copy2(known[name].resolve(), here)
            here.chmod(0o755)
            tool.search(here, "$ORIGIN")
            waiting.append(here)
            taken.append(known[name])
    return taken
