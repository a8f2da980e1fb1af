"""What was taught is what the engine runs: saved as published, read back through its own door."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.architecture.drafters import BlockShape, HeadShape, read_drafter
from engine.architecture.holding import Holding
from engine.architecture.weights import stored_in
from engine.config import ModelSet
from engine.model import Transformer, load
from engine.model.drafters.block import BlockDrafter
from engine.model.drafters.block_weights import load_block
from engine.model.drafters.head import load_head
from engine.teaching import saving
from engine.teaching.block import Block
from engine.teaching.head import Head
from engine.teaching.layer import Sizes
from tests.engine.family import finish

EXACT, CPU = Holding("cpu", "exact"), torch.device("cpu")
FEW = torch.arange(0, 200, 5)


@pytest.fixture(scope="module")
def target(family: ModelSet) -> Transformer:
    return finish(load(family.target, CPU))


def sizes(target: Transformer, taps: tuple[int, ...]) -> Sizes:
    a = target.architecture
    common = a.width, a.heads, a.kv_heads, a.head_dim, a.width, a.vocabulary
    return Sizes(*common, len(FEW), taps, a.layers, epsilon=a.norm_eps, context=a.context)


@torch.no_grad()
def stirred(module: Head | Block) -> None:
    """Give every weight a part in the outcome, and numbers that bfloat16 holds exactly."""
    for weight in module.parameters():
        weight.copy_((torch.randn_like(weight) * 0.3 + (weight.ndim == 1)).bfloat16())


def text(target: Transformer, taps: tuple[int, ...]) -> tuple[Tensor, list[Tensor], Tensor]:
    """Return tokens, states at every tap [n, width], and the tokens' embeddings."""
    torch.manual_seed(2)
    tokens = torch.randint(200, (9,))
    states = [torch.randn(9, target.architecture.width) for _ in taps]
    return tokens, states, target.embed(tokens).float()


def test_turns_are_written_as_the_target_has_them(target: Transformer) -> None:
    """Of an angle that was computed from it, 100,000 comes back as 99,999.99999999983."""
    depth = target.architecture.layers
    known = replace(sizes(target, (2, depth // 2, depth - 3)), theta=99_999.99999999983)
    assert saving.description(Head(known, FEW))["rope_theta"] == 100_000


@torch.inference_mode()
def test_a_head_is_read_back_as_it_was_taught(target: Transformer, tmp_path: Path) -> None:
    """Guards against files whose names, numbers of layers or tokens mean something else to a reader."""
    depth = target.architecture.layers
    taps = (2, depth // 2, depth - 3)
    made = Head(sizes(target, taps), FEW)
    stirred(made)
    saving.save(made, tmp_path, {"text": "its own replies"})
    assert json.loads((tmp_path / "card.json").read_text()) == {"text": "its own replies"}
    shape = read_drafter(tmp_path, target.architecture)
    assert isinstance(shape, HeadShape)
    assert shape.taps == taps
    head = load_head(tmp_path, shape, target, EXACT)
    assert head.weights.tokens is not None
    assert torch.equal(head.weights.tokens, FEW)
    tokens, states, embedded = text(target, taps)
    features = torch.cat(states, dim=-1)
    taught = made(features[None], embedded[None], torch.tensor([[4]]), 3)[:, 0, 0] @ made.table().T
    past, found = head.new_past(64, 64), []
    given = head.features([each[:5] for each in states], head.operations(past, 0))
    for behind in (tokens[1:6], tokens[6:7], tokens[7:8]):
        given, logits = head.rows(given, behind, past)
        found.append(logits[0])
    torch.testing.assert_close(torch.stack(found), taught, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_a_block_is_read_back_as_it_was_taught(target: Transformer, tmp_path: Path) -> None:
    """Guards the same of a block, of its Markov head and of its confidence."""
    taps = (1, target.architecture.layers - 1)
    made = Block(sizes(target, taps), FEW, layers=2, block=4, mask=7, rank=8)
    stirred(made)
    saving.save(made, tmp_path, {})
    shape = read_drafter(tmp_path, target.architecture)
    assert isinstance(shape, BlockShape)
    assert (shape.taps, shape.tokens, shape.mask) == (taps, 4, 7)
    weights = load_block(tmp_path, shape, stored_in(tmp_path), CPU, EXACT)
    tokens, states, embedded = text(target, taps)
    features, masked = torch.cat(states, dim=-1), target.embed(torch.tensor([7])).float()
    taught = made(features[None], embedded[None], torch.tensor([[5]]), masked[0], tokens[None])[:, 0]
    logits, sure = taught[:, 0] @ made.table().T, made.confidence(taught[:, 0]).sigmoid()
    block = BlockDrafter(shape, weights)
    block.take(features[:5])
    found = block.block(torch.cat((embedded[5:6], masked, masked, masked)))
    assert weights.head is not None
    assert weights.markov is not None
    for row, token in enumerate(tokens[5:9].tolist()):
        said = weights.head(found[row : row + 1]).float() + weights.markov.bias(token)
        torch.testing.assert_close(said[0], logits[row], atol=1e-4, rtol=1e-4)
        assert block.confidence(found[row : row + 1], token) == pytest.approx(float(sure[row]), abs=1e-5)


def test_what_was_saved_goes_on_where_it_was(target: Transformer, tmp_path: Path) -> None:
    """Guards against a second course that begins with other tokens."""
    depth = target.architecture.layers
    some = sizes(target, (2, depth // 2, depth - 3))
    made, other = Head(some, FEW), Head(some, FEW + 1)
    stirred(made)
    saving.save(made, tmp_path, {})
    saving.restore(other, load_file(tmp_path / "model.safetensors"))
    for (name, mine), theirs in zip(made.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs), name
    assert torch.equal(other.get_buffer("few"), FEW)
