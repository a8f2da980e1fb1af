"""Says what a variant's packages weigh to download, from the lock file and the package index, fetching none of them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from bundle.layout import PYTHON
from installing import carry_out
from lock import UV
from locked import chosen, name_of, requirements

MB = 1_000_000
PLATFORM = "x86_64-manylinux_2_34"


def weigh(lock: str, names: tuple[str, ...], work: Path) -> int:
    """Print every package of the sections ``names`` with its size, the largest first, and the sum."""
    listing, resolved = work / "weigh.txt", work / "pylock.toml"
    listing.write_text(chosen(lock, names), encoding="utf-8")
    tools = work / "uv"
    if not (tools / "bin" / "uv").exists():
        carry_out([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tools), UV], "No uv can be had.")
    command = [str(tools / "bin" / "uv"), "pip", "compile", "--quiet", "--no-deps", "--python-version", PYTHON]
    subprocess.run(
        [*command, "--python-platform", PLATFORM, "--format", "pylock.toml", "--output-file", resolved, listing],
        check=True,
        timeout=300,
    )
    known = set(re.findall(r"sha256:([0-9a-f]{64})", listing.read_text(encoding="utf-8")))
    sizes = sizes_of(tomllib.loads(resolved.read_text(encoding="utf-8")), known)
    for name, size in sorted(sizes.items(), key=lambda each: -each[1]):
        print(f"{size / MB:9.1f} MB  {name}")
    print(f"{sum(sizes.values()) / MB:9.1f} MB  {len(sizes)} packages, none of them fetched")
    asked = {name_of(one) for one in requirements(listing.read_text(encoding="utf-8"))}
    print(f"not for this system: {', '.join(sorted(asked - set(sizes))) or 'none'}")
    return 0


def sizes_of(pylock: Mapping[str, object], known: set[str]) -> dict[str, int]:
    """Return the bytes of the largest file of each package that would do here and whose digest is in ``known``."""
    sizes: dict[str, int] = {}
    packages = pylock.get("packages")
    assert isinstance(packages, list)  # noqa: S101 - by the standard of the file
    for package in packages:
        fits = [
            int(file["size"])
            for file in package.get("wheels", ())
            if file["hashes"]["sha256"] in known and serves(file.get("name") or file["url"].rsplit("/", 1)[-1])
        ]
        if fits:
            sizes[package["name"]] = max(fits)
    return sizes


def serves(name: str) -> bool:
    """Tell whether the wheel called ``name`` is for the bundle's Python on Linux and x86-64."""
    *_, python, abi, platform = name.removesuffix(".whl").split("-")
    tag = f"cp{PYTHON.replace('.', '')}"
    pythons = python.split(".")
    version = any(each in ("py3", "py2", tag) for each in pythons) or (
        abi == "abi3" and any(re.fullmatch(r"cp3\d+", each) and int(each[3:]) <= int(tag[3:]) for each in pythons)
    )
    return version and (platform == "any" or ("manylinux" in platform and "x86_64" in platform))
