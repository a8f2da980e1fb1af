"""Levels that are tables instead of models, and every way their random numbers can fall."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.config import Sampling
from engine.decoding.hierarchy import Drafter
from engine.decoding.laws import Laws, Sampler
from engine.decoding.tape import Tape

CPU = torch.device("cpu")


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
    """A sampler that follows a script of outcomes and notes what else could have happened.

    ``probability`` is that of the path taken; ``open`` counts the outcomes at each new choice.
    """

    script: list[int]
    probability: float = 1.0
    taken: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(Sampling(temperature=1, top_p=1), CPU)

    def choose(self, probabilities: Sequence[float]) -> int:
        """Take the scripted outcome, or the first possible one beyond the script's end."""
        possible = [i for i, p in enumerate(probabilities) if p > 0]
        at = len(self.taken)
        branch = self.script[at] if at < len(self.script) else 0
        self.taken.append(branch)
        self.others.append(len(possible))
        self.probability *= probabilities[possible[branch]] / sum(probabilities)
        return possible[branch]

    def draw(self, law: Tensor) -> int:
        """Fork over the tokens."""
        return self.choose(law.double().tolist())

    def uniform(self, n: int) -> list[float]:
        """Return coins that fork when they are compared."""
        return [Coin(self) for _ in range(n)]


class Coin(float):
    """A uniform number that is not decided yet: a comparison forks, with the probability it would have."""

    def __new__(cls, fork: Fork, scale: float = 1.0) -> Coin:  # noqa: ARG004
        return super().__new__(cls, 0.5)

    def __init__(self, fork: Fork, scale: float = 1.0) -> None:
        self._fork, self._scale = fork, scale

    def __mul__(self, other: float) -> Coin:
        return Coin(self._fork, self._scale * other)

    def __lt__(self, other: float) -> bool:
        below = min(max(other / self._scale, 0.0), 1.0)
        return self._fork.choose([1 - below, below]) == 1

    def __ge__(self, other: float) -> bool:
        return not self < other


def every_path(run: Callable[[Fork], tuple[int, ...]]) -> dict[tuple[int, ...], float]:
    """Run ``run`` once for every way its random choices can fall; return the exact law of what it returns."""
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
