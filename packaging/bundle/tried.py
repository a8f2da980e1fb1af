"""Says whether what a bundle is made of has changed since one was last tried, and keeps on record that one was.

python packaging/bundle/tried.py             ends with 1 where it has changed: then a bundle is to be built and tried
python packaging/bundle/tried.py --record    after smoke.py has passed; commit tried.txt

The program itself is not among it: its own tests try that, and packing copies it as it is.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.program import tracked
from installing import ROOT
from locked import NAME as LOCK
from locked import chosen

RECORD = Path("packaging/bundle/tried.txt")
MADE_BY = ("packaging/bundle", "packaging/smoke.py", "packaging/icons.py", "packaging/licences.py")
SECTIONS = ("torch-cpu", "run", "starter")


def digest(root: Path = ROOT) -> str:
    """Return what stands for the recipe, the locked packages and what the program asks for, in ``root``."""
    whole = hashlib.sha256()
    for path in sorted(tracked(root, MADE_BY)):
        if path != RECORD and path.suffix != ".md":
            whole.update(path.as_posix().encode() + b"\0" + hashlib.sha256((root / path).read_bytes()).digest())
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    whole.update(json.dumps(sorted(project["dependencies"])).encode())
    whole.update(chosen((root / LOCK).read_text(encoding="utf-8"), SECTIONS).encode())
    return whole.hexdigest()


def main() -> int:
    """Compare, or record."""
    now, record = digest(), ROOT / RECORD
    if sys.argv[1:] == ["--record"]:
        record.write_text(f"{now}\n", encoding="ascii")
        return 0
    if record.is_file() and record.read_text(encoding="ascii").strip() == now:
        print("The bundle: nothing it is made of has changed since one was tried.")
        return 0
    print("The bundle: what it is made of has changed since one was tried.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
