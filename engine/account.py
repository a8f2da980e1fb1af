"""Counts the memory that a set of models needs on a device, by part, before a byte of it is loaded. No torch.

The loader and the model library ask here, so that what is said to fit is what will be loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod

from engine.architecture.holding import BYTES, Device, Holding
from engine.architecture.shape import HEAD, TABLE
from engine.config import PRESETS, WEIGHTS, Weights
from engine.dimensions import Dimensions
from engine.errors import DeviceError
from engine.words import size

MIB = 1 << 20

TRIMMED_FROM, TRIMMED_SHARE = 65_536, 4  # a vocabulary this large has a quarter of its head copied for drafting

LEVELS = max(len(preset.stages) for preset in PRESETS.values())  # of the deepest hierarchy, even of one model
ROWS = 17  # of a level's laws: sixteen proposed tokens and one behind them
WIDE_ROWS, WIDE_CHUNK, WIDE_STATES = 129, 4096, 3  # over the bus: of a verdict, of a prefill pass, of each token of it
BUFFERS = 2  # layers that are on the device at a time of those that come over the bus: one read, one on its way
UNPACKED = 128 * MIB  # of a 4-bit matrix that are dense at a time while a prompt is read
GRAPHS = 64 * MIB  # what the CUDA graphs of a set take at most: four presets of 8 to 16 MB each on an H100
CONTEXT, LIBRARIES = 528 * MIB, 240 * MIB  # of CUDA, once a process; torch's kernels, cuBLAS and ours, when first used
RUNTIME = CONTEXT + LIBRARIES  # 527 + 230 MiB on an H100

LEAST, STEP = 1024, 256  # tokens: a shorter context is no chat; lengths are offered in steps


@dataclass(frozen=True, slots=True)
class Precision:
    """Bytes of each number that comes and goes with a pass, or with loading.

    ``cache``: of keys and values. ``dense``: an activation. ``law``: of each entry of a level's laws. ``twice``: of
    each weight of the widest matrix, while it is there twice; ``head_twice``: the same of a head of its own. ``chunk``:
    the prompt tokens of one prefill pass: enough to be worth unpacking the weights for, few enough for progress and
    for Stop.
    """

    cache: int
    dense: int
    law: int
    twice: float
    head_twice: float
    chunk: int


GPU = Precision(cache=2, dense=2, law=2, twice=2, head_twice=2, chunk=1024)
EXACT = Precision(cache=4, dense=4, law=12, twice=4, head_twice=4, chunk=256)
GROUPS = Precision(cache=2, dense=4, law=12, twice=BYTES["8 bits"], head_twice=0, chunk=256)  # packed by a few rows
ON_GPU = Holding("cuda")


def precision_of(holding: Holding) -> Precision:
    """Return the precision with which a model so held is run."""
    return GPU if holding.device == "cuda" else EXACT if holding.weights == "exact" else GROUPS


@dataclass(frozen=True, slots=True)
class Account:
    """Bytes one model keeps while it holds a context, by part.

    ``streamed``: of layers that come to a GPU over the bus, for which there are ``buffers`` on it; they lie with the
    host, and so does an embedding of which a pass reads a few rows: both are ``host``.
    """

    linears: int
    vectors: int  # norms and biases
    embedding: int
    head: int  # 0 where the head is the embedding itself; with the copy of its common rows that early exits read
    rotation: int
    cache: int
    buffers: int = 0
    streamed: int = 0
    host: int = 0

    @property
    def weights(self) -> int:
        """All that does not depend on the conversation, in bytes of the device."""
        return self.linears + self.vectors + self.embedding + self.head + self.rotation + self.buffers

    @property
    def total(self) -> int:
        """The sum of the parts in bytes."""
        return self.weights + self.cache


@lru_cache(maxsize=64)
def _held(d: Dimensions, holding: Holding) -> Mapping[str, float]:
    """Return the bytes of a model's weights on the device, by the parts of its Account: tensor by tensor, as loaded.

    ``copied``: those of all rows of its head. Groups, of which a GPU without our kernels makes NF4, count 11 % more.
    """
    kept, holding = dict(d.kept), holding.of(d.architecture, dict(d.kept))
    sums = dict.fromkeys(("linears", "vectors", "embedding", "head"), 0.0)

    def size(name: str, shape: tuple[int, ...]) -> float:
        return prod(shape) * BYTES[holding.form(name, len(shape), kept.get(name, "16-bit"))]

    tensors = d.tensors()
    for name, shape in tensors.items():
        part = {TABLE: "embedding", HEAD: "head"}.get(name, "vectors" if len(shape) == 1 else "linears")
        sums[part] += size(name, shape)
    shared = HEAD not in tensors and holding.shares(d.embedding)
    if HEAD not in tensors and not shared:
        sums["head"] = size(HEAD, tensors[TABLE])
    copied, host = sums["embedding" if shared else "head"], 0.0
    if holding.on_host(shared=shared):
        host, sums["embedding"] = sums["embedding"], 0
    return {**sums, "copied": copied, "host": host}


def account(
    d: Dimensions, context: int, holding: Holding = ON_GPU, *, has_exits: bool = True, streamed: int = 0
) -> Account:
    """Return what one model keeps with ``context`` tokens in its cache; ``has_exits``: early exits of it are read.

    ``streamed``: how many of its layers have their matrices in the host's memory; all that is small stays on the GPU.
    """
    a, held = d.architecture, _held(d, holding)
    precision = precision_of(holding.of(a))
    usual = a.vocabulary // TRIMMED_SHARE if has_exits and a.vocabulary >= TRIMMED_FROM else 0
    trimmed = held["copied"] * (d.frequent or usual) / a.vocabulary
    layer = held["linears"] / a.layers  # all are of one size, as NF4 on a GPU
    return Account(
        linears=round(layer * (a.layers - streamed)),
        vectors=round(held["vectors"]),
        embedding=round(held["embedding"]),
        head=round(held["head"] + trimmed),
        rotation=2 * context * a.head_dim * precision.dense,
        cache=2 * a.layers * a.kv_heads * a.head_dim * precision.cache * context,
        buffers=round(layer * BUFFERS) if streamed else 0,
        streamed=round(layer * streamed),
        host=round(held["host"] + layer * streamed),
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
    def host(self) -> int:
        """Bytes of the host's memory that a GPU reads weights from."""
        return sum(level.host for level in self.levels)

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
    streamed: int = 0,
) -> Needs:
    """Return what ``levels`` (the target's first, in the order they are loaded) need together for ``context`` tokens.

    No level holds more tokens than the shortest context among them. ``runtime``: the bytes CUDA itself has still to
    take: all of RUNTIME in a new process, LIBRARIES where only the context was made, 0 where models ran before.
    ``dense_head``: a GPU keeps heads in 16 bits. ``weights``: as a CPU holds them. ``streamed``: how many of the
    target's layers come to the GPU over the bus.
    """
    holding = Holding(device, weights, dense_head)
    precisions = [precision_of(holding.of(level.architecture)) for level in levels]
    held = min(context, *(level.context for level in levels))
    target = account(levels[0], held, holding, streamed=streamed)
    accounts = (target, *(account(level, held, holding, has_exits=False) for level in levels[1:]))
    return Needs(
        dimensions=tuple(levels),
        levels=accounts,
        device=device,
        dense_head=dense_head,
        held=weights,
        context=held,
        workspace=_laws(levels, precisions[0], streamed) + max(map(_pass, levels, precisions)),
        graphs=GRAPHS if device == "cuda" else 0,
        runtime=runtime if device == "cuda" else 0,
        loading=_peak(levels, accounts, holding),
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
    streamed: int = 0,
) -> int:
    """Return the most tokens up to ``wanted`` with which ``levels`` fit into ``free`` bytes, 0 if not even LEAST."""
    asked = partial(
        needs, levels, device=device, runtime=runtime, dense_head=dense_head, weights=weights, streamed=streamed
    )
    whole = asked(wanted)
    if whole.total <= free:
        return whole.context
    least, most = 0, whole.context // STEP  # in steps; least fits or is 0, most + 1 does not
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if asked(middle * STEP).total <= free else (least, middle - 1)
    return least * STEP if least * STEP >= LEAST else 0


def _laws(levels: Sequence[Dimensions], precision: Precision, streamed: int) -> int:
    """Return what laws take; where layers come over the bus, also what a wide pass of the target does, not recorded."""
    a, widest = levels[0].architecture, max(level.architecture.vocabulary for level in levels)
    wide = WIDE_ROWS * a.vocabulary * EXACT.law + WIDE_CHUNK * a.width * WIDE_STATES * GPU.dense if streamed else 0
    return max(LEVELS, len(levels)) * ROWS * widest * precision.law + wide


def _pass(d: Dimensions, precision: Precision) -> int:
    """Return what one prefill pass takes: activations, and on a GPU a 4-bit matrix spread to 16 bits."""
    a = d.architecture
    row = 4 * a.width + 3 * a.mlp + (a.heads + 2 * a.kv_heads) * a.head_dim
    spread = min(UNPACKED, a.parts.widest * precision.dense) if precision is GPU else 0
    return precision.chunk * row * precision.dense + spread


def _peak(levels: Sequence[Dimensions], accounts: Sequence[Account], holding: Holding) -> int:
    """Return the most memory while the levels are loaded one after another, caches growing later."""
    before = most = 0
    for level, kept in zip(levels, accounts, strict=True):
        precision = precision_of(holding.of(level.architecture))
        head = level.embedding * precision.head_twice if _held(level, holding)["head"] else 0  # made of one in 16 bits
        most = max(most, before + kept.weights + round(max(level.architecture.parts.widest * precision.twice, head)))
        before += kept.weights
    return most
