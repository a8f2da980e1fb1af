"""Makes Updraft.app and a disk image of the folder that build.py makes on a Mac. NOT RUN YET: no Mac was at hand.

Nothing is signed: for that, and for Apple's notary, a developer's identity is needed. Without it a person has to allow
the program once, in System Settings > Privacy & Security.
"""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from pathlib import Path

from bundle.layout import Layout

HERE = Path(__file__).resolve().parent / "macos"
SECONDS = 1800


def app(layout: Layout, version: str, icons: Path, out: Path) -> Path:
    """Turn the folder into Updraft.app below ``out`` and return it."""
    made = out / "Updraft.app"
    shutil.rmtree(made, ignore_errors=True)
    contents = made / "Contents"
    (contents / "MacOS").mkdir(parents=True)
    shutil.copytree(layout.root, contents / "Resources", symlinks=True)
    shutil.copy2(icons / "updraft.icns", contents / "Resources" / "updraft.icns")
    shutil.copy2(HERE / "launcher.sh", contents / "MacOS" / "updraft")
    (contents / "Info.plist").write_bytes(plistlib.dumps(information(version)))
    return made


def information(version: str) -> dict[str, object]:
    """Return what the system is to know of the program."""
    known: dict[str, object] = plistlib.loads((HERE / "Info.plist").read_bytes())
    return known | {"CFBundleShortVersionString": version, "CFBundleVersion": version}


def image(made: Path, version: str, out: Path) -> Path:
    """Pack Updraft.app, beside a link to the applications, into a disk image. Raises CalledProcessError."""
    target, stage = out / f"updraft-{version}-macos-arm64.dmg", out / "image"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    made.rename(stage / made.name)
    (stage / "Applications").symlink_to("/Applications")
    words = ["-volname", "Updraft", "-srcfolder", str(stage), "-format", "ULMO", "-ov", str(target)]
    subprocess.run(["hdiutil", "create", *words], check=True, timeout=SECONDS)
    return target
