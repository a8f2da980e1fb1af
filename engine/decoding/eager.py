"""Runs presets operation by operation: the reference, on a CPU, and where our kernels cannot run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from engine.account import EXACT
from engine.config import PRESETS, Preset, Role, Sampling, Source
from engine.decoding.chain import asked, build
from engine.decoding.frequent import FrequentTokens
from engine.decoding.goodput import Goodput, Turns
from engine.decoding.hierarchy import Drafter
from engine.decoding.laws import Sampler
from engine.decoding.sources import Materials, Own, making, parts
from engine.decoding.tape import Tape
from engine.decoding.trunk import Trunk
from engine.model import Transformer


class EagerRunner:
    """The models of a session, each with a cache that grows."""

    chunk = EXACT.chunk

    def __init__(self, device: torch.device, vocabulary: int) -> None:
        """``vocabulary``: how many tokens there are to choose from."""
        self.device, self.vocabulary = device, vocabulary
        self._trunks: dict[Role, Trunk] = {}
        self._own: dict[Role, Own] = {}
        self._goodputs: dict[tuple[Source, ...], Goodput] = {}
        self._sampler = Sampler(Sampling())

    @property
    def models(self) -> Mapping[Role, Transformer]:
        """The models loaded so far."""
        return {role: trunk.model for role, trunk in self._trunks.items()}

    def held(self, preset: Preset) -> int:
        """Return how many tokens of the conversation every model of ``preset`` still holds."""
        trunks = [self._trunks[role] for role in preset.whole]
        own = [each.held for each in parts(preset, self._own)]
        return min([*(trunk.seen(len(trunk.spans) - 1) for trunk in trunks), *own])

    def context(self, role: Role) -> int:
        """Return the most tokens the model of ``role`` may hold."""
        return self._trunks[role].model.context

    def add(self, role: Role, model: Transformer, frequent: FrequentTokens | None) -> None:
        """Take in a model."""
        self._trunks[role] = Trunk(model, frequent)

    def add_own(self, role: Role, own: Own) -> None:
        """Take in what a source loaded for itself."""
        self._own[role] = own

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, in every model."""
        for trunk in self._trunks.values():
            trunk.rewind(length)
        for own in self._own.values():
            own.rewind(length)

    def prepare(self, *_presets: Preset) -> Iterator[float]:
        """Do nothing: there is nothing to make ready."""
        return iter(())

    def ready(self, _preset: Preset) -> bool:
        """Tell that any preset can be set to work at once."""
        return True

    def windows(self, preset: Preset) -> tuple[int, ...]:
        """Return how many tokens each level below the top hands up at a time: as asked, for passes of any width.

        A lookup hands up fewer where more would not pay.
        """
        return asked(preset)

    def reading(self, _tape: Sequence[int], _upto: int) -> Iterator[float]:
        """Do nothing: a chunk of a prompt takes no time worth telling of."""
        return iter(())

    def begin(self, _tape: Tape, sampling: Sampling, *presets: Preset) -> None:
        """Begin a reply that may turn from one of ``presets`` to another: whoever reads taps in one gets them in all.

        What the layers of its model make of a text is kept until such a reader takes it, which costs far less than to
        run those layers again.
        """
        self._sampler = Sampler(sampling)
        sources = {stage.source for preset in presets for stage in preset.stages}
        readers = {source: making(source).part(self._own[source.own]) for source in sources if source.own in self._own}
        for role, trunk in self._trunks.items():
            own_of = {source: own for source, own in readers.items() if source.of == role}
            trunk.close_taps(but=own_of.values())
            for source, own in own_of.items():
                for depth in making(source).taps(self._own[source.own or ""]):
                    trunk.tap(depth, own.held, own)

    def chains(self, preset: Preset) -> tuple[Drafter, PlainStep]:
        """Return ``preset`` at work on the reply that was begun, and plain decoding over the same caches."""
        sources = tuple(stage.source for stage in preset.stages)
        goodput = self._goodputs.setdefault(sources, Goodput() if preset.guessing == 1 else Turns())
        chain = build(preset, self._trunks, self._sampler, self.vocabulary, goodput, self._own)
        (plain,) = PRESETS["plain"].stages
        materials = Materials(self._trunks, self._sampler, self.vocabulary)
        return chain, PlainStep(making(plain.source).drafter(materials, plain, 0))


class PlainStep:
    """A step of plain decoding over the caches of a reply, to compare with."""

    def __init__(self, plain: Drafter) -> None:
        self._plain = plain

    def expect(self, _tape: Tape) -> bool:
        """Tell that nothing has begun: no chain runs ahead of the host here."""
        return False

    def measure(self, tape: Tape) -> float:
        """Time a step behind ``tape``, in seconds, and undo it."""
        length = len(tape)
        (fact,) = self._plain.draft(tape)
        del tape[length:]
        self._plain.rewind(length - 1)
        return fact.seconds
