"""Runs presets operation by operation: the reference, on a CPU, and where our kernels cannot run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import torch

from engine.account import EXACT
from engine.config import PRESETS, Model, Preset, Role, Sampling, Source
from engine.decoding.chain import asked, build
from engine.decoding.frequent import FrequentTokens
from engine.decoding.goodput import Goodput, Turns
from engine.decoding.hierarchy import Drafter
from engine.decoding.laws import Sampler
from engine.decoding.sources import Materials, Own, making, parts
from engine.decoding.tape import Tape
from engine.decoding.trunk import Trunk
from engine.model import Transformer

LITTLE = 16  # tokens that are run again so that a reader can go on: a chat's next prompt changes some at the seam


class EagerRunner:
    """The models of a session, each with a cache that grows."""

    chunk = EXACT.chunk

    def __init__(self, device: torch.device, vocabulary: int) -> None:
        """``vocabulary``: how many tokens there are to choose from."""
        self.device, self.vocabulary = device, vocabulary
        self._trunks: dict[Role, Trunk] = {}
        self._own: dict[Role, Own] = {}
        self._met: dict[Source, None] = {}  # in chains that replies could turn to
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

    def left(self, preset: Preset) -> Mapping[Source, int]:
        """Return how many tokens each level of ``preset`` that reads holds, and the models they read.

        That is when all can go on: where states are gone that one needs, its model has to run them again.
        """
        whole = [Model(role) for role in preset.whole]
        found: dict[Source, int] = {model: self._trunks[model.role].seen(-1) for model in whole}
        for source, (own, depths) in self._readers([stage.source for stage in preset.stages]).items():
            found[source], trunk = own.held, self._trunks[source.of]
            seen = found.get(model := Model(source.of), trunk.seen(-1))
            again = max((trunk.again(depth, own.held, own) for depth in depths), default=0)
            found[model] = min(seen, own.held) if again else seen
        return found

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
        """Begin a reply that may turn from one of ``presets`` to another."""
        self._sampler = Sampler(sampling)
        self._met |= {stage.source: None for preset in presets for stage in preset.stages}
        heard = self._listen(LITTLE)
        for trunk in self._trunks.values():
            trunk.close_taps(but=heard)

    def chains(self, preset: Preset) -> tuple[Drafter, PlainStep]:
        """Return ``preset`` at work on the reply that was begun, and plain decoding over the same caches."""
        sources = tuple(stage.source for stage in preset.stages)
        goodput = self._goodputs.setdefault(sources, Goodput() if preset.guessing == 1 else Turns())
        chain = build(preset, self._trunks, self._sampler, self.vocabulary, goodput, self._own)
        self._listen(0)  # a text that is run again for one is run for all
        (plain,) = PRESETS["plain"].stages
        materials = Materials(self._trunks, self._sampler, self.vocabulary)
        return chain, PlainStep(making(plain.source).drafter(materials, plain, 0))

    def _listen(self, again: int) -> list[Own]:
        """Have models keep what their layers make of a text for all readers ever met, whoever is at work; return whom.

        That costs far less than to run those layers again, of which so many tokens may be ``again`` for it. A reader
        that has missed more gets nothing until a chain needs it.
        """
        heard = list[Own]()
        for source, (own, depths) in self._readers(self._met).items():
            trunk = self._trunks.get(source.of)
            if trunk is not None and all(trunk.again(depth, own.held, own) <= again for depth in depths):
                heard.append(own)
                for depth in depths:
                    trunk.tap(depth, own.held, own)
        return heard

    def _readers(self, sources: Iterable[Source]) -> dict[Source, tuple[Own, Collection[int]]]:
        """Return those of ``sources`` that loaded something for themselves, with that, and the depths they read."""
        made = [(source, making(source), self._own[source.own]) for source in sources if source.own in self._own]
        return {source: (each.part(own), each.taps(own)) for source, each, own in made}


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
