"""A whole model of the set, or the first layers of one: read where it ends, over a cache of its own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from engine import config
from engine.config import PRESETS, Preset, Stage
from engine.decoding.laws import Laws, Sampler
from engine.decoding.sources.making import Folders, Making, Materials, Models, Place, S, frugal, makes
from engine.decoding.trunk import Trunk
from engine.model import Transformer
from engine.model.wide import Wide


class ModelReader:
    """A model read after one span of its trunk. The last span makes it the whole model."""

    def __init__(
        self,
        trunk: Trunk,
        span: int,
        vocabulary: int,
        sampler: Sampler,
        index: int,
        *,
        trimmed: bool = False,
    ) -> None:
        """``trimmed``: read for the trunk's frequent tokens only, if it knows them."""
        self.trunk, self.span, self.index = trunk, span, index
        self.model: Transformer | Wide = trunk.runs  # by whose norm and head it is read
        self.vocabulary, self.sampler = vocabulary, sampler
        self.frequent = trunk.frequent if trimmed else None

    def laws(self, tape: Sequence[int], mark: int, rows: int) -> Laws:
        """Return the laws after tape[:mark] and the ``rows - 1`` next prefixes, in one pass."""
        before = self.trunk.seen(self.span)
        states = self.states(tape, mark - 1, mark - 1 + rows)
        if self.frequent is None:
            logits = self.model.read(states)[:, : self.vocabulary]
        else:
            logits = self.frequent.read(self.model, states, self.vocabulary)
        return Laws(self.sampler.shape(logits, tape, mark), logits, mark - 1 + rows - before)

    def states(self, tape: Sequence[int], start: int, stop: int) -> Tensor:
        """Return the states [stop - start, width] that it reads, of positions ``start`` .. ``stop`` - 1 of the tape."""
        return self.trunk.hidden(self.span, tape, start, stop)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring this span and those below to ``upto`` tokens."""
        self.trunk.advance(self.span, tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self.trunk.rewind(length)


class Placed(Making[S]):
    """What makes levels of a source that reads a model at some depth."""

    def reader(self, materials: Materials, stage: Stage, index: int) -> ModelReader:
        """See Making."""
        place = self.place({role: trunk.model for role, trunk in materials.trunks.items()})
        if place is None:
            raise TypeError(f"{self.source} reads no model")
        trunk = materials.trunks[place.role]
        span = trunk.span_to(place.depth)
        return ModelReader(trunk, span, materials.vocabulary, materials.sampler, index, trimmed=stage.trimmed)


@makes(config.Model)
class OfModel(Placed[config.Model]):
    """What makes levels of whole models."""

    wide = 48

    @classmethod
    def fitted(cls, preset: Preset, models: Models, _folders: Folders) -> Preset:
        """See Making."""
        return frugal(preset, PRESETS["draft"].stages[0], models)

    def detail(self, models: Models) -> str:
        """See Making."""
        model = models[self.source.role]
        return f"{model.layers} layers, {_count(model.parameters)}"

    def place(self, models: Models) -> Place:
        """See Making."""
        return Place(self.source.role, models[self.source.role].layers)


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.0f} M"
