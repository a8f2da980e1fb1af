"""Starts a bundle with nothing but itself and a bare system: no Python, variables or network, in a closed folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TOOLS = ("sh", "readlink", "dirname")  # all that the launcher needs of PATH
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/share", "/dev", "/var/cache/fontconfig", "/SYSV", "/memfd:", "/run")
# A network without connections, and the bundle mounted so that not even root can write into it.
CLOSED = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
ISOLATE = ("unshare", "--user", "--map-root-user", "--net", "--mount")


def can_isolate() -> bool:
    """Tell whether this system lets a user make a network of nothing."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ISOLATE, "true"], check=False, capture_output=True, timeout=30).returncode == 0


@dataclass(frozen=True)
class Alone:
    """A bundle in ``folder``, a person's ``home``, and a folder of ``tools`` to be made."""

    folder: Path
    home: Path
    tools: Path
    screen: str
    isolated: bool

    def variables(self) -> dict[str, str]:
        """Return the only variables there are."""
        self.tools.mkdir(exist_ok=True)
        for name in TOOLS:
            where = shutil.which(name)
            if where and not (self.tools / name).exists():
                (self.tools / name).symlink_to(where)
        self.home.mkdir(parents=True, exist_ok=True)
        return {"HOME": str(self.home), "PATH": str(self.tools), "DISPLAY": self.screen}

    def command(self, words: Sequence[str], launcher: Path | None = None) -> list[str]:
        """Return what starts the bundle, by ``launcher`` where that is another name for it."""
        start = [str(launcher or self.folder / "updraft"), *words]
        unshare, shell = shutil.which("unshare"), shutil.which("sh")
        if not self.isolated or unshare is None or shell is None:
            return start
        mount = CLOSED.replace("mount ", f"{shutil.which('mount')} ")
        return [unshare, *ISOLATE[1:], shell, "-c", mount, str(self.folder), *start]

    def start(self, *words: str, launcher: Path | None = None, said: Path | None = None) -> subprocess.Popen[bytes]:
        """Start it; what it says goes to the file ``said``."""
        with (said or Path(os.devnull)).open("wb") as complaints:
            return subprocess.Popen(
                self.command(words, launcher),
                env=self.variables(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=complaints,
                stderr=complaints,
                start_new_session=True,
            )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program that was started here, and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def foreign_files(process: subprocess.Popen[bytes], folder: Path, home: Path) -> set[str]:
    """Return what is mapped into the program and its children and is neither the bundle's, its own nor the system's."""
    found: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            if os.getsid(int(maps.parent.name)) != process.pid:
                continue
            lines = maps.read_text(encoding="utf-8", errors="replace").splitlines()
        except (OSError, ValueError):
            continue
        found |= {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) == 6}
    ours = (str(folder), str(home), *SYSTEM, "[", str(Path(shutil.which("sh") or "/bin/sh").resolve()))
    return {path for path in found if not path.startswith(ours)}


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what lies below ``folder``: each file's size and date, to tell later whether anything was written."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if not path.is_dir()
    }
