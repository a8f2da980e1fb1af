"""Has tiny models of every family write and read as they teach, with no more of transformers than a bundle has.

Run by test_packages.py in a process of its own, into which nothing has imported the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.abc import MetaPathFinder
from types import ModuleType

import torch
from bundle.lean import left_out

from engine.architecture.families import FAMILIES
from engine.bench.shapes import SHAPES, random_transformer
from engine.teaching.frozen import Frozen

TINY = {"layers": 2, "width": 64, "heads": 2, "kv_heads": 1, "head_dim": 64, "mlp": 128, "vocabulary": 96}


class LeftOut(MetaPathFinder):
    """Finds nothing, and stops others from finding what a bundle leaves out of transformers."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        if name.startswith("transformers.") and left_out(f"{name.replace('.', '/')}/__init__.py", gpu=False):
            raise ModuleNotFoundError(f"a bundle has no {name}", name=name)


def main() -> None:
    """Write each family that has taught on a line."""
    sys.meta_path.insert(0, LeftOut())
    for family in FAMILIES:
        known = SHAPES["qwen3-0.6b" if family == "qwen3" else "llama-3.2-1b"]
        rope = SHAPES["llama-3.2-1b"].rope  # for heads of 64
        shape = replace(known, **TINY, family=family, rope=rope, windows=(None, None))  # type: ignore[arg-type]
        frozen = Frozen(random_transformer(shape, torch.device("cpu")), (0,))
        (reply,) = frozen.generated([[1, 2]], [0.7], 3, lambda: False)
        tokens = torch.tensor([[1, 2, *reply]])
        frozen.read(tokens, torch.ones_like(tokens).bool(), (0,))
        sys.stdout.write(f"{family}\n")


if __name__ == "__main__":
    main()
