"""A drafter of blocks on a CUDA device: its kernels, its pass, and replies through its recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from engine.architecture import architecture_of
from engine.architecture.drafters import BlockShape, read_drafter
from engine.architecture.holding import Holding
from engine.architecture.weights import stored_in
from engine.config import PRESETS, TARGET, ModelSet, Preset, Sampling
from engine.decoding.kernels import Board, doubt, lean, open_block
from engine.decoding.kernels.record import Record
from engine.events import Event, Round
from engine.model import kernels
from engine.model.drafters.block import BlockDrafter
from engine.model.drafters.block_decode import decode_block, refusal, take_in
from engine.model.drafters.block_weights import load_block
from engine.model.linear import Dense
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.drafters import block_config, block_tensors, knowing, write_knowing
from tests.engine.family import finish
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
GPU = torch.device("cuda")
SIZES: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
}
WARM = Sampling(temperature=0.8, top_p=0.9, seed=3)
TOKENS = 150


def numbers(*shape: int, scale: float = 1.0) -> Tensor:
    return torch.randn(*shape, device=GPU).bfloat16() * scale


def place(position: int) -> Tensor:
    return torch.tensor([position], dtype=torch.int32, device=GPU)


@pytest.mark.parametrize("dim", [64, 128])
@pytest.mark.parametrize(("tokens", "start"), [(1, 0), (7, 0), (7, 121), (8, 1000), (16, 2031)])
def test_tokens_see_each_other(tokens: int, start: int, dim: int) -> None:
    """All of them gather from everything up to the last of them, and from nothing behind it."""
    torch.manual_seed(start)
    query, keys, values = numbers(tokens, 8, dim), numbers(2, 2048, dim), numbers(2, 2048, dim)
    found = kernels.attend(query, keys, values, place(start), together=True)
    seen = start + tokens
    wanted = functional.scaled_dot_product_attention(
        query.transpose(0, 1)[None].float(),
        keys[None, :, :seen].float(),
        values[None, :, :seen].float(),
        enable_gqa=True,
    )[0].transpose(0, 1)
    assert float((found.float() - wanted).norm() / wanted.norm()) < 1e-2


def loaded(folder: Path) -> BlockDrafter:
    """Return a DSpark drafter of two layers that reads three of a target's eight."""
    config = block_config("deepspec", 1024, dspark=True) | SIZES | {"markov_rank": 64, "mask_token_id": 1000}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(block_tensors(config), folder / "model.safetensors")
    target = architecture_of({**SIZES, "model_type": "llama", "vocab_size": 1024, "num_hidden_layers": 8}, "target")
    shape = read_drafter(folder, target)
    assert isinstance(shape, BlockShape)
    drafter = BlockDrafter(shape, load_block(folder, shape, stored_in(folder), GPU, Holding("cuda")))
    assert not refusal(drafter)
    drafter.reserve(256)
    return drafter


@torch.inference_mode()
def test_a_block_is_as_operation_by_operation(tmp_path: Path) -> None:
    """Behind contexts of any length, those shorter than what is taken in over again among them."""
    drafter = loaded(tmp_path)
    rows, behind = drafter.shape.rows, 8
    for length in (1, 5, 9, 40, 200):
        states, hidden = numbers(length, 3 * 256), numbers(rows, 256)
        drafter.rewind(0)
        drafter.take(states)
        wanted = drafter.block(hidden)
        began = max(length - behind, 0)
        drafter.rewind(began)
        for past in drafter.cache.layers:
            past.keys[:, began:] = 0
        known = torch.cat([states[began:], numbers(behind, 768)])[:behind]  # of a short text there is less
        found = decode_block(drafter, known.contiguous(), hidden, place(began), place(length))
        assert float((found.float() - wanted.float()).norm() / wanted.float().norm()) < 3e-2, length


def test_the_kernels_say_what_their_reference_says(tmp_path: Path) -> None:
    """First rows, what the token before adds to its row alone, and the doubt."""
    drafter = loaded(tmp_path)
    markov = drafter.weights.markov
    assert markov is not None
    spread, drawn = markov.spread, [numbers(7, 1024), numbers(7, 256), numbers(1024, 256)]
    assert isinstance(spread, Dense)

    def told(device: torch.device) -> tuple[list[Tensor], list[int]]:
        logits, states, table = (each.to(device, copy=True) for each in drawn)
        tables, board = (markov.rows.to(device), spread.weight.to(device)), Board.empty(100, 1024, device)
        board.write([5, 900, 17, 33], 0)
        start, record = torch.zeros(1, dtype=torch.int32, device=device), Record.empty(device)
        opened = open_block(board, table, table[1000:1001], 7, start, record)
        board.write([900, 8], 4)
        lean(logits, start, board, *tables)
        rests = []
        for least in (0.0, 1.0):
            board.idle.fill_(0)
            weight, bias = (part.to(device) for part in drafter.weights.confidence or ())
            doubt(states, start, board, tables[0], weight, bias, least)
            rests.append(int(board.idle))
        return [opened.cpu(), logits.float().cpu()], [*rests, int(start)]

    (found, also), (wanted, so) = told(GPU), told(torch.device("cpu"))
    assert also == so == [0, 1, 3]
    assert torch.equal(found[0], wanted[0])
    assert torch.allclose(found[1], wanted[1], atol=0.2, rtol=0.02)
    assert torch.equal(found[1][[0, 1, 3]], drawn[0][[0, 1, 3]].float().cpu())


def test_what_was_missed_is_taken_in_as_in_a_block(tmp_path: Path) -> None:
    """A drafter that is away catches up in passes of their own, which leave what a block's own rows would."""
    drafter, length, began = loaded(tmp_path), 60, 41
    drafter.reserve(200)
    hidden, states = numbers(drafter.shape.rows, 256), numbers(length, 768)
    drafter.take(states)
    decode_block(drafter, states[began : began + 16].contiguous(), hidden, place(began), place(length))
    wanted = [each[:, began : began + 16].clone() for past in drafter.cache.layers for each in past.held]
    for past in drafter.cache.layers:
        past.keys[:, began:] = 0
        past.values[:, began:] = 0
    take_in(drafter, states[began : began + 16].contiguous(), place(began))
    found = [each[:, began : began + 16] for past in drafter.cache.layers for each in past.held]
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).norm() < 1e-2 * other.norm()


# Replies.


def ask(session: Session, preset: Preset, prompt: str, sampling: Sampling) -> list[Event]:
    return [*session.reply([("user", prompt)], preset=preset, sampling=sampling, max_tokens=TOKENS)]


def ids(events: list[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


def test_replies_are_plain_ones(tmp_path: Path) -> None:
    """Token for token, greedy and drawn, while most tokens are the drafter's."""
    models, plain = pocket_models(wide=True), PRESETS["plain"]
    session = finish(Session.open(models, "cuda"))
    told = {
        sampling: [ids(ask(session, plain, prompt, sampling)) for prompt in PROMPTS[:3]]
        for sampling in (Sampling(temperature=0), WARM)
    }
    session.close()
    write_knowing(tmp_path / "block", knowing(models.target), [reply for replies in told.values() for reply in replies])
    session = finish(Session.open(ModelSet("Block", {TARGET: models.target, "block": tmp_path / "block"}), "cuda"))
    for sampling, wanted in told.items():
        replies = [ask(session, PRESETS["block"], prompt, sampling) for prompt in PROMPTS[:3]]
        assert [ids(events) for events in replies] == wanted
        rounds = sum(isinstance(event, Round) for events in replies for event in events)
        assert rounds < 0.8 * sum(map(len, wanted))
    assert session.how == "graphs", session.why_eager
    session.close()
