"""What every runner of presets offers, operation by operation or recorded, all of a model resident or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from engine.config import Preset, Role, Sampling, Source
from engine.decoding.frequent import FrequentTokens
from engine.decoding.relay import Chain, PlainStep
from engine.decoding.sources import Own
from engine.decoding.tape import Tape
from engine.model import Transformer


class Runner(Protocol):
    """What holds the models of a session and runs presets over them."""

    chunk: int

    @property
    def models(self) -> Mapping[Role, Transformer]: ...

    def held(self, preset: Preset, /) -> int: ...

    def left(self, preset: Preset, /) -> Mapping[Source, int]: ...

    def context(self, role: Role) -> int: ...

    def add(self, role: Role, model: Transformer, frequent: FrequentTokens | None) -> None: ...

    def add_own(self, role: Role, own: Own, /) -> None: ...

    def rewind(self, length: int) -> None: ...

    def prepare(self, *presets: Preset) -> Iterator[float]: ...

    def ready(self, preset: Preset, /) -> bool: ...

    def windows(self, preset: Preset, /) -> tuple[int, ...]: ...

    def reading(self, tape: Sequence[int], upto: int, /) -> Iterator[float]: ...

    def begin(self, tape: Tape, sampling: Sampling, /, *presets: Preset) -> None: ...

    def chains(self, preset: Preset, /) -> tuple[Chain, PlainStep]: ...
