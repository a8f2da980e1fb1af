"""What a course is begun for, and how it is kept so that another start of the program can offer to go on. No Qt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.config import TARGET, ModelSet
from engine.teaching.home import OWN, Begun, begun, folder_of, forget


@dataclass(frozen=True, slots=True)
class Order:
    """Teach the model in ``target``, which a person knows as ``title``, in ``minutes`` of work.

    ``named``: what the engine's command calls it, None: the starter. ``what``: the kind, as in OFFERED. ``own``: also
    from what was asked in the person's own chats.
    """

    title: str
    named: str | None
    target: Path
    what: str
    minutes: float
    own: bool = False

    @property
    def folder(self) -> Path:
        """Where the course is kept; raises OSError for a model that is not there."""
        return folder_of(self.target, self.what)

    @property
    def words(self) -> tuple[str, ...]:
        """What the command takes behind "teach"."""
        found = ["--what", self.what, "--minutes", f"{self.minutes:g}"]
        found += [] if self.named is None else ["--model", self.named]
        return (*found, "--own", str(self.folder / OWN)) if self.own else tuple(found)

    @property
    def text(self) -> str:
        """The order as text, which ``read`` understands."""
        return json.dumps({**asdict(self), "target": str(self.target)})

    @classmethod
    def read(cls, text: str) -> Order | None:
        """Return the order that ``text`` spells, None where it spells none."""
        try:
            fields = json.loads(text)
            return cls(**{**fields, "target": Path(fields["target"])})
        except (ValueError, TypeError, KeyError):
            return None


def name_for(models: ModelSet, sets: Mapping[str, ModelSet], starter: ModelSet) -> str | None:
    """Return what the engine's command calls ``models``: the starter None, a set of the library by its name there.

    Anything else by its folder.
    """
    if models.target == starter.target:
        return None
    known = (name for name, each in sets.items() if (each.name, each.target) == (models.name, models.target))
    folder = models.target.parent if models.target.name == TARGET else models.target
    return next(known, str(folder))


def unfinished(target: Path) -> Begun | None:
    """Return the course of the model in ``target`` that was begun and is not over, the longest first; None: no such."""
    left = [each for each in begun(target) if not each.asked.over and each.spent > 0]
    return max(left, key=lambda each: each.spent, default=None)


def known(target: Path, what: str) -> Begun | None:
    """Return the course by which the model in ``target`` was taught ``what`` so far, None where there is none."""
    return next((each for each in begun(target) if each.asked.what == what and each.spent > 0), None)


def give_questions(order: Order, questions: list[str]) -> None:
    """Lay the person's own ``questions`` where the course of ``order`` reads them, and deletes them; raises OSError."""
    order.folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"prompt": each}) + "\n" for each in questions)
    (order.folder / OWN).write_text(lines, encoding="utf-8")


def has_questions(order: Order) -> bool:
    """Tell whether the person's own questions lie there still."""
    return (order.folder / OWN).is_file()


def begin_anew(order: Order) -> None:
    """Forget what the course of ``order`` has learnt and written so far."""
    forget(order.folder)
