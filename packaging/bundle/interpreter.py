"""Puts a Python of its own into the bundle: the one that runs this, with the libraries it needs, made to run anywhere.

A Python of python-build-standalone is relocatable as it is. One that was built for a place (pyenv, a distribution)
becomes so: every library is looked for relative to the file that asks, and the system's libraries it needs come along.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

from bundle.elf import Patchelf, add_missing, elves, strip
from bundle.layout import PYTHON, Layout

# Of the standard library: what makes programs rather than runs them, other windows, tests, the other Pythons' packages.
UNUSED = (
    "__pycache__",
    "config-*",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtle.py",
    "turtledemo",
    "_tkinter*.so",
    "_ctypes_test*.so",
    "_test*.so",
    "_xxtestfuzz*.so",
    "xx*.so",
)
UNUSED_MODULES = ("nis", "ossaudiodev", "_gdbm", "_dbm", "_crypt", "spwd", "readline", "_curses", "_curses_panel")


def put_python(layout: Layout, tool: Patchelf) -> list[Path]:
    """Copy the running Python into the bundle and make it relocatable; returns the system's libraries that came along.

    Raises OSError and CalledProcessError.
    """
    if f"{sys.version_info[0]}.{sys.version_info[1]}" != PYTHON:
        raise OSError(f"the bundle is made by Python {PYTHON}: start build.py with it")
    source = Path(sys.base_prefix)
    modules = tuple(f"{name}.*.so" for name in UNUSED_MODULES)
    shutil.copytree(
        sysconfig.get_path("stdlib"), layout.standard, symlinks=True, ignore=shutil.ignore_patterns(*UNUSED, *modules)
    )
    layout.packages.mkdir()
    layout.python.parent.mkdir()
    shutil.copy2(source / "bin" / f"python{PYTHON}", layout.python)
    for library in source.glob(f"lib/libpython{PYTHON}.so*"):
        if not library.is_symlink():
            shutil.copy2(library, layout.home / "lib" / library.name)
    brought = bring_libraries(layout, tool)
    for path in elves(layout.home):
        strip(path)
    return brought


def copy_python(layout: Layout) -> None:
    """Copy the running Python as it is: on Windows and macOS, one of python-build-standalone. Not run yet."""
    if not (Path(sys.base_prefix) / layout.python.relative_to(layout.home)).is_file():
        raise OSError(f"{sys.base_prefix} is no relocatable Python {PYTHON}")
    shutil.copytree(sys.base_prefix, layout.home, symlinks=True, ignore=shutil.ignore_patterns(*UNUSED))
    layout.packages.mkdir()


def bring_libraries(layout: Layout, tool: Patchelf) -> list[Path]:
    """Have every file of Python look for its libraries beside it, and put those there that the system need not have."""
    libraries = layout.home / "lib"
    for path in elves(layout.home):
        up = path.parent.relative_to(layout.home)
        tool.search(path, "$ORIGIN/" + "../" * len(up.parts) + "lib")
    everything = list(elves(layout.home))
    return add_missing(everything, everything, libraries, tool)
