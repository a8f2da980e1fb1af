"""Adapters at early exits of the frozen target: a layer of its own form and a norm behind a few of its layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.architecture import Architecture
from engine.architecture.drafters.exits import description
from engine.decoding.planning.cards import EASIER
from engine.teaching.agreement import Disagreement, Goal, judged
from engine.teaching.frozen import Frozen
from engine.teaching.layer import picked
from engine.teaching.optimising import Optimised
from engine.teaching.pupil import RIGHT, Text
from engine.teaching.rounding import rounded
from engine.teaching.saving import write
from engine.teaching.worth import of_exits

DEPTHS = (1 / 8, 1 / 4)  # of the target's layers, as HiSpec leaves it
SHARE = 0.3  # of a batch's positions that the loss is taken at: laws of all tokens cost more than the layer
QUIET = 0.25  # of the target's norm, to begin with: read at its full scale, an early state is sure of wrong tokens
ALONE = ("overlap", "noise", "greedy", "hit@1", "hit@2", "hit@3", "hit@4")  # what is judged of one guess by itself


class Adapter(nn.Module):
    """What stands between some of the target's layers and its head, a ``layer`` like theirs and a norm."""

    def __init__(self, layer: nn.Module, norm: Tensor, epsilon: float) -> None:
        """``norm``: the scale to begin with."""
        super().__init__()
        self.layer, self.norm = layer, nn.RMSNorm(len(norm), eps=epsilon)
        self.norm.weight = nn.Parameter(norm.detach().float().clone())

    def forward(self, states: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """Map what leaves the target's layers (rows, time, width) to what its head reads, float32.

        ``turns``: the cosines and sines of all positions.
        """
        out: Tensor = self.norm(self.layer(states, position_embeddings=turns).float())
        return out


class Exits(Optimised):
    """The adapters of all exits: a Pupil. Each guesses the next token, by the target's head and among all tokens.

    Their laws have to be right of rare tokens too, as none is left out when the head reads them.
    """

    def __init__(self, target: Frozen, pace: float = 1.0) -> None:
        """``pace``: see Optimised."""
        self.target = target
        made = {
            str(depth): Adapter(target.layer(depth), QUIET * target.norm, target.shape.norm_eps)
            for depth in depths_of(target.shape.layers)
        }
        self.adapters = nn.ModuleDict(made)
        super().__init__(self.adapters, [each for each in self.adapters.parameters() if each.ndim == 2], pace)

    @property
    def taps(self) -> tuple[int, ...]:
        """See Pupil."""
        return tuple(int(depth) for depth in self.adapters)

    @property
    def guesses(self) -> int:
        """A figure for each exit."""
        return len(self.adapters)

    def learn(self, text: Text, progress: float) -> Tensor:
        """Take one step; returns the mean loss. One adapter is done with before the next begins, to save memory."""
        places, counts = _places(text.said)
        goal, losses, counts = self._goal(_apart(picked(text.last, places))), [], _apart(counts[..., None])
        with self.worn(progress):
            for tap in self.taps:
                states = _apart(picked(self._states(text, tap), places))
                loss, _ = Disagreement.of(states[None], goal.head, goal, counts[None, ..., 0], self.share(progress))
                torch.autograd.backward(loss)
                losses.append(loss.detach())
        self.move(progress)
        self.tokens += text.tokens.numel()
        return torch.stack(losses).mean()

    def _states(self, text: Text, tap: int) -> Tensor:
        """Return what the head reads behind the adapter at ``tap``, (rows, time, width)."""
        with text.bfloat16():
            found: Tensor = self.adapters[str(tap)](text.taps[tap], self.target.turns(text.tokens.shape[1]))
        return found

    def _goal(self, states: Tensor) -> Goal:
        """Return the laws over all tokens that the head makes of ``states`` (runs, places, width)."""
        return Goal(states, self.target.ends.head)

    @torch.no_grad()
    def measured(self, texts: Iterable[Text], most: int) -> dict[str, Any]:
        """Return how well each exit guesses, lower ones first, and "of the next": what the one above it says.

        As it is with the weights at 4 bits.
        """
        parts: list[list[Tensor]] = [[] for _ in (*self.taps, "target", "said")]
        count = 0
        with rounded(self.stored):
            for text in texts:
                found = [*(self._states(text, tap) for tap in self.taps), text.last, text.tokens.roll(-1, 1)]
                for part, values in zip(parts, found, strict=True):
                    part.append(values[text.said][: most - count, None])
                count += len(parts[-1][-1])
                if count >= most:
                    break
        *levels, said = (torch.cat(part) for part in parts)
        *exits, last = levels
        next_ = [self._judged(low, high, said) for low, high in pairwise(exits)]
        whole = [self._judged(each, last, said) for each in exits]
        return {"places": count, **_side(whole), "of the next": _side(next_)}

    def _judged(self, low: Tensor, high: Tensor, said: Tensor) -> dict[str, list[float]]:
        """Return how well the level of the states ``low`` guesses what that of ``high`` says, (places, 1, width)."""
        goal = self._goal(high)
        return judged(low[None], goal.head, goal, torch.ones_like(said[None]).bool(), said[None])

    def worth(self, found: Mapping[str, Any], target: Architecture, device: str) -> float:
        """See Pupil."""
        return of_exits(target, self.taps, EASIER * found[RIGHT][-1], found["of the next"][RIGHT], device)

    def state(self) -> dict[str, Any]:
        """See Pupil."""
        return {"few": torch.zeros(0, dtype=torch.int64), **super().state()}

    def weights(self) -> dict[str, Tensor]:
        """See Pupil."""
        return {name: weight.detach() for name, weight in self.adapters.named_parameters()}

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """See Pupil."""
        self.adapters.load_state_dict(weights)

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """See Pupil."""
        stored = {
            f"exits.{depth}.{name.removeprefix('layer.')}": weight.detach()
            for depth, adapter in self.adapters.items()
            for name, weight in adapter.named_parameters()
        }
        write(folder, stored, description(self.target.shape, self.taps), card)


def depths_of(layers: int) -> tuple[int, ...]:
    """Return behind how many of a target's ``layers`` the adapters are."""
    found: list[int] = []
    for depth in DEPTHS:
        found.append(max(found[-1] + 1 if found else 1, round(depth * layers)))
    return tuple(found)


def _places(said: Tensor) -> tuple[Tensor, Tensor]:
    """Draw as many places of every row, (rows, some), anywhere in its replies, and which of them count, 0 or 1."""
    length = said.shape[1]
    first, behind = said.int().argmax(1)[:, None], said.flip(1).int().argmax(1)[:, None]
    drawn = torch.rand(len(said), max(1, round(SHARE * length)), device=said.device)
    places = first + (drawn * (length - behind - first)).long()
    return places, said.gather(1, places).float()


def _apart(rows: Tensor) -> Tensor:
    """Return ``rows`` (rows, some, width) as runs of one place each: so few are looked at at a time as memory holds."""
    return rows.flatten(0, 1)[:, None]


def _side(levels: Sequence[Mapping[str, list[float]]]) -> dict[str, list[float]]:
    """Return what was found of ``levels`` side by side: each guesses one token, so each has one figure of a kind."""
    return {name: [level[name][0] for level in levels] for name in ALONE}
