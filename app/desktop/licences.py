"""Finds the licence of everything Updraft is made of: itself, its font and models, Python, and the packages it uses.

A bundle has them in one file, which packaging/licences.py wrote while everything's own metadata was at hand.
"""

from __future__ import annotations

import platform
import re
import sys
import sysconfig
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from app.look.assets import asset
from engine.version import VERSION

RULE = "═" * 100  # between two components of the file; no licence has such a line
ROOT = Path(__file__).resolve().parents[2]
QT = """\
Qt and PySide6 are used under the GNU Lesser General Public License, version 3, which is below. They lie beside Updraft
as libraries of their own, so you may replace them by your own builds. Source code: https://code.qt.io
What Qt itself is made of: https://doc.qt.io/qt-6/licenses-used-in-qt.html
"""
# Packages that bring no text of their licence, and where it is.
SUPPLIED = {
    "latex2mathml": ("licences/latex2mathml.txt",),
    "pyside6-essentials": ("licences/LGPL-3.0.txt", "licences/GPL-3.0.txt"),
    "shiboken6": ("licences/LGPL-3.0.txt", "licences/GPL-3.0.txt"),
    "tokenizers": ("../LICENSE",),  # as ours
}
# The files of a package that are texts of licences, in its record, which has ten thousand lines for some.
_TEXT = re.compile(r"(?im)^((?:[^\n,]*/)?(?:LICEN[CS]E|COPYING|NOTICE)[^\n,/]*(?<!\.py)(?<!\.pyc)(?<!\.pyi)),")


@dataclass(frozen=True, slots=True)
class Component:
    """A part of Updraft; ``licence`` is its short name, ``text`` is its full licence, empty where none was found."""

    name: str
    version: str
    licence: str
    text: str


def components(starter: Path) -> list[Component]:
    """Return everything Updraft is made of; ``starter`` is the folder of the starter model, which need not exist."""
    kept = asset("licences.txt")
    if kept.is_file():
        return read(kept.read_text("utf-8"))
    return [*own(starter), python(), *map(package, used())]


def own(starter: Path) -> list[Component]:
    """Return Updraft itself and what is no package: its font, the model in ``starter`` and what drafts for it."""
    apache = (ROOT / "LICENSE").read_text("utf-8")
    smaller = f"{asset('starter', 'NOTICE').read_text('utf-8')}\n{apache}"
    here = [
        Component("Updraft", VERSION, "Apache-2.0", apache),
        Component("Inter", "font", "OFL-1.1", asset("fonts", "Inter-LICENSE.txt").read_text("utf-8")),
        Component("SmolLM2's draft and qualifier", "", "Apache-2.0", smaller),
    ]
    notice, licence = (starter / name for name in ("NOTICE", "LICENSE"))
    if notice.is_file() and licence.is_file():
        text = f"{notice.read_text('utf-8')}\n{licence.read_text('utf-8')}"
        here.append(Component("SmolLM2-135M-Instruct", "", "Apache-2.0", text))
    return here


def python() -> Component:
    """Return the Python this runs on; its licence lies in its library, on Windows beside it."""
    places = (Path(sysconfig.get_path("stdlib")), Path(sys.base_prefix))
    texts = (place / name for place in places for name in ("LICENSE.txt", "LICENSE"))
    text = next((path.read_text("utf-8") for path in texts if path.is_file()), "")
    return Component("Python", platform.python_version(), "PSF-2.0", text)


def package(found: Distribution) -> Component:
    """Return a package with its licence, from whichever field and files it has it in, or from ours."""
    name = _normal(found.name)
    named = (_first(found, "License-Expression") or _first(found, "License")).strip()
    classifiers = [
        c.rsplit(" :: ", 1)[-1] for c in found.metadata.get_all("Classifier") or () if c.startswith("License")
    ]
    licence = (named.splitlines()[0] if named else ", ".join(classifiers)) or "see its licence"
    notice = [QT] if name in ("pyside6-essentials", "shiboken6") else []
    return Component(name, found.version, licence, "\n\n".join([*notice, *_texts(found, SUPPLIED.get(name, ()))]))


def brought_by(found: Distribution) -> list[str]:
    """Return the files that a package brought with texts of licences, as its record names them."""
    return _TEXT.findall(found.read_text("RECORD") or "")


def _texts(found: Distribution, supplied: Iterable[str]) -> list[str]:
    """Return the texts that a package brought and those that we have of it, each once, the parts of it by name."""
    brought = {Path(str(found.locate_file(file))): file for file in brought_by(found)}
    names: dict[str, str] = {}
    for path in (*brought, *map(asset, supplied)):
        if path.is_file():
            part = re.sub(r"^[^/]*\.dist-info/(licenses/)?", "", brought.get(path, path.name))
            names.setdefault(path.read_text("utf-8", "replace").strip("\n\f"), part)
    return list(names) if len(names) == 1 else [f"── {part}\n\n{text}" for text, part in names.items()]


def used() -> list[Distribution]:
    """Return the installed packages that pyproject.toml asks for, and all that these ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    waiting = [*project["dependencies"], *project["optional-dependencies"]["cuda"]]
    found: dict[str, Distribution] = {}
    while waiting:
        name = _normal(re.split(r"[^\w.-]", waiting.pop(), maxsplit=1)[0])
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # it is for another system, or for a GPU
            continue
        waiting += [line for line in found[name].requires or () if "extra ==" not in line]
    return [found[name] for name in sorted(found)]


def written(all_of_it: Iterable[Component]) -> str:
    """Return the components as one text for people, which ``read`` understands as well."""
    return "".join(f"{RULE}\n{each.name}\n{each.version}\n{each.licence}\n\n{each.text}\n\n" for each in all_of_it)


def read(text: str) -> list[Component]:
    """Return the components of a text that ``written`` made."""
    parts = (part.split("\n", 4) for part in text.split(f"{RULE}\n")[1:])
    return [Component(name, version, licence, rest[:-2]) for name, version, licence, _, rest in parts]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _first(found: Distribution, field: str) -> str:
    return str((found.metadata.get_all(field) or [""])[0])
