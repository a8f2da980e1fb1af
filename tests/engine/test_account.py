"""The memory account, against checkpoints that are really loaded."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig

from engine.account import CONTEXT, LEAST, LIBRARIES, RUNTIME, STEP, _held, account, longest, needs
from engine.architecture import holding
from engine.architecture.checking import Bits
from engine.architecture.holding import BYTES, Holding
from engine.config import Role, Weights
from engine.decoding.frequent import frequent_tokens
from engine.dimensions import Dimensions, held_in, read_dimensions
from engine.errors import DeviceError
from engine.events import finished
from engine.library import CATALOGUE
from engine.model import load
from engine.model.checkpoint import open_checkpoint
from engine.model.linear import Blocked, Dense, FourBit, Groups, Linear, Stacked, quantised
from engine.model.loading import _Loader
from engine.model.packed import Packed
from tests.engine.model.tiny import SIZES, group, loaded, logits, quantise, random_model
from tests.engine.pocket import pocket_models

GB = 10**9
NF4 = BYTES["nf4"]
EIGHT = CATALOGUE["llama-8b"].models["target"].dimensions


def stored(linear: Linear) -> int:
    """Return the bytes of a product's weights."""
    if isinstance(linear, Stacked):
        return sum(stored(part) for part in linear.parts)
    if isinstance(linear, FourBit):
        return linear.packed.nbytes + linear.scales.nbytes
    if isinstance(linear, Packed):
        return linear.blocks.nbytes
    weight: Tensor = linear.dense().weight if isinstance(linear, Blocked) else linear.weight
    return weight.nbytes


@pytest.mark.parametrize("weights", get_args(Weights))
@pytest.mark.parametrize("role", ["target", "draft"])
def test_account_is_what_the_loader_keeps(tmp_path: Path, role: Role, weights: Weights) -> None:
    """Guards the promise that fit and loader agree: every part against the tensors of a model really loaded."""
    folder = Path(shutil.copytree(pocket_models().models[role], tmp_path / role))
    quantise(folder, nested=True)
    agree(folder, weights)


@pytest.mark.parametrize("weights", get_args(Weights))
@pytest.mark.parametrize(("bits", "embedding"), [(4, 8), (8, 4), (4, None)])
def test_grouped_files_are_counted_by_what_they_hold(
    tmp_path: Path, weights: Weights, bits: Bits, embedding: Bits | None
) -> None:
    """Guards against 4-bit files counted at 8: one matrix of each layer is kept in 16 bits, as some files have them."""
    random_model(LlamaConfig(**SIZES, tie_word_embeddings=embedding != 4)).save_pretrained(tmp_path)
    group(tmp_path, bits, embedding=embedding, leave=("o_proj.weight",))
    agree(tmp_path, weights)


@pytest.mark.parametrize("stored_as", ["16-bit", "nf4", "grouped", "mostly 8 bits", "8 bits", "partly grouped"])
@pytest.mark.parametrize(("tied", "small"), [(False, 1 << 26), (True, 1 << 26), (True, 1)])
def test_account_is_what_a_gpu_would_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored_as: str, tied: bool, small: int
) -> None:
    """Guards the same where no GPU is: what is made for one is made in memory here, tied heads large and small."""
    monkeypatch.setattr(holding, "SMALL_HEAD", small)
    monkeypatch.setattr("engine.account._held", _held.__wrapped__)  # it remembers
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
    random_model(LlamaConfig(**SIZES, tie_word_embeddings=tied)).save_pretrained(tmp_path)
    if stored_as == "nf4":
        quantise(tmp_path, nested=True)
    elif stored_as != "16-bit":
        leave = ("v_proj.weight",) if stored_as == "partly grouped" else ()
        four = ("up_proj.weight",) if stored_as == "mostly 8 bits" else ()
        group(tmp_path, 8 if "8 bits" in stored_as else 4, leave=leave, four=four)
    with ExitStack() as files:
        checkpoint = open_checkpoint(tmp_path)
        held = Holding("cuda").of(checkpoint.architecture, checkpoint.kept())
        model = finished(_Loader(checkpoint, torch.device("cpu"), files, held).model())
    grouped = {isinstance(each, Groups) for block in model.blocks for each in block.matrices}
    assert grouped == {stored_as in ("grouped", "mostly 8 bits")}
    said = account(read_dimensions(tmp_path), 100)
    assert said.linears == sum(stored(each) for block in model.blocks for each in block.matrices)
    assert isinstance(model.table, Tensor)
    shared = isinstance(model.head, Dense) and model.head.weight is model.table
    assert shared == (tied and small > 1)
    assert (said.embedding, said.head) == ((model.table.nbytes, 0) if shared else (0, stored(model.head)))
    assert said.cache == model.new_cache(100).bytes
    if stored_as in ("nf4", "grouped") and small > 1:  # else matrices are quantised, which a random model makes much of
        ours, exact = (logits(each, torch.arange(40)) for each in (model, loaded(tmp_path)))
        assert (ours - exact).norm() < 0.2 * exact.norm()  # of bfloat16, and of an untied head


@pytest.mark.parametrize("stored_as", ["nf4", "grouped"])
def test_a_gpu_reads_weights_as_they_are_stored_where_it_is_asked_to(tmp_path: Path, stored_as: str) -> None:
    """Guards against groups made NF4 all the same, and matrices that take more than is said."""
    random_model(LlamaConfig(**SIZES, tie_word_embeddings=True)).save_pretrained(tmp_path)
    worth = group(tmp_path, 4) if stored_as == "grouped" else quantise(tmp_path, nested=False)
    asked = Holding("cuda", dense_head=True, dense=True)
    with ExitStack() as files:
        model = finished(_Loader(open_checkpoint(tmp_path), torch.device("cpu"), files, asked).model())
    down = model.blocks[1].down
    assert isinstance(down, Dense)
    assert torch.equal(down.weight, worth["model.layers.1.mlp.down_proj.weight"].bfloat16())
    said = account(read_dimensions(tmp_path), 100, asked)
    assert said.linears == sum(stored(each) for block in model.blocks for each in block.matrices)


def agree(folder: Path, weights: Weights) -> None:
    """Check the account of the checkpoint in ``folder``, part by part, against what is loaded."""
    model = finished(load(folder, torch.device("cpu"), weights=weights))
    cache = model.new_cache(100)
    said = account(read_dimensions(folder), 100, Holding("cpu", weights))
    assert said.linears == sum(stored(each) for block in model.blocks for each in block.matrices)
    norms = (norm for block in model.blocks for norm in (block.attention_norm, block.mlp_norm))
    assert said.vectors == sum(norm.nbytes for norm in (*norms, model.norm))
    assert said.embedding == (stored(model.table) if isinstance(model.table, Packed) else model.table.nbytes)
    # A small head that is the table is counted as the copy that a larger one is, in oneDNN's layout.
    shared = model.head is model.table or (type(model.head) is Dense and model.head.weight is model.table)
    frequent = frequent_tokens(folder, model, model.vocabulary, frozenset(), told=True)
    drafting = stored(frequent.head) if frequent else 0
    assert said.head == (0 if shared else stored(model.head)) + drafting
    assert said.cache == cache.bytes


def test_a_packed_matrix_takes_what_is_counted() -> None:
    """Guards the bytes of a 4-bit weight: what the loader's own quantisation yields, scales included."""
    assert stored(quantised(torch.randn(64, 256))) == 64 * 256 * NF4


def test_account_of_an_8b() -> None:
    """Guards the numbers people choose a GPU by: Llama 3.1 8B on a GPU with 4,096 tokens, part by part."""
    part = account(EIGHT, 4096)
    assert part.linears == 32 * (4096 * 128 * 80 + 3 * 4096 * 14_336) * 9 // 16
    assert part.embedding == 0  # stays in the memory of the host
    assert part.head == 128_256 * 4096 * 9 // 16 * 5 // 4  # its own matrix, and a quarter again for drafting
    assert part.cache == 4096 * 32 * 2 * 8 * 128 * 2
    assert 6 * GB < needs([EIGHT], 4096, "cuda").total < 8 * GB


def test_an_8b_on_a_cpu() -> None:
    """Guards the memory of a laptop: Llama 3.1 8B at 4 bits in about 5.5 GB, little more while it is loaded."""
    part = account(EIGHT, 4096, Holding("cpu", "4 bits"))
    assert part.linears == 32 * (4096 * 128 * 80 + 3 * 4096 * 14_336) * 5 // 8
    assert part.embedding == EIGHT.embedding * 17 // 16
    assert 5.3 * GB < part.weights < 5.7 * GB
    alone = needs([EIGHT], 4096, "cpu", weights="4 bits")
    assert alone.loading < 1.15 * part.weights
    assert (
        alone.total
        < needs([EIGHT], 4096, "cpu", weights="8 bits").total
        < needs([EIGHT], 4096, "cpu", weights="exact").total
    )


def test_a_tied_head_is_counted_where_it_is_a_copy() -> None:
    """Guards against counting a small tied head twice, and against forgetting the 4-bit copy of a large one."""
    tied = CATALOGUE["smollm2"].models["draft"].dimensions
    assert account(tied, 1).head == 0
    large = CATALOGUE["qwen3-8b"].models["draft"].dimensions
    assert account(large, 1).head == large.embedding * NF4 * 5 / 4


def test_no_level_holds_more_than_the_shortest(dimensions: Dimensions) -> None:
    """Guards against caches counted for tokens the smallest context of a set rules out."""
    short = dimensions.reaching(2048)
    assert needs([dimensions, short], 8192, "cuda").context == 2048
    assert longest([dimensions, short], "cuda", 1 << 40, 8192) == 2048


@pytest.fixture
def dimensions() -> Dimensions:
    """A model of a billion weights."""
    return CATALOGUE["llama-8b"].models["draft"].dimensions


def test_the_longest_context_fits_and_one_step_more_does_not(dimensions: Dimensions) -> None:
    """Guards the refusal's advice: what it says fits must fit by the same account."""
    free = needs([dimensions], 3000, "cuda").total
    fitting = longest([dimensions], "cuda", free, 8192)
    assert needs([dimensions], fitting, "cuda").total <= free < needs([dimensions], fitting + STEP, "cuda").total
    assert longest([dimensions], "cuda", needs([dimensions], LEAST - 1, "cuda").total, 8192) == 0


def test_a_refusal_names_the_numbers_and_what_would_fit() -> None:
    """Guards against “out of memory” after minutes of loading: the sentence comes before, with a way out."""
    levels = CATALOGUE["llama-8b"].dimensions
    asked = needs(levels, 16_384, "cuda")
    asked.require(asked.total)
    with pytest.raises(DeviceError) as shorter:
        asked.require(asked.total - 1)
    assert "16,384" in shorter.value.sentence
    assert "16,128 tokens" in shorter.value.hint
    with pytest.raises(DeviceError) as alone:
        asked.require(needs(levels[:1], 4096, "cuda").total)
    assert "alone" in alone.value.hint
    with pytest.raises(DeviceError) as none:
        asked.require(1 * GB)
    assert "smaller set" in none.value.hint


def test_loading_counts_the_matrix_that_is_there_twice() -> None:
    """Guards against a set that fits once loaded but dies of its head, unpacked, while it is."""
    wide = held_in(replace(EIGHT.architecture, vocabulary=500_000), ())
    asked = needs([wide], 1024, "cuda", runtime=0)
    assert asked.total == asked.loading > asked.weights + asked.caches + asked.workspace + asked.graphs
    tied = needs([held_in(replace(wide.architecture, tied_head=True), ())], 1024, "cuda", runtime=0)
    assert tied.loading == tied.weights + wide.embedding * 2  # the copy at 4 bits is made of one in 16


def test_a_dense_head_is_counted() -> None:
    """Guards against a set that fits by the account of a head in 4 bits, and is loaded with one in 16."""
    small, large = (needs([EIGHT], 1024, "cuda", dense_head=dense).weights for dense in (False, True))
    assert large - small == EIGHT.embedding * (2 - NF4) * 5 / 4
    assert needs([EIGHT], 1024, "cpu", dense_head=True) == replace(needs([EIGHT], 1024, "cpu"), dense_head=True)


def test_only_the_target_has_exits() -> None:
    """Guards against rows of a head copied for nobody, and against counting them."""
    target, draft = needs([EIGHT, EIGHT], 1024, "cuda").levels
    assert target.head - draft.head == EIGHT.embedding * NF4 / 4


def test_cuda_is_counted_once(dimensions: Dimensions) -> None:
    """Guards against counting CUDA's own memory again in a process that has started it."""
    cold, warm = (needs([dimensions], 1024, "cuda", runtime=runtime).total for runtime in (RUNTIME, LIBRARIES))
    assert cold - warm == CONTEXT
    assert needs([dimensions], 1024, "cpu").runtime == 0
