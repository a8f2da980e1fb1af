"""What drafters have learnt on from this user's own answers: where it lies, and whether it is used. No torch.

The drafter that learns is never touched. What it has learnt lies beside, is used in its place from the next loading on
where it guesses better, and is forgotten by deleting it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from platformdirs import user_data_path

from engine.config import ModelSet, Role
from engine.errors import UpdraftError
from engine.files import replace_file
from engine.library.taught import home_of
from engine.teaching.home import held

ONWARD, DRAFTER, CARD = "onward", "drafter", "learnt.json"
LEARNS: tuple[Role, ...] = ("head", "block")  # which drafters can learn on
TAIL = 1 << 16  # bytes of a file of weights by which it is told from another one


@dataclass(frozen=True, slots=True)
class Learnt:
    """How the last session ended: of how many ``answers``, and how often a guess is right, 0 to 1, in those held out.

    ``before``: with the untouched drafter, ``of`` which it is; ``after``: with what it has learnt by then, ``used`` if
    that is enough better to count. ``seen``: which answers these were.
    """

    answers: int
    before: float
    after: float
    used: bool
    of: str
    seen: str


def place(target: Path, role: Role) -> Path:
    """Return where what the drafter of that ``role`` learns for the model in ``target`` lies; raises OSError."""
    return home_of(target) / ONWARD / role


def mark_of(drafter: Path) -> str:
    """Return what tells the drafter in that folder from another one; raises OSError."""
    known = sha256((drafter / "config.json").read_bytes())
    for file in sorted(drafter.glob("*.safetensors")):
        size = file.stat().st_size
        known.update(f"{file.name} {size}".encode())
        with file.open("rb") as stored:
            stored.seek(max(0, size - TAIL))
            known.update(stored.read())
    return known.hexdigest()


def note(folder: Path, learnt: Learnt) -> None:
    """Write down how a session ended."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / CARD, json.dumps(asdict(learnt)).encode())


def noted(folder: Path) -> Learnt | None:
    """Return how the last session in ``folder`` ended; None where there was none, or it cannot be read."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Learnt(**json.loads((folder / CARD).read_text(encoding="utf-8")))
    return None


def learnt_by(models: ModelSet) -> dict[Role, Learnt]:
    """Return what is known of the drafters of ``models`` that have learnt on, by role."""
    return {role: learnt for role, _, learnt in _found(models)}


def with_learnt(models: ModelSet) -> ModelSet:
    """Return ``models`` with those drafters in place of the untouched ones that have learnt to guess better."""
    better = {role: folder / DRAFTER for role, folder, learnt in _found(models) if learnt.used}
    return replace(models, models={**models.models, **better}) if better else models


def _found(models: ModelSet) -> Iterator[tuple[Role, Path, Learnt]]:
    for role in LEARNS:
        untouched = models.models.get(role)
        if untouched is None:
            continue
        with contextlib.suppress(OSError):
            folder = place(models.target, role)
            learnt = noted(folder)
            if learnt is not None and learnt.of == mark_of(untouched):
                whole = (folder / DRAFTER / "config.json").is_file()
                yield role, folder, replace(learnt, used=learnt.used and whole)


def forget() -> None:
    """Delete all that any drafter has learnt on, and what it learnt with; raises UpdraftError where that fails.

    It does where one is learning at this moment: what that knows it would write down afterwards.
    """
    for folder in (user_data_path("Updraft", appauthor=False) / "teaching").glob(f"*/{ONWARD}"):
        for role in LEARNS:
            with held(folder / role, patience=0):
                pass
        try:
            shutil.rmtree(folder)
        except OSError as cause:
            hint = "Close what uses it, and try again."
            raise UpdraftError(f"{folder} cannot be deleted: {cause.strerror or cause}.", hint) from cause
