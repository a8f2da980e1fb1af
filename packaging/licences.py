"""Writes down the licences of everything in a bundle, in the one file that Help > Licences then shows.

python packaging/licences.py FILE        of the packages of this environment that Updraft uses

Fails where anything has no text of its licence: that must be found and put into assets/licences.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import Path

from installing import ROOT, SetupFailed, told

sys.path.insert(1, str(ROOT))  # a bundle is built by a Python that has nothing of ours
from app.desktop.licences import Component, own, package, python, used, written

DOCUMENTS, COMMON = Path("/usr/share/doc"), Path("/usr/share/common-licenses")  # Debian's
POINTED = re.compile(r"/usr/share/common-licenses/([A-Z][\w-]*(?:\.\d+)?)")


def write(
    target: Path, packages: Iterable[Distribution], starter: Path, libraries: Iterable[Path] = ()
) -> list[Component]:
    """Write ``target`` and return what is in it; raises SetupFailed where a licence is missing.

    ``packages`` have their metadata, ``starter`` is the model's folder, ``libraries`` were taken from this system.
    """
    everything = [*own(starter), python(), *map(package, packages), *system(libraries)]
    lacking = [each.name for each in everything if len(each.text) < 60 or each.licence == "see its licence"]
    if lacking:
        raise SetupFailed(
            f"There is no text of the licence of {', '.join(lacking)}.",
            "Find it where the package comes from, put it into assets/licences and name it in app/desktop/licences.py.",
        )
    target.write_text(written(everything), encoding="utf-8")
    return everything


def system(libraries: Iterable[Path]) -> list[Component]:
    """Return the packages of Debian that ``libraries`` belong to, with the copyright file that each brings.

    Behind them stand, each once, the licences that these files only point to.
    """
    files: dict[str, Path] = {}
    for library in libraries:
        asked = (str(library), str(library.resolve()), str(library.resolve()).removeprefix("/usr"))
        owner = next((found for path in asked if (found := _owner(path))), None)
        files[owner or library.name] = DOCUMENTS / (owner or "") / "copyright"
    texts = {name: _read(path) for name, path in sorted(files.items())}
    pointed = sorted({(COMMON / each).resolve() for text in texts.values() for each in POINTED.findall(text)})
    return [
        *(Component(name, "", "of several authors", text) for name, text in texts.items()),
        *(Component(path.name, "", "of some of the libraries above", _read(path)) for path in pointed),
    ]


def _read(path: Path) -> str:
    """Return the text of a file of Debian's, "" where it is not there."""
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def _owner(path: str) -> str | None:
    """Return the package of Debian that ``path`` belongs to, if one does."""
    try:
        done = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        return None
    return done.stdout.partition(": ")[0].split(",")[0].partition(":")[0] or None if done.returncode == 0 else None


def main() -> int:
    """Write the file that the command line names."""
    from engine.library import starter_models

    everything = write(Path(sys.argv[1]), used(), starter_models().target)
    print(f"{len(everything)} licences are in {sys.argv[1]}.")
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
