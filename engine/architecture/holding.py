"""Decides how each tensor of a model lies in memory: the loader makes it so, and the account counts it so. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from platform import machine
from typing import Literal

from engine.architecture.form import GROUP
from engine.architecture.shape import HEAD, TABLE, Architecture
from engine.architecture.stored import Kept
from engine.config import Weights

Device = Literal["cuda", "cpu"]
Form = Literal["float32", "bfloat16", "nf4", "8 bits", "4 bits", "nf4 groups"]
BYTES: Mapping[Form, float] = {  # of a weight
    "float32": 4,
    "bfloat16": 2,
    "nf4": 0.5 + 4 / 64,  # half a byte, and a float32 scale for every 64
    "8 bits": 1 + 2 / GROUP,  # a byte, and a float16 scale for every group
    "4 bits": 0.5 + 4 / GROUP,  # half a byte, and two float16 for every group
    "nf4 groups": 0.5 + 2 / GROUP,  # codes as an NF4 file has them, with a float16 scale for every group
}
GROUPED: frozenset[Form] = frozenset({"8 bits", "4 bits", "nf4 groups"})  # what our CPU kernels multiply by
SMALL_HEAD = 1 << 26  # weights: a smaller head stays in 16 bits, which cost it little and save small models most
X86 = machine().lower() in {"x86_64", "amd64"}


@dataclass(frozen=True, slots=True)
class Holding:
    """How ``device`` holds the tensors of a model; ``weights``: how a CPU does, see engine.config.

    ``dense_head``: a GPU keeps heads in 16 bits; ``dense``: all matrices, which it reads as their files have them.
    ``groups``: it multiplies by the model's groups, see ``of``; those of 8 bits are made 4, other matrices NF4.
    """

    device: Device = "cuda"
    weights: Weights = "exact"
    dense_head: bool = False
    dense: bool = False
    groups: bool = False

    def of(self, architecture: Architecture, kept: Mapping[str, Kept] | None = None) -> Holding:
        """Return how such a model is held, whose files hold each matrix as ``kept`` says.

        A CPU keeps it exactly where rows do not hold whole groups. A GPU leaves groups of 4 bits where all matrices of
        the layers are groups, since those of one input are multiplied by as one.
        """
        a = architecture
        columns = a.width, a.mlp, a.heads * a.head_dim
        if self.device == "cuda":
            whole = not any(size % (2 * GROUP) for size in columns)  # the kernel takes two at a time
            return replace(self, groups=whole and _all_groups(a, kept or {}))
        packs = X86 and not any(size % GROUP for size in columns)
        return self if packs else replace(self, weights="exact")

    def form(self, name: str, dimensions: int, kept: Kept) -> Form:
        """Return the form of the tensor ``name``, which files hold as ``kept``; a vector has one of its ``dimensions``.

        A matrix of few bits stays as it is where the device can multiply by it.
        """
        outer = name in (TABLE, HEAD)
        if self.device == "cuda":
            dense = self.dense or dimensions == 1 or name == TABLE or (name == HEAD and self.dense_head)
            if dense:
                return "bfloat16"
            return "4 bits" if self.groups and kept in (("4 bits",) if outer else ("4 bits", "8 bits")) else "nf4"
        if dimensions == 1 or self.weights == "exact":
            return "float32"
        if kept in ("4 bits", "8 bits"):
            return kept
        if kept == "nf4" and self.weights == "stored":
            return "nf4 groups"
        return "4 bits" if self.weights == "4 bits" and not outer else "8 bits"

    def shares(self, weights: int) -> bool:
        """Tell whether an embedding of so many ``weights`` serves as a tied head itself; otherwise the head is a copy.

        On a GPU a large one is at 4 bits; exact on x86 it is in the layout of oneDNN.
        """
        if self.device == "cuda":
            return self.dense_head or weights < SMALL_HEAD
        return self.weights != "exact" or not X86

    def on_host(self, *, shared: bool) -> bool:
        """Tell whether the embedding stays in the host's memory: where a GPU does not read all of it as head.

        A pass reads a few kilobytes of it, which come over the bus sooner than a layer is done; on the device it would
        take a sixth of the memory of an 8B at 4 bits.
        """
        return self.device == "cuda" and not shared


def _all_groups(architecture: Architecture, kept: Mapping[str, Kept]) -> bool:
    """Tell whether all matrices of the layers are in groups, and some of them at 4 bits."""
    inner = (name for name, shape in architecture.tensors().items() if len(shape) == 2 and name not in (TABLE, HEAD))
    forms = {kept.get(name) for name in inner}
    return "4 bits" in forms and forms <= {"4 bits", "8 bits"}
