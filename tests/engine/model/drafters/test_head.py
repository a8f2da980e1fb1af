"""The head's arithmetic against its authors' description, rebuilt plainly: every format, every draft step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.architecture.drafters import HeadShape, read_drafter
from engine.architecture.holding import Holding
from engine.config import ModelSet
from engine.errors import CheckpointError
from engine.model import Transformer, load
from engine.model.drafters.head import Head
from engine.model.drafters.head import load_head as load_shaped
from engine.model.packing import refusal
from tests.engine.family import finish
from tests.engine.heads import FORMATS, write_head
from tests.engine.model.drafters.reference import Reference

EXACT = Holding("cpu", "exact")
TEXT = [7, 3, 99, 150, 42, 42, 8, 271, 5, 63, 12]
GUESSED = [17, 3, 201, 42, 9, 9]


@pytest.fixture(scope="module")
def target(family: ModelSet) -> Transformer:
    return finish(load(family.target, torch.device("cpu")))


@pytest.fixture(scope="module")
def tensors(family: ModelSet) -> dict[str, Tensor]:
    return load_file(family.target / "model.safetensors")


def load_head(folder: Path, target: Transformer, holding: Holding = EXACT) -> Head:
    shape = read_drafter(folder, target.architecture)
    assert isinstance(shape, HeadShape)
    return load_shaped(folder, shape, target, holding)


def states(target: Transformer, text: list[int], taps: tuple[int, ...]) -> list[Tensor]:
    """Return what enters each of the layers ``taps``, for all of ``text``."""
    cache, hidden, found = target.new_cache(), target.embed(torch.tensor(text)), {}
    for layer in range(target.layers):
        hidden = target.run(hidden, range(layer, layer + 1), cache)
        found[layer + 1] = hidden
    return [found[tap] for tap in taps]


@pytest.mark.parametrize("name", FORMATS)
@torch.inference_mode()
def test_logits_are_the_authors_at_every_step(
    name: str, target: Transformer, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    """A norm at the wrong side of a residual, features and embedding exchanged, a position off by one."""
    reference = Reference(FORMATS[name], write_head(tmp_path, name, tensors), tensors)
    head = load_head(tmp_path, target)
    features = states(target, TEXT[:-1], head.shape.taps)
    past, found = head.new_past(64, 4), []
    given, logits = head.rows(head.features(features, head.operations(past, 0)), torch.tensor(TEXT[1:]), past)
    for token in [*GUESSED, None]:
        found.append(logits[0])
        if token is not None:
            given, logits = head.rows(given, torch.tensor([token]), past)
    expected = reference.drafts(features, TEXT, GUESSED)
    assert torch.stack(found) == pytest.approx(expected, abs=2e-4)
    assert expected.std() > 0.5  # there is something to compare


@pytest.mark.skipif(bool(refusal()), reason="our CPU kernels do not run here")
@pytest.mark.parametrize("name", ["safeailab", "another width", "speculators, qwen3", "the target's head"])
@torch.inference_mode()
def test_a_packed_row_in_one_go_is_the_same(
    name: str, family: ModelSet, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    """The two halves of what its first product reads, exchanged or one of them left from the row before."""
    packed = finish(load(family.target, torch.device("cpu"), weights="stored"))
    write_head(tmp_path, name, tensors, norm_output=False)
    head = load_head(tmp_path, packed, Holding("cpu", "stored"))
    features = states(packed, TEXT[:-1], head.shape.taps)
    assert head.steps
    made = []
    for steps in (head.steps, None):
        head.steps, past = steps, head.new_past(64, 4)
        handed, logits = head.rows(head.features(features, head.operations(past, 0)), torch.tensor(TEXT[1:]), past)
        rows = [logits]
        for token in GUESSED:
            handed, logits = head.rows(handed, torch.tensor([token]), past)
            rows += [handed, logits]
        made.append(torch.cat(rows, dim=1))
    assert (made[0] - made[1]).norm() < 0.01 * made[1].norm()


def test_tokens_of_its_own_are_those_of_the_target(
    target: Transformer, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    """d2t holds differences; one out of range would be written beside the laws on a GPU."""
    written = write_head(tmp_path, "safeailab", tensors)
    tokens = load_head(tmp_path, target).weights.tokens
    assert tokens is not None
    assert tokens.tolist() == written["t2d"].nonzero().squeeze(1).tolist()
    for spoilt in (10_000, -50):
        wrong = written["d2t"].clone()
        wrong[0] = spoilt
        save_file({**written, "d2t": wrong}, tmp_path / "model.safetensors")
        with pytest.raises(CheckpointError, match="by d2t"):
            load_head(tmp_path, target)
    save_file({**written, "d2t": -torch.arange(len(written["d2t"]))}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="twice"):
        load_head(tmp_path, target)
