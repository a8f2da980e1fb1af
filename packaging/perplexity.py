"""How well a model foretells a fixed text: its perplexity as it is stored, and once its matrices are NF4.

For a model's card. The text lies beside this file (passages of H. G. Wells, The Time Machine, 1895, public domain); the
figure depends on it and on ``--window``, so it is worth
something only beside another one that was measured alike:

    python packaging/perplexity.py FOLDER [FOLDER ...] [--nf4 | --weights stored]
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional

from engine.config import Weights
from engine.events import finished
from engine.model import Transformer, load
from engine.model.linear import Blocked, Dense, Linear, blocked, quantised
from engine.tokenizer_files import read_tokenizer

TEXT = Path(__file__).with_name("time-machine.txt")
SLOTS = ("qkv", "output", "gate_up", "down")


def main() -> None:
    """Print a line for every folder, and with ``--nf4`` one more for it at 4 bits, as a GPU would keep it."""
    parser = argparse.ArgumentParser(description="perplexity on a fixed text")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--nf4", action="store_true", help="the same model with NF4 matrices, too")
    parser.add_argument("--weights", choices=get_args(Weights), default="exact", help="as a CPU holds them")
    parser.add_argument("--window", type=int, default=512, help="tokens read together")
    parser.add_argument("--tokens", type=int, default=8192)
    args = parser.parse_args()
    text = TEXT.read_text(encoding="utf-8")
    for folder in args.folders:
        ids = torch.tensor(read_tokenizer(folder).backend.encode(text, add_special_tokens=False).ids[: args.tokens])
        model = finished(load(folder, torch.device("cpu"), weights=args.weights))
        print(
            f"{perplexity(model, ids, args.window):8.3f}  {folder.name}, {args.weights}, {len(ids):,} tokens",
            flush=True,
        )
        if args.nf4:
            pack(model)
            print(f"{perplexity(model, ids, args.window):8.3f}  {folder.name}, matrices NF4", flush=True)


def perplexity(model: Transformer, ids: Tensor, window: int) -> float:
    """Return exp of the mean surprise of every token of ``ids`` but each window's first; windows are read apart."""
    total = count = 0.0
    for start in range(0, len(ids) - 1, window):
        part = ids[start : start + window]
        if len(part) < 2:
            break
        cache = model.new_cache(len(part))
        logits = model.read(model.run(model.embed(part), range(model.layers), cache))
        total += float(functional.cross_entropy(logits[:-1], part[1:], reduction="sum"))
        count += len(part) - 1
    return math.exp(total / count)


def pack(model: Transformer) -> None:
    """Round the layers' matrices to NF4 with blocks of 64; head and embedding stay, as a small one's do on a GPU."""
    for block in model.blocks:
        for slot in SLOTS:
            setattr(block, slot, rounded(getattr(block, slot)))


def rounded(linear: Linear) -> Linear:
    """Return a dense product over the weights that NF4 makes of its own; raises TypeError for one that is not dense."""
    dense = linear.dense() if isinstance(linear, Blocked) else linear
    if not isinstance(dense, Dense):
        raise TypeError(f"{type(linear).__name__} is not dense")
    return blocked(Dense(quantised(dense.weight.bfloat16()).dequantised(), dense.bias))


if __name__ == "__main__":
    main()
