"""Levels that are tables instead of models, and every way their noise can fall."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from scipy.integrate import quad
from torch import Tensor

from engine.config import Sampling
from engine.decoding.hierarchy import Drafter
from engine.decoding.laws import Laws, Sampler
from engine.decoding.tape import Tape


class Table:
    """A level whose law after a prefix is random but fixed, and depends on the whole prefix."""

    def __init__(self, index: int, vocabulary: int, seed: int) -> None:
        self.index, self.vocabulary, self.seed = index, vocabulary, seed
        self._known: dict[tuple[int, ...], list[float]] = {}

    def law(self, prefix: Sequence[int]) -> list[float]:
        """Return the probabilities after ``prefix``."""
        key = tuple(prefix)
        if key not in self._known:
            dice = random.Random(repr((self.seed, key)))
            weights = [dice.random() ** 2 + 0.02 for _ in range(self.vocabulary)]
            self._known[key] = [w / sum(weights) for w in weights]
        return self._known[key]

    def laws(self, tape: Sequence[int], mark: int, rows: int) -> Laws:
        """Return the laws after tape[:mark], tape[:mark + 1], ..."""
        probs = torch.tensor([self.law(tape[: mark + i]) for i in range(rows)], dtype=torch.float32)
        return Laws(probs, probs.log(), rows)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Do nothing: a table has no cache."""

    def rewind(self, length: int) -> None:
        """Do nothing: a table has no cache."""


@dataclass
class Fork(Sampler):
    """Noise that is not decided yet: of two tokens the second is drawn where a uniform number lies below its share.

    (The race of two exponentials comes to that.) What is known of the number at each position is an interval, which
    every choice that it does not decide cuts in two; ``script`` says which side to take, ``probability`` is that of the
    path taken, ``others`` counts the outcomes of each cut.
    """

    script: list[int]
    probability: float = 1.0
    taken: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    known: dict[int, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(Sampling(temperature=1, top_p=1))

    def choose(self, probs: Tensor, position: int) -> list[int]:
        """Fork over what the noise may be."""
        return [
            self._second(second / (first + second), position + i) for i, (first, second) in enumerate(probs.tolist())
        ]

    def _second(self, share: float, position: int) -> int:
        low, high = self.known.get(position, (0.0, 1.0))
        if not low < share < high:
            return int(share >= high)
        below = (share - low) / (high - low)
        taken = self.fork([1 - below, below])
        self.known[position] = (low, share) if taken else (share, high)
        return taken

    def fork(self, probabilities: Sequence[float]) -> int:
        """Take the scripted outcome, or the first one beyond the script's end."""
        at = len(self.taken)
        branch = self.script[at] if at < len(self.script) else 0
        self.taken.append(branch)
        self.others.append(len(probabilities))
        self.probability *= probabilities[branch]
        return branch


def every_path(run: Callable[[Fork], tuple[int, ...]]) -> dict[tuple[int, ...], float]:
    """Run ``run`` once for every way its noise can fall; return the exact law of what it returns."""
    law: dict[tuple[int, ...], float] = defaultdict(float)
    script: list[int] = []
    while True:
        fork = Fork(script)
        law[run(fork)] += fork.probability
        script = fork.taken
        while script and script[-1] == fork.others[len(script) - 1] - 1:
            script.pop()
        if not script:
            return law
        script[-1] += 1


def reply(chain: Drafter, prompt: Sequence[int], length: int, ends: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Draft from ``chain`` until ``length`` tokens or an end; return exactly that much."""
    tape = Tape(prompt, ends, len(prompt) + length)
    while not tape.full:
        for _ in chain.draft(tape):
            pass
    return tuple(tape[len(prompt) : len(prompt) + length])


def law_of(
    level: Table, prompt: Sequence[int], length: int, ends: frozenset[int] = frozenset()
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield every reply of ``length`` tokens (shorter after an end) with its probability under ``level`` alone."""
    seen = set()
    for tokens in itertools.product(range(level.vocabulary), repeat=length):
        stop = next((i + 1 for i, token in enumerate(tokens) if token in ends), length)
        if tokens[:stop] in seen:
            continue
        seen.add(tokens[:stop])
        p = 1.0
        for i in range(stop):
            p *= level.law([*prompt, *tokens[:i]])[tokens[i]]
        yield tokens[:stop], p


def distance(a: dict[tuple[int, ...], float], b: dict[tuple[int, ...], float]) -> float:
    """Return the total variation distance of two laws."""
    return sum(abs(a.get(key, 0.0) - b.get(key, 0.0)) for key in a.keys() | b.keys()) / 2


def joint_law(p: Sequence[float], q: Sequence[float]) -> list[list[float]]:
    """Return how likely each pair of choices is of two levels with laws ``p`` and ``q`` and the same noise.

    With E_b = r E_a the pair (a, b) comes about while p_b / p_a < r < q_b / q_a, and nobody else arrives earlier.
    """
    tokens = range(len(p))

    def density(r: float, a: int, b: int) -> float:
        rest = sum(max(p[y] / p[a], r * q[y] / q[b]) for y in tokens if y not in {a, b})
        return 1 / (1 + r + rest) ** 2

    def pair(a: int, b: int) -> float:
        if a == b:
            return 1 / sum(max(p[y] / p[a], q[y] / q[a]) for y in tokens)
        low, high = p[b] / p[a], q[b] / q[a]
        return float(quad(density, low, high, (a, b), epsabs=1e-12)[0]) if high > low else 0.0

    return [[pair(a, b) for b in tokens] for a in tokens]
