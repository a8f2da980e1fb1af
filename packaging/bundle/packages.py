"""Puts the locked packages into the bundle: those that the program asks for, without what lean.py leaves out.

They come out of a folder that pip has filled from requirements.lock, hashes compared. Every file is compared with its
package's own record once more as it is copied, so that no other folder of packages can bring anything else.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import shutil
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

from bundle.elf import Patchelf, add_missing, elves, in_use, strip
from bundle.layout import Layout
from bundle.lean import NOT_WANTED, left_out
from installing import SetupFailed, carry_out
from locked import chosen, normal, requirements

SECTIONS = {
    "cpu": ("torch-cpu" if sys.platform == "linux" else "torch", "run"),
    "cuda": ("torch", "torch-cuda", "run", "cuda"),
}
QT = PurePosixPath("PySide6/Qt/lib")


def installed(lock: str, variant: str, work: Path) -> Path:
    """Return a folder with the packages of ``variant``, filled by pip from the lock file's text, once."""
    wanted = chosen(lock, SECTIONS[variant])
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:16]
    folder = work / f"packages-{variant}-{digest}"
    if folder.exists():
        return folder
    part, listing = folder.with_suffix(".part"), folder.with_suffix(".txt")
    shutil.rmtree(part, ignore_errors=True)
    listing.write_text(wanted, encoding="utf-8")
    options = ["--no-compile", "--no-deps", "--require-hashes", "--no-warn-script-location", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(part), "--requirement", str(listing)]
    carry_out(command, "pip could not install what the bundle is made of.")
    part.rename(folder)
    return folder


def wanted(found: Mapping[str, Distribution], roots: Iterable[str]) -> list[str]:
    """Return the names of the packages that ``roots``, requirements, ask for on this system, all the way down."""
    from packaging.requirements import Requirement

    asked: set[tuple[str, str]] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        requirement = waiting.pop()
        name = normal(requirement.name)
        if name in NOT_WANTED:
            continue
        for extra in ("", *requirement.extras):
            if (name, extra) in asked:
                continue
            asked.add((name, extra))
            if name not in found:
                raise SetupFailed(f"{name} is asked for and not installed.", "Write requirements.lock anew.")
            for line in found[name].requires or ():
                more = Requirement(line)
                if more.marker is None or more.marker.evaluate({"extra": extra}):
                    waiting.append(more)
    return sorted({name for name, _ in asked})


def packages_in(source: Path) -> dict[str, Distribution]:
    """Return what is installed in ``source``, by name."""
    return {normal(each.name): each for each in distributions(path=[str(source)])}


def put_packages(layout: Layout, source: Path, lock: str, names: Container[str], *, gpu: bool) -> dict[str, int]:
    """Copy the packages ``names`` from ``source``; returns how many bytes were left out, by reason.

    ``gpu``: as in lean.py. Raises SetupFailed where anything is not what is locked.
    """
    found = packages_in(source)
    locked = versions_of(lock)
    saved: dict[str, int] = {"packages that nothing asks for": 0}
    for name, distribution in found.items():
        if name not in names:
            saved["packages that nothing asks for"] += sum(size for _, _, size in recorded(distribution, source))
            continue
        if f"{name}=={distribution.version.split('+')[0]}" not in locked:
            raise SetupFailed(f"{name} {distribution.version} is not the locked version.", "Install what is locked.")
        for path, digest, size in recorded(distribution, source):
            reason = left_out(path, gpu=gpu)
            if reason is None:
                copy(source / path, layout.packages / path, digest)
            else:
                saved[reason] = saved.get(reason, 0) + size
    return saved


def versions_of(lock: str) -> set[str]:
    """Return ``package==version`` of everything that the lock file knows."""
    split = (one.split()[0].partition("==") for one in requirements(lock))
    return {f"{normal(name)}=={version.split('+')[0]}" for name, _, version in split}


def recorded(distribution: Distribution, source: Path) -> Iterator[tuple[str, str, int]]:
    """Give what a package put into ``source``: path, digest, bytes; no programs, bytecode or the record itself."""
    for path, digest, size in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        first = PurePosixPath(path).parts[0]
        unhashed = not digest or path.endswith((".pyc", "/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json"))
        if first in ("..", "bin", "Scripts") or unhashed or not (source / path).exists():
            continue
        yield path, digest, int(size or 0)


def copy(source: Path, target: Path, digest: str) -> None:
    """Copy a file that has ``digest``, as a package's record spells it; raises SetupFailed where it has not."""
    kind, _, value = digest.partition("=")
    content = source.read_bytes()
    if base64.urlsafe_b64encode(hashlib.new(kind, content).digest()).rstrip(b"=").decode() != value:
        raise SetupFailed(f"{source} is not what its package brought.", "Delete build/bundle and start again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    shutil.copystat(source, target)


def finish(layout: Layout, tool: Patchelf, saved: dict[str, int]) -> list[Path]:
    """Drop Qt's libraries that nothing kept uses, bring what Qt needs and systems often lack, strip torch's and LLVM's.

    Returns the system's libraries that came along; adds to ``saved``.
    """
    qt = layout.packages / QT
    bound = {path.name for path in [*qt.iterdir(), *(layout.packages / "PySide6").glob("lib*.so*")]}
    everything = {path: tool.needed(path) for path in elves(layout.packages / "PySide6")}
    needs = {path.name: needed for path, needed in everything.items()}
    used = in_use(needs, [path.name for path in everything if path.name not in bound])
    reason = "Qt's libraries that are not used"
    for path in everything:
        if path.name not in used:
            saved[reason] = saved.get(reason, 0) + path.stat().st_size
            path.unlink()
    brought = add_missing([path for path in everything if path.exists()], elves(layout.packages), qt, tool)
    for path in [*layout.packages.glob("torch/lib/*.so"), *layout.packages.glob("llvmlite/binding/*.so")]:
        before = path.stat().st_size
        strip(path)
        saved["names for a debugger"] = saved.get("names for a debugger", 0) + before - path.stat().st_size
    return brought
