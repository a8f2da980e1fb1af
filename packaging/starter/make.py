"""Make what the starter drafts with: every kind taught by ``python -m engine teach``, one after another, and packed.

    PYTHONPATH=. python packaging/starter/make.py --model DIR --work DIR --out assets/starter
    ... --kinds qualifier --minutes 5 --initial DIR     # one alone, begun with the weights of the one in DIR
    ... --pack                                          # only pack what lies in --work

``--model``: the starter as set-up prepares it, or a folder that has it as ``target``. Meant for one GPU with 40 GB or
more; what is stopped goes on where it was with ``--on``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pack import ROLES, pack

KINDS = ("head", "exits", "draft", "qualifier")
LAYERS = {"draft": 5, "qualifier": 10}  # all together stay below 40 MB
BATCH = 16_384  # tokens a step


def call(options: argparse.Namespace, kind: str) -> list[str]:
    """Return what follows ``python`` to teach ``kind``."""
    said = ["-m", "engine", "teach", "--model", str(options.model), "--what", kind, "--minutes", str(options.minutes)]
    said += ["--batch", str(BATCH), "--out", str(options.work / kind)]
    said += ["--as-stored"]  # what guesses ahead for the starter does so on processors, too
    if kind in LAYERS:
        said += ["--layers", str(LAYERS[kind])]
    said += ["--initial", str(options.initial)] if options.initial else []
    said += ["--prompts", str(options.prompts)] if options.prompts else []
    return said if options.on else [*said, "--fresh"]


def main(given: Sequence[str] | None = None) -> None:
    """Teach and pack."""
    options = arguments(given)
    for kind in options.kinds:
        if not options.pack:
            subprocess.run([sys.executable, *call(options, kind)], check=True)
        pack(options.work / kind, options.out / kind)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="the prepared starter")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made, in 16 bits")
    parser.add_argument("--out", type=Path, required=True, help="where it goes packed: assets/starter")
    parser.add_argument("--kinds", nargs="+", choices=ROLES, default=KINDS, help="which (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=9.0, help="for each kind (default: %(default)s)")
    parser.add_argument("--prompts", type=Path, help="others than those that come along")
    parser.add_argument("--initial", type=Path, help="begin with the weights of this one: one of --kinds alone")
    parser.add_argument("--on", action="store_true", help="go on with what was begun")
    parser.add_argument("--pack", action="store_true", help="teach nothing, only pack what lies in --work")
    options = parser.parse_args(given)
    if options.initial and len(options.kinds) > 1:
        parser.error("--initial is of one kind: name it with --kinds")
    if options.model is None and not options.pack:
        parser.error("--model is needed to teach")
    return options


if __name__ == "__main__":
    main()
