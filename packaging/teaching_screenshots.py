"""Takes pictures of the page on which a model is taught, in every state of a real course that was recorded.

python packaging/teaching_screenshots.py FOLDER COURSE [--minutes N] [--size 640x740] [--theme dark light]

COURSE: the lines that `python -m engine teach --what head --minutes N --json` told. Writes teach-choosing,
teach-refused, teach-writing, teach-learning, teach-paused, teach-waiting, teach-trying and teach-ended, dark and light,
as .webp files into FOLDER. Works without a display, in the environment packaging/check.py makes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from camera import keep, rest
from PySide6.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).parents[1]))

from app.look.theme import CHOICES, Look, Theme
from app.models.library import starter_models
from app.models.teaching.order import Order
from app.models.teaching.page import TeachingPage
from app.models.teaching.progress import Progress
from app.threads.failure import Failure
from engine.errors import DeviceError
from engine.teaching.protocol import Told, decode
from engine.teaching.room import require

TOO_LARGE = (8_900_000_000, 5_100_000_000, "Llama 3.1 8B")  # bytes that would be needed, and that are free


def states(order: Order, told: Sequence[Told]) -> Iterator[tuple[str, Progress]]:
    """Yield each state of the course worth a picture, under its name."""
    course = Progress(order)
    whole = [course := course.after(each) for each in told]
    yield "writing", [each for each in whole if each.phase == "writing"][-1]
    learns = [each for each in whole if each.phase == "learning" and each.looks]
    midway = next(each for each in learns if each.done >= 0.7)
    yield "learning", midway
    yield "paused", replace(midway, paused=True)
    yield "waiting", replace(midway, yields=True)
    yield "trying", [each for each in whole if each.phase == "trying"][-1]
    yield "ended", whole[-1]


def refused() -> Failure | None:
    """Return what is said of a model that does not fit."""
    try:
        require(*TOO_LARGE)
    except DeviceError as error:
        return Failure.of(error)
    return None


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("course", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--size", default="640x740")
    parser.add_argument("--theme", nargs="+", default=["dark", "light"], choices=CHOICES)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    told = [decode(line) for line in options.course.read_text(encoding="utf-8").splitlines()]
    models = starter_models()
    order = Order(models.name, None, models.target, "head", options.minutes)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication(["updraft"])
    for choice in options.theme:
        theme = Theme(app, Look(choice))
        page = TeachingPage(theme.palette)
        page.resize(*(int(side) for side in options.size.split("x")))
        page.show()
        for name, failure in (("choosing", None), ("refused", refused())):
            page.ask(replace(order, title=TOO_LARGE[2] if failure else order.title), failure)
            page.choosing.show_questions(0)
            rest(80)
            keep(page, options.folder / f"teach-{name}-{choice}.webp")
        for name, progress in states(order, told):
            page.watch(progress)
            rest(80)
            keep(page, options.folder / f"teach-{name}-{choice}.webp")
        page.close()


if __name__ == "__main__":
    main()
