"""Keeps a list of the library's models outside of it, for when its drive is not connected."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from engine.config import Role
from engine.dimensions import Dimensions, read_dimensions
from engine.errors import CheckpointError
from engine.files import read_value
from engine.library.manifest import write_json

LISTS = ("former", "serves")  # fields that JSON gives back as lists


@dataclass(frozen=True, slots=True)
class Installed:
    """One checkpoint of the library; ``size`` in bytes, times in seconds since 1970.

    ``present`` is False while the library's drive is not connected, ``whole`` while a file is missing or short.
    ``title``, ``former``, ``alone``, ``role`` and ``serves`` as in the manifest.
    """

    repository: str
    revision: str
    folder: Path
    size: int
    licence: str
    source: Literal["hub", "folder"]
    added: float
    used: float | None
    present: bool = True
    whole: bool = True
    title: str = ""
    former: tuple[str, ...] = ()
    alone: bool = False
    role: Role = ""
    serves: tuple[str, ...] = ()

    @property
    def drafts(self) -> bool:
        """True for a drafter, which is no model by itself."""
        return bool(self.role)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.title or self.repository.removeprefix("local/")

    @property
    def key(self) -> str:
        """What tells it from every other of the library: two may be versions of one repository."""
        return f"{self.repository}@{self.revision}"

    @property
    def dimensions(self) -> Dimensions:
        """What decides how much memory it takes, read from its files; raises CheckpointError."""
        return read_dimensions(self.folder)

    def answers_to(self, name: str) -> int:
        """Return how well ``name`` names this model: 0 not at all, the more the better; former names still count."""
        wanted = name.strip().casefold()
        names = (self.former, (self.name, self.repository.removeprefix("local/")), (self.repository,), (self.key,))
        ranks = [rank for rank, known in enumerate(names, 1) if wanted in {each.casefold() for each in known}]
        return max(ranks, default=0)


class Record:
    """The file that holds it. One that was damaged counts as empty."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def folder(self) -> Path | None:
        """The folder the library was last put into."""
        folder = self._read().get("folder")
        return Path(folder) if isinstance(folder, str) and folder and "\0" not in folder else None

    def models(self) -> tuple[Installed, ...]:
        """Return what was there; entries that make no sense are left out."""
        listed = self._read().get("models")
        return tuple(filter(None, map(_absent, listed if isinstance(listed, list) else ())))

    def write(self, folder: Path, models: tuple[Installed, ...]) -> None:
        """Keep that ``folder`` holds ``models``; raises OSError."""
        listed = [
            {**asdict(model), "folder": str(model.folder), **{name: list(getattr(model, name)) for name in LISTS}}
            for model in models
        ]
        value = {"folder": str(folder), "models": listed}
        if value == self._read():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):  # the window's errands and a terminal write it too
            write_json(self.path, value)

    def _read(self) -> dict[str, Any]:
        try:
            value = read_value(self.path)
        except (CheckpointError, OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}


def _absent(value: Any) -> Installed | None:
    try:
        known = {field.name: value[field.name] for field in fields(Installed) if field.name in value}
        lists = {name: tuple(map(str, value.get(name, ()))) for name in LISTS}
        model = Installed(**{**known, "folder": Path(value["folder"]), **lists, "present": False})
        words = (model.repository, model.revision, model.licence, model.title, model.role)
        numbers = (model.size, model.added, model.used or 0.0)
    except (TypeError, KeyError, AttributeError):
        return None
    sound = all(isinstance(word, str) for word in words) and all(isinstance(each, int | float) for each in numbers)
    return model if sound else None
