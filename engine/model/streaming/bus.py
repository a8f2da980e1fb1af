"""Brings layers from the host's memory to the device while the ones before them are computed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.account import BUFFERS
from engine.model.block import Block
from engine.model.streaming.hosted import Hosted, Staging
from engine.model.streaming.layout import Layout

Event = torch.cuda.Event


class Bus:
    """The layers from ``first`` on, which lie in the host's memory; each is read in one of two buffers on the device.

    While one is read the next is on its way, behind the last one the first again: what comes first in a pass is there
    when it begins. On a GPU copies run in a stream of their own, and the host never waits but where memory could not
    be pinned. On a CPU a layer is copied when it is asked for.
    """

    def __init__(self, first: int, device: torch.device) -> None:
        self.first, self.device = first, device
        self.hosted: list[Hosted] = []
        self._layouts: list[Layout] = []
        self._buffers: list[Tensor] = []
        self._holds: list[int | None] = [None] * BUFFERS  # which layer is in each, or on its way there
        self._lane = _Lane(device) if device.type == "cuda" else None

    def take(self, block: Block) -> None:
        """Keep the next layer in the host's memory; all but its matrices stays on the device."""
        layout = Layout.of(block)
        hosted = Hosted(layout.bytes, self.device)
        layout.fill(hosted.memory, block)
        self._layouts.append(layout)
        self.hosted.append(hosted)

    def blocks(self) -> list[Block]:
        """Return all layers as they are read, once every one was taken: right only while ``near`` says so."""
        widest = max(layout.bytes for layout in self._layouts)
        self._buffers = [torch.empty(widest, dtype=torch.uint8, device=self.device) for _ in range(BUFFERS)]
        if self._lane is not None:
            self._lane.open(self._buffers)
        return [layout.over(self._buffers[at % BUFFERS]) for at, layout in enumerate(self._layouts)]

    @property
    def bytes(self) -> int:
        """What of the host's memory the layers take."""
        return sum(hosted.memory.nbytes for hosted in self.hosted)

    @property
    def pinned(self) -> bool:
        """Whether the device fetches all of it by itself."""
        return all(hosted.pinned for hosted in self.hosted)

    @property
    def note(self) -> str:
        """What there is to say where a GPU cannot fetch all of it by itself, "" where it can."""
        if self.pinned or self._lane is None:
            return ""
        return "The GPU cannot fetch all of the model from this computer's memory by itself, so answers take longer."

    def near(self, layers: range) -> Iterator[range]:
        """Give ``layers`` in parts, in order: each part's weights are on the device until the next is asked for."""
        if layers.start < self.first:
            yield range(layers.start, min(self.first, layers.stop))
        for layer in range(max(layers.start, self.first), layers.stop):
            slot = self._slot(layer)
            self._bring(layer)
            if self._lane is not None:
                self._lane.wait(slot)
            try:
                yield range(layer, layer + 1)
            finally:
                if self._lane is not None:
                    self._lane.read(slot)
            self._look_ahead(layer)

    def _look_ahead(self, layer: int) -> None:
        """Bring the two layers that come behind ``layer``, as far as there is a buffer for them."""
        if self._lane is None:
            return
        near, far = (self.first + (layer - self.first + step) % len(self.hosted) for step in (1, 2))
        self._bring(near)
        if self._slot(far) != self._slot(near):
            self._bring(far)

    def _slot(self, layer: int) -> int:
        return (layer - self.first) % BUFFERS

    def _bring(self, layer: int) -> None:
        """Put ``layer`` into its buffer, or on its way there, unless it is."""
        slot = self._slot(layer)
        if self._holds[slot] == layer:
            return
        self._holds[slot] = layer
        hosted = self.hosted[layer - self.first]
        target = self._buffers[slot][: len(hosted.memory)]
        if self._lane is None:
            target.copy_(hosted.memory)
        else:
            self._lane.bring(hosted, target, slot)


class _Lane:
    """The stream of copies to a GPU, and what it and the stream of passes wait for, by buffer."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._here = [Event() for _ in range(BUFFERS)]  # type: ignore[no-untyped-call]
        self._free = [Event() for _ in range(BUFFERS)]  # type: ignore[no-untyped-call]
        self._staging: Staging | None = None

    def open(self, buffers: list[Tensor]) -> None:
        """Get ready to copy into ``buffers``, whose memory may have been somebody else's until now."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        for buffer in buffers:
            buffer.record_stream(self._stream)  # what frees it waits for copies under way

    def bring(self, hosted: Hosted, target: Tensor, slot: int) -> None:
        """Put the copy on its way, behind the last pass that reads the buffer."""
        self._stream.wait_event(self._free[slot])
        with torch.cuda.stream(self._stream):
            if hosted.pinned:
                target.copy_(hosted.memory, non_blocking=True)
            else:
                self._staging = self._staging or Staging(self._stream)
                self._staging.copy(hosted.memory, target)
            self._here[slot].record(self._stream)

    def wait(self, slot: int) -> None:
        """Let passes wait until the buffer's layer is there."""
        torch.cuda.current_stream(self._device).wait_event(self._here[slot])

    def read(self, slot: int) -> None:
        """Take note that all passes of the buffer's layer have been put on the device."""
        self._free[slot].record(torch.cuda.current_stream(self._device))
