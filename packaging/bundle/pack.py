"""Packs the folder: an archive for every Linux, and a package for Debian, Ubuntu and Mint. Same input, same dates."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bundle.debian import control
from bundle.desktop import LINUX, SCRIPTS
from bundle.layout import Layout
from installing import ROOT

SECONDS = 3600  # for packing, at most
LEVEL = 9  # of xz: less room than zstd -19 by some 6 %, some seconds more to unpack
BLOCK = "576MiB"  # is packed by itself, on a core of its own
REACH = "128MiB"  # what is found again; the embedding of all models lies 100 MB apart


def pack(layout: Layout, version: str, work: Path, variant: str, level: int = LEVEL) -> Iterator[Path]:
    """Give the packed files as they are made. Raises OSError and CalledProcessError."""
    suffix = "" if variant == "cpu" else f"-{variant}"
    yield archive(layout, work / f"updraft-{version}{suffix}-linux-x86_64.tar.xz", level)
    if shutil.which("dpkg-deb"):
        yield debian(layout, version, work / f"updraft{suffix}_{version}_amd64.deb", level)


def archive(layout: Layout, target: Path, level: int) -> Path:
    """Pack the folder as it is.

    Links between files become copies, which cost nothing packed: there are disks that know no links.
    """
    owner = ["--owner=0", "--group=0", "--numeric-owner"]
    tar = ["tar", "--create", "--hard-dereference", "--sort=name", *owner, f"--mtime=@{epoch()}"]
    part = target.with_suffix(".part")  # one that was stopped must not look like what people download
    program = f"xz --quiet --threads=0 --block-size={BLOCK} --x86 --lzma2=preset={level},dict={REACH}"
    command: list[str | Path] = [*tar, f"--use-compress-program={program}", "--file", part]
    subprocess.run([*command, "--directory", layout.root.parent, layout.root.name], check=True, timeout=SECONDS)
    return part.replace(target)


def debian(layout: Layout, version: str, target: Path, level: int) -> Path:
    """Pack the folder as a package: the program in /opt, its command, menu entry and icons where the system looks."""
    tree, part = target.with_suffix(".tree"), target.with_suffix(".part")
    shutil.rmtree(tree, ignore_errors=True)
    place = tree / "opt" / "updraft"
    place.parent.mkdir(parents=True)
    shutil.copytree(layout.root, place, symlinks=True, copy_function=os.link)
    for script in SCRIPTS:  # dpkg does what they do
        (place / script).unlink()
    (place / "share").rename(tree / "share")  # /usr/share has it then
    (tree / "usr" / "bin").mkdir(parents=True)
    (tree / "share").rename(tree / "usr" / "share")
    (tree / "usr" / "bin" / "updraft").symlink_to("/opt/updraft/updraft")
    documents = tree / "usr" / "share" / "doc" / "updraft"
    documents.mkdir(parents=True)
    shutil.copy2(layout.licences, documents / "copyright")
    (tree / "DEBIAN").mkdir()
    kilobytes = sum(path.lstat().st_size for path in place.rglob("*") if path.is_file()) // 1000
    (tree / "DEBIAN" / "control").write_text(control(version, kilobytes), encoding="utf-8")
    shutil.copy2(LINUX / "postrm", tree / "DEBIAN")
    command: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Zxz", f"-z{level}", "--build", tree, part]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch()}
    subprocess.run(command, check=True, timeout=SECONDS, env=environment, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return part.replace(target)


def epoch() -> str:
    """Return the date that packed files carry: the last commit's."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    command = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT).stdout.strip()
