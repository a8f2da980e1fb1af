"""Where everything lies in the folder that is packed. It is the same on every system but for Python's own inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PYTHON = "3.11"  # the one Python that the lock file has a small torch for


@dataclass(frozen=True)
class Layout:
    """The folder ``root`` of a bundle for ``platform``, as ``sys.platform`` spells it.

    updraft       what is started; on Windows a shortcut does that
    python/       a Python of its own, the locked packages in its site-packages
    program/      app, engine, assets, the starter model, the licences of everything
    """

    root: Path
    platform: str = "linux"

    @property
    def launcher(self) -> Path:
        """What is started."""
        return self.root / ("updraft.cmd" if self.platform == "win32" else "updraft")

    @property
    def home(self) -> Path:
        """Python's folder."""
        return self.root / "python"

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.home / ("python.exe" if self.platform == "win32" else f"bin/python{PYTHON}")

    @property
    def standard(self) -> Path:
        """Python's standard library."""
        return self.home / ("Lib" if self.platform == "win32" else f"lib/python{PYTHON}")

    @property
    def packages(self) -> Path:
        """Where the locked packages lie."""
        return self.standard / "site-packages"

    @property
    def program(self) -> Path:
        """What Python finds app, engine and assets in."""
        return self.root / "program"

    @property
    def starter(self) -> Path:
        """Where the program looks for a starter that came with it; see engine/library/starter.py."""
        return self.program / "assets" / "model"

    @property
    def licences(self) -> Path:
        """The file that Help > Licences shows."""
        return self.program / "assets" / "licences.txt"
