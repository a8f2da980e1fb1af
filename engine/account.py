"""The memory account: what a set of models needs on a device, by part, before a byte of it is loaded. No torch.

The loader and the model library ask here, so that what is said to fit is what will be loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from platform import machine
from typing import Literal

from engine.architecture.form import GROUP
from engine.architecture.stored import Kept
from engine.config import WEIGHTS, Weights
from engine.dimensions import Dimensions
from engine.errors import DeviceError
from engine.words import size

Device = Literal["cuda", "cpu"]
MIB = 1 << 20

NF4 = 0.5 + 4 / 64  # bytes a weight: half a byte, and a float32 scale for every 64
SMALL_HEAD = 1 << 26  # weights: a smaller head stays in 16 bits, which cost it little and save small models most
TRIMMED_FROM, TRIMMED_SHARE = 65_536, 4  # a vocabulary this large has a quarter of its head copied for drafting

LEVELS = 3  # the deepest hierarchy, even of one model's exits
ROWS = 17  # of a level's laws: sixteen proposed tokens and one behind them
UNPACKED = 128 * MIB  # of a 4-bit matrix that are dense at a time while a prompt is read
GRAPHS = 64 * MIB  # what the CUDA graphs of a set take at most: four presets of 8 to 16 MB each on an H100
CONTEXT = 528 * MIB  # of CUDA, once a process
LIBRARIES = 240 * MIB  # torch's kernels, cuBLAS and ours, loaded when first used
RUNTIME = CONTEXT + LIBRARIES  # 527 + 230 MiB on an H100

LEAST = 1024  # a context shorter than this is no chat
STEP = 256  # context lengths are offered in steps of this many tokens


@dataclass(frozen=True, slots=True)
class Precision:
    """Bytes of each weight and number as the loader keeps them.

    ``tied_copy``: a tied head of at least this many weights is a copy of its own in ``head`` bytes (0: always).
    ``law``: of each entry of a level's laws. ``elsewhere``: an embedding that is not the head as well stays
    in the host's memory. ``table``: a weight of the embedding. ``cache``: of keys and values. ``twice``: of each weight
    of the widest matrix, while it is there twice; ``head_twice``: the same of a head of its own. ``dense``: an
    activation. ``chunk``: the prompt tokens of one prefill pass: enough to be worth unpacking the weights for, few
    enough for progress and for Stop. ``kept``: of weights that stay in the form they are stored in.
    """

    linear: float
    head: float
    tied_copy: float
    table: float
    cache: int
    twice: float
    head_twice: float
    dense: int
    law: int
    elsewhere: bool
    chunk: int
    kept: Mapping[Kept, float] = field(default_factory=dict)

    def linears(self, d: Dimensions) -> float:
        """Return the bytes of the matrices of all layers."""
        counts: dict[Kept, int] = {"nf4": d.nf4, "4 bits": d.fours, "8 bits": d.eights}
        others = d.linears - sum(counts.values())
        return others * self.linear + sum(self.kept.get(form, self.linear) * count for form, count in counts.items())


GPU = Precision(
    NF4, NF4, SMALL_HEAD, table=2, cache=2, twice=2, head_twice=2, dense=2, law=6, elsewhere=True, chunk=1024
)
DENSE_HEAD = replace(GPU, head=2, tied_copy=inf)
_X86 = machine().lower() in {"x86_64", "amd64"}
_COPIED = 0 if _X86 else inf  # a tied head is kept once more, in oneDNN's layout
EXACT = Precision(4, 4, _COPIED, table=4, cache=4, twice=4, head_twice=4, dense=4, law=12, elsewhere=False, chunk=256)
_PACKED = 8.5 / 8  # a byte, and a float16 scale for every 32
_GROUPED: dict[Kept, float] = {"4 bits": 5 / 8, "8 bits": _PACKED}  # half a byte and two float16 for every 32
EIGHT = replace(EXACT, linear=_PACKED, head=_PACKED, tied_copy=inf, table=_PACKED, cache=2)
EIGHT = replace(EIGHT, twice=_PACKED, head_twice=0, kept=_GROUPED)  # it is packed a few rows at a time
FOUR = replace(EIGHT, linear=5 / 8)
STORED = replace(EIGHT, kept={**_GROUPED, "nf4": 9 / 16})
# On x86; elsewhere all are exact.
ON_CPU: dict[Weights, Precision] = {"stored": STORED, "exact": EXACT, "8 bits": EIGHT, "4 bits": FOUR}


@dataclass(frozen=True, slots=True)
class Account:
    """Bytes one model keeps while it holds a context, by part."""

    linears: int
    embedding: int
    head: int  # 0 where the head is the embedding itself; with the copy of its common rows that early exits read
    rotation: int
    cache: int

    @property
    def weights(self) -> int:
        """All that does not depend on the conversation, in bytes."""
        return self.linears + self.embedding + self.head + self.rotation

    @property
    def total(self) -> int:
        """The sum of the parts in bytes."""
        return self.weights + self.cache


def account(dimensions: Dimensions, context: int, precision: Precision = GPU, *, has_exits: bool = True) -> Account:
    """Return what one model keeps with ``context`` tokens in its cache; ``has_exits``: early exits of it are read."""
    d = dimensions
    copied = not d.tied or d.embedding >= precision.tied_copy
    table, head = precision.kept.get(d.table, precision.table), precision.kept.get(d.head, precision.head)
    each = head if copied else table
    trimmed = d.embedding / TRIMMED_SHARE * each if has_exits and d.vocabulary >= TRIMMED_FROM else 0
    return Account(
        linears=round(precision.linears(d)),
        embedding=0 if copied and precision.elsewhere else round(d.embedding * table),
        head=round(d.embedding * head * copied + trimmed),
        rotation=2 * context * d.head_dim * precision.dense,
        cache=2 * d.layers * d.kv_heads * d.head_dim * precision.cache * context,
    )


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes a whole set needs on ``device`` with ``context`` tokens, by part; ``dimensions`` the target's first.

    ``held``: how a CPU holds weights. ``workspace``: laws and one prefill pass, shared by all levels. ``loading``: the
    most it takes at any moment while it is loaded, a matrix then being there twice. ``runtime``: what CUDA itself has
    still to take.
    """

    dimensions: tuple[Dimensions, ...]
    levels: tuple[Account, ...]
    device: Device
    dense_head: bool
    held: Weights
    context: int
    workspace: int
    graphs: int
    runtime: int
    loading: int

    @property
    def weights(self) -> int:
        """Weights of all levels in bytes."""
        return sum(level.weights for level in self.levels)

    @property
    def caches(self) -> int:
        """Keys and values of all levels in bytes."""
        return sum(level.cache for level in self.levels)

    @property
    def total(self) -> int:
        """The memory to have free, in bytes: to keep the set and to load it."""
        kept = self.weights + self.caches + self.workspace + self.graphs
        return self.runtime + max(kept, self.loading)

    def sentence(self, free: int) -> str:
        """Return what it needs by part and what is free; to be shown where ``total`` is more than ``free``."""
        parts = [("weights", self.weights), ("conversation", self.caches), ("workspace", self.workspace)]
        parts += [("graphs and CUDA", self.graphs + self.runtime)] if self.device == "cuda" else []
        listed = ", ".join(f"{name} {size(count)}" for name, count in parts)
        where = "GPU memory" if self.device == "cuda" else "memory"
        return (
            f"With {self.context:,} tokens of context this set needs {size(self.total)} of {where} ({listed}); "
            f"{size(max(free, 0))} are free."
        )

    def hint(self, free: int) -> str:
        """Return what would fit into ``free`` bytes: a shorter context, the target alone, or another set."""
        shorter = self._longest(self.dimensions, free)
        if shorter:
            return f"It fits with {shorter:,} tokens of context: choose a shorter length of conversation."
        alone = self._longest(self.dimensions[:1], free)
        if alone and len(self.dimensions) > 1:
            return f"Its largest model alone (HiSpec, Lookup or Plain) fits with {alone:,} tokens of context."
        return "Close other programs that use this memory, or choose a smaller set."

    def _longest(self, dimensions: Sequence[Dimensions], free: int) -> int:
        asked = partial(longest, runtime=self.runtime, dense_head=self.dense_head, weights=self.held)
        return asked(dimensions, self.device, free, self.context)

    def require(self, free: int) -> None:
        """Raise DeviceError, with numbers and with what would fit, where ``free`` bytes are too few."""
        if self.total > free:
            raise DeviceError(self.sentence(free), self.hint(free))


def needs(
    levels: Sequence[Dimensions],
    context: int,
    device: Device,
    *,
    runtime: int = RUNTIME,
    dense_head: bool = False,
    weights: Weights = WEIGHTS,
) -> Needs:
    """Return what ``levels`` (the target's first, in the order they are loaded) need together for ``context`` tokens.

    No level holds more tokens than the shortest context among them. ``runtime``: the bytes CUDA itself has still to
    take: all of RUNTIME in a new process, LIBRARIES where only the context was made, 0 where models ran before.
    ``dense_head``: a GPU keeps heads in 16 bits. ``weights``: as a CPU holds them.
    """
    precisions = [_precision(level, device, dense_head, weights) for level in levels]
    held = min(context, *(level.context for level in levels))
    pairs = list(zip(levels, precisions, strict=True))
    accounts = tuple(account(level, held, precision, has_exits=not at) for at, (level, precision) in enumerate(pairs))
    return Needs(
        dimensions=tuple(levels),
        levels=accounts,
        device=device,
        dense_head=dense_head,
        held=weights,
        context=held,
        workspace=_laws(levels, precisions[0]) + max(_pass(*pair) for pair in pairs),
        graphs=GRAPHS if device == "cuda" else 0,
        runtime=runtime if device == "cuda" else 0,
        loading=_peak(levels, accounts, precisions),
    )


def longest(
    levels: Sequence[Dimensions],
    device: Device,
    free: int,
    wanted: int,
    *,
    runtime: int = RUNTIME,
    dense_head: bool = False,
    weights: Weights = WEIGHTS,
) -> int:
    """Return the most tokens up to ``wanted`` with which ``levels`` fit into ``free`` bytes, 0 if not even LEAST."""

    def asked(context: int) -> Needs:
        return needs(levels, context, device, runtime=runtime, dense_head=dense_head, weights=weights)

    whole = asked(wanted)
    if whole.total <= free:
        return whole.context
    least, most = 0, whole.context // STEP  # in steps; least fits or is 0, most + 1 does not
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if asked(middle * STEP).total <= free else (least, middle - 1)
    return least * STEP if least * STEP >= LEAST else 0


def _laws(levels: Sequence[Dimensions], precision: Precision) -> int:
    widest = max(level.vocabulary for level in levels)
    return max(LEVELS, len(levels)) * ROWS * widest * precision.law


def _pass(d: Dimensions, precision: Precision) -> int:
    """Return what one prefill pass takes: activations, and a 4-bit matrix spread to 16 bits."""
    row = 4 * d.hidden + 3 * d.intermediate + (d.heads + 2 * d.kv_heads) * d.head_dim
    spread = min(UNPACKED, 2 * d.intermediate * d.hidden * precision.dense) if precision.linear == NF4 else 0
    return precision.chunk * row * precision.dense + spread


def _precision(d: Dimensions, device: Device, dense_head: bool, weights: Weights) -> Precision:
    """Return how ``device`` keeps such a model: a CPU exactly where rows do not hold whole groups."""
    if device == "cuda":
        return DENSE_HEAD if dense_head else GPU
    packs = _X86 and not any(size % GROUP for size in (d.hidden, d.intermediate, d.heads * d.head_dim))
    return ON_CPU[weights if packs else "exact"]


def _peak(levels: Sequence[Dimensions], accounts: Sequence[Account], precisions: Sequence[Precision]) -> int:
    """Return the most memory while the levels are loaded one after another, caches growing later."""
    before = most = 0
    for level, kept, precision in zip(levels, accounts, precisions, strict=True):
        copied = not level.tied or level.embedding >= precision.tied_copy  # the head is packed from 16 bits
        head = level.embedding * copied * precision.head_twice
        most = max(
            most, before + kept.weights + round(max(2 * level.intermediate * level.hidden * precision.twice, head))
        )
        before += kept.weights
    return most
