"""Runs a decoder: one forward pass whose span of layers is an argument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engine.architecture import Architecture
from engine.model.block import Block
from engine.model.linear import Linear, rows_of
from engine.model.packed import Packed
from engine.model.past import STEP, Cache, Past
from engine.model.rotary import Rotation
from engine.model.steps import Steps
from engine.model.streaming import Bus
from engine.model.torch_ops import TorchOperations, rms_norm


class Transformer:
    """A language model for one conversation; tensors have no batch dimension.

    A token's hidden state depends only on itself and what ``cache`` holds, up to rounding: not on how many
    tokens share its pass, nor on where the layers were split.
    """

    def __init__(
        self,
        architecture: Architecture,
        embedding: Tensor | Packed,
        layers: Sequence[Block],
        norm: Tensor,
        head: Linear,
        bus: Bus | None = None,
    ) -> None:
        """``bus``: what brings those of ``layers`` that lie in the host's memory; see ``near``."""
        self.architecture = architecture
        self.table = embedding  # [vocabulary, width], on a GPU perhaps in the host's pinned memory
        self.blocks = list(layers)
        self.norm = norm  # [width]
        self.head = head  # width -> vocabulary
        self.bus = bus
        self.rotation = Rotation(architecture, norm.device, norm.dtype)
        self.steps = _steps(self) if isinstance(embedding, Packed) else None

    @property
    def layers(self) -> int:
        """The number of layers."""
        return len(self.blocks)

    @property
    def width(self) -> int:
        """The size of a hidden state."""
        return self.architecture.width

    @property
    def vocabulary(self) -> int:
        """The number of logits."""
        return self.architecture.vocabulary

    @property
    def context(self) -> int:
        """The most tokens the model was made for."""
        return self.architecture.context

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return self.architecture.parameters

    @property
    def embedding(self) -> Tensor:
        """The embedding, float [vocabulary, width]; of packed weights a copy."""
        return self.table.dequantised() if isinstance(self.table, Packed) else self.table

    @property
    def device(self) -> torch.device:
        """Where the weights lie, all but perhaps the embedding."""
        return self.norm.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of hidden states."""
        return self.norm.dtype

    def new_cache(self, capacity: int | None = None) -> Cache:
        """Return an empty cache of ``capacity`` positions, reserved at once so that addresses stay.

        Without one the cache holds up to the context and takes room as the chat grows.
        """
        limit = self.context if capacity is None else capacity
        return self._empty(limit, min(limit, STEP) if capacity is None else limit)

    def growing_cache(self, room: int) -> Cache:
        """Return an empty cache of up to the context, ``room`` positions of it reserved at once."""
        self.rotation.reach(room)
        return self._empty(self.context, min(self.context, room))

    def _empty(self, limit: int, room: int) -> Cache:
        shape = (self.architecture.kv_heads, self.architecture.head_dim)
        dtype = torch.half if self.steps else self.dtype
        return Cache([Past.empty(shape, limit, room, self.device, dtype) for _ in self.blocks])

    @torch.inference_mode()
    def embed(self, ids: Tensor) -> Tensor:
        """Return the rows of int64 ``ids`` [n] as hidden states [n, width]."""
        return embedded(self.table, ids, self.device)

    @torch.inference_mode()
    def run(self, hidden: Tensor, layers: range, cache: Cache) -> Tensor:
        """Take ``hidden`` [n, width] through ``layers`` as the n positions after those ``cache`` holds for them.

        Their keys and values are appended to exactly these layers; lengths change only when all are done.
        Raises RuntimeError when the layers hold different numbers of tokens, or the cache cannot hold n more.
        """
        if not layers or not len(hidden):
            return hidden
        start = cache.length(layers)
        stop = start + len(hidden)
        cache.reserve(layers, stop)
        run = self.steps.run if self.steps else self._composed
        for some in self.near(layers):
            hidden = run(hidden, some, cache, start)
        cache.settle(layers, stop)
        return hidden

    def _composed(self, hidden: Tensor, layers: range, cache: Cache, start: int) -> Tensor:
        """Take ``hidden`` through ``layers``, which are near, by torch's operators."""
        ops = TorchOperations(self.rotation, start, start + len(hidden), self.architecture.norm_eps)
        for index in layers:
            hidden = self.blocks[index](hidden, ops, cache.layers[index])
        return hidden

    def near(self, layers: range) -> Iterator[range]:
        """Give ``layers`` in parts, in order: each part's weights are on the device until the next is asked for."""
        return iter((layers,)) if self.bus is None else self.bus.near(layers)

    def following(self, index: int) -> Linear | None:
        """Return what is multiplied by behind layer ``index``, if it lies on the device."""
        if index + 1 == self.layers:
            return self.head
        away = self.bus is not None and index + 1 in self.bus
        return None if away else self.blocks[index + 1].qkv

    @torch.inference_mode()
    def read(self, hidden: Tensor, head: Linear | None = None) -> Tensor:
        """Return the logits, float32 [n, vocabulary], of ``hidden`` [n, width] from any depth.

        ``head``: one cut by ``head_of``, for the logits of its tokens alone.
        """
        return (head or self.head)(rms_norm(hidden, self.norm, self.architecture.norm_eps)).float()

    def head_of(self, tokens: Tensor) -> Linear:
        """Return a head that reads only ``tokens`` (int64 [m]): cheaper by as much as it is smaller."""
        return rows_of(self.head, tokens.to(self.device))


def embedded(table: Tensor | Packed, ids: Tensor, device: torch.device) -> Tensor:
    """Return the rows of int64 ``ids`` [n] of ``table`` on ``device``, wherever the table lies."""
    if isinstance(table, Packed):
        return table.dequantised(ids)
    return functional.embedding(ids.to(table.device), table).to(device)


def _steps(model: Transformer) -> Steps | None:
    """Return what runs packed layers by our own kernels, None for those it does not know."""
    try:
        return Steps(model.architecture, model.blocks, model.rotation)
    except ValueError:
        return None
