"""How many proposed tokens stand by the rule that runs, and by those that others run, on the same windows.

Updraft keeps a token that the judge would write itself, with noise that all levels share. *Token verification*
(Leviathan et al., arXiv 2211.17192) and *block verification* (Sun et al., arXiv 2403.10444) draw the judge's token anew
and keep as much of the proposer's as its law allows: more, and replies that depend on who proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from engine.decoding.acceptance import agreeing
from engine.decoding.hierarchy import Reader
from engine.decoding.laws import Sampler


@dataclass(frozen=True, slots=True)
class Kept:
    """Of ``proposed`` tokens how many stand with shared noise, and are expected to under the other rules."""

    proposed: int
    shared: float
    block: float
    token: float


def compare(draft: Reader, judge: Reader, prefix: Sequence[int], tokens: int, sampler: Sampler) -> Kept:
    """Draw a window of ``tokens`` tokens behind ``prefix`` from ``draft`` and judge it by every rule."""
    tape, guesses = list(prefix), list[Tensor]()
    for _ in range(tokens):
        guesses.append(draft.laws(tape, len(tape), 1).probs[0])
        tape += sampler.choose(guesses[-1][None], len(tape))
    own = judge.laws(tape, len(prefix), tokens).probs
    window, guess = tape[len(prefix) :], torch.stack(guesses)
    shared = agreeing(window, sampler.choose(own, len(prefix)))
    return Kept(tokens, shared, block(window, guess, own), token(window, guess, own))


def token(tokens: Sequence[int], guess: Tensor, own: Tensor) -> float:
    """Return how many of ``tokens`` token verification is expected to keep; laws [n, vocabulary]."""
    return sum(accumulate((min(ratio, 1.0) for ratio in _ratios(tokens, guess, own)), lambda a, b: a * b))


def block(tokens: Sequence[int], guess: Tensor, own: Tensor) -> float:
    """Return how many of ``tokens`` block verification is expected to keep; laws [n, vocabulary]."""
    weights = list(accumulate(_ratios(tokens, guess, own), lambda weight, ratio: min(weight * ratio, 1.0), initial=1.0))
    expected, none = 0.0, 1.0
    for kept in range(len(tokens), 0, -1):
        passes = weights[kept]
        if kept < len(tokens):
            surplus = float((weights[kept] * own[kept] - guess[kept]).clamp(min=0).double().sum())
            rest = surplus + 1 - weights[kept]
            passes = surplus / rest if rest > 0 else 1.0
        expected, none = expected + kept * none * passes, none * (1 - passes)
    return expected


def _ratios(tokens: Sequence[int], guess: Tensor, own: Tensor) -> list[float]:
    rows = range(len(tokens))
    return (own[rows, tokens].double() / guess[rows, tokens].double()).tolist()
