"""Puts a drafter that ``python -m engine teach`` made among the starter's, small: matrices as NF4, the rest as float32.

    PYTHONPATH=. python packaging/starter/pack.py MADE assets/smollm2/exits

Writes the description and the card beside it, and students.json in the folder above anew.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file
from students import list_files
from torch import Tensor

from engine.teaching.rounding import BLOCK, parts_of
from engine.teaching.saving import NF4


def pack(made: Path, folder: Path) -> None:
    """Write to ``folder`` what lies in ``made``."""
    parts = dict[str, Tensor]()
    for name, weight in load_file(made / "model.safetensors").items():
        if weight.is_floating_point() and weight.ndim == 2 and weight.numel() % BLOCK == 0:
            parts |= parts_of(name, weight)
        else:
            parts[name] = weight.float() if weight.is_floating_point() else weight
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.safetensors"
    save_file({name: part.contiguous() for name, part in parts.items()}, file, metadata={"format": "pt"})
    file.chmod(0o644)
    described = json.loads((made / "config.json").read_text(encoding="utf-8")) | {"quantization_config": NF4}
    (folder / "config.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(made / "card.json", folder / "card.json")
    list_files(folder.parent)


if __name__ == "__main__":
    pack(*(Path(word) for word in sys.argv[1:]))
