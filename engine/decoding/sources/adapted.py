"""Early exits with an adapter: a layer and a norm of their own between the target's first layers and its head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from engine.config import TARGET, Stage
from engine.decoding.sources.making import Materials
from engine.decoding.sources.model import ModelReader
from engine.model import Transformer


class Adapter:
    """One adapter, behind ``depth`` layers of the target, and what it has made of a conversation."""

    def __init__(self, model: Transformer, depth: int, room: int) -> None:
        """``room``: the tokens of a conversation for which memory is taken at once."""
        self.model, self.depth, self.cache = model, depth, model.growing_cache(room)

    @property
    def held(self) -> int:
        """How many tokens it has taken in."""
        return self.cache.lengths[0]

    def take(self, states: Tensor) -> Tensor:
        """Run ``states`` [n, width] of the next n positions, as they leave the target's layers; return its own."""
        return self.model.run(states, range(1), self.cache)

    def settle(self, held: int) -> None:
        """Take note that recorded passes have made ``held`` positions at least."""
        self.cache.settle(range(1), held)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self.cache.rewind(length)


class Adapters:
    """The adapters of a set, by the layers they come behind; each takes in what it needs, whenever it is at work."""

    def __init__(self, adapters: Mapping[int, Adapter], layers: int) -> None:
        """``layers``: of the target."""
        self.adapters, self.layers = adapters, layers

    @property
    def held(self) -> int:
        """How many tokens all of them have taken in."""
        return min(adapter.held for adapter in self.adapters.values())

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, in all of them."""
        for adapter in self.adapters.values():
            adapter.rewind(length)

    def at(self, depth: float) -> Adapter:
        """Return the one behind so much of the target, 0 to 1."""
        return self.adapters[round(depth * self.layers)]


class AdaptedReader(ModelReader):
    """Reads one span of the target through an adapter, which first takes in what it has not seen of the tape.

    The tokens of a prompt, and those that the levels above wrote, have been through the target's layers; what these
    made of them waits in a tap.
    """

    def __init__(self, adapter: Adapter, materials: Materials, stage: Stage, index: int) -> None:
        self.adapter, trunk = adapter, materials.trunks[TARGET]
        given = trunk, trunk.span_to(adapter.depth), materials.vocabulary, materials.sampler, index
        super().__init__(*given, trimmed=stage.trimmed)
        self.model = adapter.model
        self.tap = trunk.tap(adapter.depth, adapter.held, adapter)

    def states(self, tape: Sequence[int], start: int, stop: int) -> Tensor:
        """See ModelReader."""
        super().prefill(tape, stop)
        return self._taken(stop)[start - stop :]

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the span, those below it and the adapter to ``upto`` tokens."""
        super().prefill(tape, upto)
        if self.adapter.held < upto:
            self._taken(upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        super().rewind(length)
        self.adapter.rewind(length)

    def _taken(self, upto: int) -> Tensor:
        states = self.adapter.take(self.tap.states(self.adapter.held, upto))
        self.tap.release(upto)
        return states
