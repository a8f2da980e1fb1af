"""What learns, as a course sees it, whatever its kind: it reads texts, takes steps, is judged, put aside and saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from engine.architecture import Architecture

RIGHT = "noise"  # what of a measurement says how often a guess is kept


@dataclass(frozen=True, slots=True)
class Text:
    """A batch as the frozen target reads it.

    ``tokens`` and where the next one is ``said`` by the target, (rows, time). ``taps``: the states after so many of its
    layers, and ``last``: the normed states that its head reads, (rows, time, width).
    """

    tokens: Tensor
    said: Tensor
    taps: Mapping[int, Tensor]
    last: Tensor

    def bfloat16(self) -> torch.autocast:
        """Return the context in which a GPU multiplies in bfloat16."""
        kind = self.tokens.device.type
        return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda")


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of the target: the ``embedding`` of every token and the ``head``, [vocabulary, width] each.

    An embedding may lie in the host's memory.
    """

    embedding: Tensor
    head: Tensor

    def embedded(self, tokens: Tensor) -> Tensor:
        """Return the embeddings of ``tokens`` beside them, float32."""
        return F.embedding(tokens.to(self.embedding.device), self.embedding).to(tokens.device).float()


class Pupil(Protocol):
    """A drafter with its optimisers.

    ``steps`` taken and ``tokens`` read so far; ``taps``: the layers whose inputs it wants of a Text; ``guesses``: how
    many tokens it guesses in a row, or by how many exits; ``size``: how many weights it has that learn; ``begun``: the
    SHA-256 of the files whose weights it began with, by their names.
    """

    steps: int
    tokens: int
    begun: Mapping[str, str]

    @property
    def taps(self) -> tuple[int, ...]: ...

    @property
    def guesses(self) -> int: ...

    @property
    def size(self) -> int: ...

    def learn(self, text: Text, progress: float) -> Tensor:
        """Take one step, ``progress`` of the course having been done, 0 to 1; returns the loss."""

    def measured(self, texts: Iterable[Text], most: int) -> dict[str, Any]:
        """Return how well it guesses in ``texts``, at up to ``most`` places, with its weights as they are stored.

        RIGHT at least: how often each guess is the target's, those before it having been. One figure alone stands for
        all guesses.
        """

    def worth(self, found: Mapping[str, Any], target: Architecture, device: str) -> float:
        """Return how many times as fast it makes ``target``, by what was ``found`` when measured."""

    def state(self) -> dict[str, Any]:
        """Return all that one like it needs to go on, without copying it; "few": the tokens that it was begun with."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""

    def weights(self) -> dict[str, Tensor]:
        """Return what is put aside when it has never guessed better, without copying it."""

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Be as it was when ``weights`` returned these."""

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write it to ``folder`` as a set of models reads it, with its ``card`` as card.json."""
