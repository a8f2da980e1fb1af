"""Every preset on a real, tiny transformer: replies against plain decoding's, and those against the target's law."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import count, islice, product

import pytest
import torch
from scipy.stats import chisquare

from engine.config import PRESETS, TARGET, Acceptance, ModelSet, Preset, Role, Sampling, Window
from engine.decoding.chain import build
from engine.decoding.frequent import FrequentTokens
from engine.decoding.goodput import Goodput
from engine.decoding.laws import Sampler
from engine.decoding.tape import Tape
from engine.decoding.trunk import Trunk
from engine.model import load
from tests.engine.family import finish

CPU = torch.device("cpu")
VOCABULARY = 6  # of the models' rows, so that replies of two tokens have 36 cells
PROMPT = [0, 3, 1, 2, 0, 3]
LENGTH = 2
ROLES: tuple[Role, ...] = ("target", "qualifier", "draft")
SAMPLES = 500
SAMPLING = Sampling(temperature=1.5, top_p=0.98, repetition_penalty=1.1, seed=11)
SETTINGS = [
    Sampling(temperature=0),
    Sampling(temperature=0.3, seed=1),
    Sampling(temperature=0.7, seed=2),
    Sampling(temperature=1.0, top_p=1, top_k=3, seed=3),
    Sampling(temperature=1.0, top_p=1, min_p=0.1, repetition_penalty=1.3, seed=4),
    SAMPLING,
]
LOSSLESS = [preset for preset in PRESETS.values() if preset.lossless and preset.roles == preset.whole]

Family = dict[Role, Trunk]
Reply = tuple[int, ...]
Plain = Callable[[Sampling, int], Reply]


@pytest.fixture(scope="module")
def trunks(family: ModelSet) -> Family:
    def trunk(role: Role) -> Trunk:
        model = finish(load(family.models[role], CPU))
        return Trunk(model, FrequentTokens(model, [0, 1, 3, 5]))  # token 2 and 4 are left to the target

    return {role: trunk(role) for role in ROLES}


@pytest.fixture(scope="module")
def plain(trunks: Family) -> Plain:
    """Give what plain decoding writes behind PROMPT, by settings and length; each run once."""
    return cache(lambda sampling, length: next(replies(PRESETS["plain"], trunks, sampling, PROMPT, length)))


def replies(
    preset: Preset,
    trunks: Family,
    sampling: Sampling,
    prompt: Sequence[int],
    length: int,
    goodput: Goodput | None = None,
) -> Iterator[Reply]:
    """Yield replies of ``length`` tokens for ever, one key after another; the caches are rewound after each."""
    for trunk in trunks.values():
        trunk.rewind(0)
    sampler = Sampler(sampling)
    chain = build(preset, trunks, sampler, VOCABULARY, goodput)
    chain.prefill(prompt, len(prompt) - 1)
    for key in count(sampler.key):
        sampler.key = key
        tape = Tape(prompt, limit=len(prompt) + length)
        while not tape.full:
            for _ in chain.draft(tape):
                pass
        chain.rewind(len(prompt) - 1)
        yield tuple(tape[len(prompt) : len(prompt) + length])


def sampled(preset: Preset, trunks: Family, goodput: Goodput | None = None) -> list[Reply]:
    """Return SAMPLES replies of two tokens."""
    return list(islice(replies(preset, trunks, SAMPLING, PROMPT, LENGTH, goodput), SAMPLES))


def exact_law(trunk: Trunk, sampling: Sampling) -> dict[Reply, float]:
    """Return the target's law of replies, from fresh passes over whole prefixes."""
    model, sampler = trunk.model, Sampler(sampling)

    def law(tokens: list[int]) -> list[float]:
        states = model.run(model.embed(torch.tensor(tokens)), range(model.layers), model.new_cache())
        logits = model.read(states[-1:])[:, :VOCABULARY]
        return [float(p) for p in sampler.shape(logits, tokens, len(tokens))[0]]

    found: dict[Reply, float] = {}
    for first in range(VOCABULARY):
        p, after = law(PROMPT)[first], law([*PROMPT, first])
        found |= {(first, second): p * after[second] for second in range(VOCABULARY)}
    return found


def p_value(found: Sequence[Reply], law: dict[Reply, float]) -> float:
    """Return the chi-square tail of ``found`` under ``law``; rare cells are pooled, impossible ones give 0."""
    counts = Counter(found)
    cells = list(product(range(VOCABULARY), repeat=LENGTH))
    if any(counts[cell] and law[cell] == 0 for cell in cells):
        return 0.0
    common = [cell for cell in cells if law[cell] * len(found) >= 5]
    observed = [counts[cell] for cell in common]
    expected = [law[cell] * len(found) for cell in common]
    rest = len(found) - sum(expected)
    if rest > 1:
        observed, expected = [*observed, len(found) - sum(observed)], [*expected, rest]
    return float(chisquare(observed, [e * sum(observed) / sum(expected) for e in expected]).pvalue)


@torch.inference_mode()
def test_plain_replies_have_the_targets_law(trunks: Family) -> None:
    """What all others are compared with; over many keys (false alarm: 1e-4)."""
    assert p_value(sampled(PRESETS["plain"], trunks), exact_law(trunks["target"], SAMPLING)) > 1e-4


@torch.inference_mode()
def test_a_fuzzy_judge_is_told_apart(trunks: Family) -> None:
    """With a tau that lets everything stand a reply is the draft's own, so these tests are able to fail."""
    stages = tuple(replace(stage, acceptance=Acceptance("fuzzy", tau=100.0)) for stage in PRESETS["pyramid"].stages)
    loose, plain = replace(PRESETS["pyramid"], stages=stages), PRESETS["plain"]
    found, drafted, true = (
        list(islice(replies(preset, those, SAMPLING, PROMPT, LENGTH), 40))
        for preset, those in ((loose, trunks), (plain, {TARGET: trunks["draft"]}), (plain, trunks))
    )
    assert found == drafted != true


@torch.inference_mode()
def test_a_fuzzy_judge_that_lets_nothing_stand_is_exact(trunks: Family, plain: Plain) -> None:
    """With tau 0 every token is the target's own draw."""
    stages = tuple(replace(stage, acceptance=Acceptance("fuzzy", tau=0.0)) for stage in PRESETS["pyramid"].stages)
    strict = replace(PRESETS["pyramid"], stages=stages)
    assert next(replies(strict, trunks, SAMPLING, PROMPT, 40)) == plain(SAMPLING, 40)


@torch.inference_mode()
@pytest.mark.parametrize("preset", [each for each in LOSSLESS if each.name != "plain"], ids=lambda preset: preset.name)
@pytest.mark.parametrize("sampling", SETTINGS, ids=["greedy", "cold", "usual", "top-k", "min-p and penalty", "all"])
def test_replies_equal_plain_decoding(preset: Preset, sampling: Sampling, trunks: Family, plain: Plain) -> None:
    """The promise, token for token: over 40 tokens a stale cache entry or a draw of another position surfaces."""
    assert next(replies(preset, trunks, sampling, PROMPT, 40, Goodput())) == plain(sampling, 40)


@torch.inference_mode()
def test_a_change_of_plan_in_mid_reply_changes_no_token(trunks: Family, plain: Plain) -> None:
    """Chains take turns over the same caches, with windows of all sizes."""
    sampler, tape = Sampler(SAMPLING), Tape(PROMPT, limit=len(PROMPT) + 60)
    for trunk in trunks.values():
        trunk.rewind(0)
    for turn in count():
        preset = LOSSLESS[turn % len(LOSSLESS)]
        stages = (replace(stage, window=Window(1 + turn % 5)) for stage in preset.stages)
        chain = build(replace(preset, stages=tuple(stages)), trunks, sampler, VOCABULARY)
        for _ in range(2):
            list(chain.draft(tape))
        if tape.full:
            break
    assert tuple(tape[len(PROMPT) : len(PROMPT) + 60]) == plain(SAMPLING, 60)
