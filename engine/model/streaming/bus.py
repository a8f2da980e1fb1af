"""Brings layers from the host's memory to the device while the ones before them are computed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.account import BUFFERS
from engine.model.block import Block
from engine.model.streaming.hosted import Hosted, Staging
from engine.model.streaming.layout import Layout
from engine.placement import unpinned

Event = torch.cuda.Event


class Bus:
    """The layers that lie in the host's memory; each is read in one of two buffers on the device.

    While one is read the next is on its way, behind the last one the first again: what comes first in a pass is there
    when it begins. On a GPU copies run in a stream of their own, and the host never waits but where memory could not
    be pinned. On a CPU a layer is copied when it is asked for.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.hosted: list[Hosted] = []
        self._turns = dict[int, int]()  # layer -> which of them it is
        self._layouts: list[Layout] = []
        self._buffers: list[Tensor] = []
        self._holds: list[int | None] = [None] * BUFFERS  # whose turn's layer is in each, or on its way there
        self._lane = _Lane(device) if device.type == "cuda" else None

    def take(self, layer: int, block: Block) -> None:
        """Keep ``layer``, which comes behind those taken before, in the host's memory, but for what is no matrix."""
        self._turns[layer] = len(self.hosted)
        layout = Layout.of(block)
        hosted = Hosted(layout.bytes, self.device)
        layout.fill(hosted.memory, block)
        self._layouts.append(layout)
        self.hosted.append(hosted)

    def __contains__(self, layer: int) -> bool:
        return layer in self._turns

    def blocks(self) -> dict[int, Block]:
        """Return its layers as they are read, once every one was taken: right only while ``near`` says so."""
        widest = max(layout.bytes for layout in self._layouts)
        self._buffers = [torch.empty(widest, dtype=torch.uint8, device=self.device) for _ in range(BUFFERS)]
        if self._lane is not None:
            self._lane.open(self._buffers)
        return {layer: self._layouts[at].over(self._buffers[at % BUFFERS]) for layer, at in self._turns.items()}

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
        said = "The GPU cannot fetch all of the model from this computer's memory by itself, so answers take longer."
        return f"{said} {unpinned()}"

    def near(self, layers: range) -> Iterator[range]:
        """Give ``layers`` in parts, in order: each part's weights are on the device until the next is asked for."""
        start = layers.start
        for layer in (each for each in layers if each in self._turns):
            if start < layer:
                yield range(start, layer)
            yield from self._brought(layer)
            start = layer + 1
        if start < layers.stop:
            yield range(start, layers.stop)

    def _brought(self, layer: int) -> Iterator[range]:
        """Give ``layer`` alone, and then bring the next ones."""
        turn = self._turns[layer]
        self._bring(turn)
        if self._lane is not None:
            self._lane.wait(turn % BUFFERS)
        try:
            yield range(layer, layer + 1)
        finally:
            if self._lane is not None:
                self._lane.read(turn % BUFFERS)
        self._look_ahead(turn)

    def _look_ahead(self, turn: int) -> None:
        """Bring the two layers that come behind the one of this ``turn``, as far as there is a buffer for them."""
        if self._lane is None:
            return
        near, far = ((turn + step) % len(self.hosted) for step in (1, 2))
        self._bring(near)
        if far % BUFFERS != near % BUFFERS:
            self._bring(far)

    def _bring(self, turn: int) -> None:
        """Put the layer of this ``turn`` into its buffer, or on its way there, unless it is."""
        slot = turn % BUFFERS
        if self._holds[slot] == turn:
            return
        self._holds[slot] = turn
        hosted = self.hosted[turn]
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
