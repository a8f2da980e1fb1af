"""What a set may take of a device before it is loaded: sizes are the pocket family's, the free memory is made up."""

from __future__ import annotations

import ctypes
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from engine.account import CONTEXT, LEAST, LIBRARIES, longest, needs
from engine.budget import Budget, free_memory, hand_back
from engine.config import DRAFTERS, INNER, ModelSet
from engine.dimensions import as_nf4, read_dimensions
from engine.errors import CheckpointError, DeviceError
from engine.gpus import CAP, Gpu, capped
from engine.library.shapes import LLAMA31_8B, LLAMA32_1B
from engine.placement import Host, Placement
from tests.engine.family import write_model
from tests.engine.heads import write_head, write_inner_head
from tests.engine.pocket import pocket_models

GB = 10**9
SET = pocket_models()
ALL = [read_dimensions(SET.models[role]) for role in ("target", "qualifier", "draft")]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Let a GPU, which need not be there, have so many bytes free, beside a large host; it was never used."""
    given = {"bytes": 0}
    monkeypatch.setattr("engine.budget.free_memory", lambda _: given["bytes"])
    monkeypatch.setattr("torch.cuda.memory_stats", lambda _: {})
    monkeypatch.setattr("engine.budget.host_memory", lambda: Host(1 << 40, 1 << 40))
    return given


def test_a_conversation_is_as_long_as_the_whole_set_can_hold(free: dict[str, int]) -> None:
    """A target that takes what its draft needs leaves a set that was said to fit without its presets."""
    budget = Budget(SET, torch.device("cuda"))
    free["bytes"] = needs(ALL, 1500, "cuda", runtime=LIBRARIES).total
    assert budget.place(8192)[0] == longest(ALL, "cuda", free["bytes"], 8192, runtime=LIBRARIES) < 1536
    budget.require("draft", ("target", "qualifier"), budget.place(8192)[0])
    free["bytes"] = needs(ALL[:1], 1500, "cuda", runtime=LIBRARIES).total  # the target alone
    assert LEAST <= budget.place(8192)[0] < 1536
    free["bytes"] = 0
    assert budget.place(8192)[0] == 8192  # it will be refused with the numbers of what was asked for


def test_what_does_not_fit_is_placed_with_the_host(free: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A card too small for the target keeps some of its layers beside the smaller models, which must fit afterwards;
    its first layers where the model can be left early.
    """
    eight = {SET.models[role]: as_nf4(LLAMA31_8B if role == "target" else LLAMA32_1B) for role in SET.models}
    monkeypatch.setattr("engine.budget.read_dimensions", eight.get)
    budget, asked = Budget(SET, torch.device("cuda")), partial(needs, tuple(eight.values()), device="cuda")
    for streamed in (20, 32):
        free["bytes"] = asked(4096, runtime=LIBRARIES, streamed=streamed).total
        room, placement = budget.place(4096)
        assert (room, placement) == (4096, Placement(32 - streamed, streamed, spread=True))
        budget.require("target", (), room, streamed)
        budget.require("draft", ("target", "qualifier"), room, streamed)
    whole = eight[SET.target]
    eight[SET.target] = replace(whole, architecture=replace(whole.architecture, exits=(4, 8)))
    assert budget.place(4096)[1] == Placement(0, 32)
    assert Budget(SET, torch.device("cpu")).place(4096) == (4096, Placement(32))
    eight[SET.target] = whole
    beside = needs([whole], 4096, "cuda", streamed=32).host
    monkeypatch.setattr("engine.budget.host_memory", lambda: Host(beside, 0))
    assert budget.place(4096)[1] == Placement(0, 32, spread=True)
    monkeypatch.setattr("engine.budget.host_memory", lambda: Host(beside - 1, 0))
    assert budget.place(4096)[1].streamed < 32, "smaller models make way"
    monkeypatch.setattr("engine.budget.host_memory", lambda: Host(1000, 1000))
    assert budget.place(4096)[1] == Placement(0, 32, spread=True), "refused with the numbers of the whole set"
    with pytest.raises(DeviceError, match=r"1\.0 kB are free"):
        budget.require("target", (), room, streamed)


def test_a_smaller_card_is_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the cap: the engine and the library count the same card, and neither is larger than the one there is."""
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (20 * GB, 24 * GB))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda _: 2 * GB)
    gpu = Gpu("RTX", "570", (8, 9), 24 * GB, 4 * GB, 20 * GB)
    for said, most in (("", 22 * GB), ("16", 16 * GB - CONTEXT), ("40", 22 * GB), ("much", 22 * GB), ("-1", 22 * GB)):
        monkeypatch.setenv(CAP, said)
        assert free_memory(torch.device("cuda")) == most
    assert capped([gpu], {CAP: "16"}) == (replace(gpu, total=16 * GB, free=16 * GB),)
    assert capped([gpu], {CAP: "40"}) == capped([gpu], {}) == (gpu,)


def test_what_comes_later_must_fit_beside_what_is_there(free: dict[str, int]) -> None:
    """A draft judged by itself fits nearly always, and ends the reply that first needs it."""
    budget = Budget(SET, torch.device("cuda"))
    free["bytes"] = needs(ALL[:2], 2048, "cuda", runtime=LIBRARIES).total
    budget.require("target", (), 2048)
    budget.require("qualifier", ("target",), 2048)
    with pytest.raises(DeviceError, match="2,048") as refused:
        budget.require("draft", ("target", "qualifier"), 2048)
    assert "shorter" in refused.value.hint


def test_on_a_cpu_what_is_loaded_is_no_longer_free(free: dict[str, int]) -> None:
    """Counting the target again would refuse a draft of a few megabytes."""
    budget = Budget(SET, torch.device("cpu"))
    whole, target = needs(ALL[:2], LEAST, "cpu"), needs(ALL[:1], LEAST, "cpu")
    free["bytes"] = whole.total - target.weights
    budget.require("qualifier", ("target",), LEAST)
    free["bytes"] -= 1
    with pytest.raises(DeviceError):
        budget.require("qualifier", ("target",), LEAST)


def test_a_draft_of_fewer_tokens_limits_its_own_presets_only(free: dict[str, int], tmp_path: Path) -> None:
    """HiSpec needs no draft, and must not end where the draft would."""
    config = json.loads((SET.target / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 1024}))
    free["bytes"] = 1 << 40
    assert (
        Budget(ModelSet("Uneven", {"target": SET.target, "draft": tmp_path}), torch.device("cuda")).place(2000)[0]
        == 2000
    )


def test_a_drafter_has_room_beside_the_conversation_or_is_done_without(free: dict[str, int], tmp_path: Path) -> None:
    """A conversation that takes all memory leaves a drafting head without any; one that needs too much takes it."""
    target, head = tmp_path / "target", tmp_path / "head"
    target.mkdir()
    write_model(target, 8, 32, 300, seed=1, context=8192)
    write_head(head, "speculators", load_file(target / "model.safetensors"))
    (level,), cuda = [read_dimensions(target)], torch.device("cuda")
    bare = Budget(ModelSet.alone("Bare", target), cuda)
    headed = Budget(ModelSet("Headed", {"target": target, "head": head}), cuda)
    free["bytes"] = needs([level], 7168, "cuda", runtime=LIBRARIES).total
    assert LEAST <= headed.place(8192)[0] < bare.place(8192)[0] == 7168
    free["bytes"] = needs([level], LEAST, "cuda", runtime=LIBRARIES).total
    assert headed.place(8192)[0] == bare.place(8192)[0] == LEAST
    (head / "config.json").write_text("{}")
    assert headed.place(8192)[0] == LEAST, "what is wrong with it is said when it is asked for"


def test_the_head_of_a_smaller_model_has_room_where_it_can_guess(free: dict[str, int], tmp_path: Path) -> None:
    """Below a target over the bus; elsewhere it is not loaded, and a conversation is no shorter for it."""
    models, cuda = {role: tmp_path / role for role in ("target", "qualifier")}, torch.device("cuda")
    for layers, folder in zip((8, 3), models.values(), strict=True):
        folder.mkdir()
        write_model(folder, layers, 32, 300, seed=1, context=8192)
    head = tmp_path / "qualifier-head"
    write_inner_head(head, models["qualifier"])
    headed = Budget(ModelSet("Headed", {**models, "qualifier-head": head}), cuda)
    free["bytes"] = needs([*map(read_dimensions, models.values())], 7168, "cuda", runtime=LIBRARIES).total
    assert headed.place(8192)[0] == Budget(ModelSet("Bare", models), cuda).place(8192)[0] == 7168
    assert headed._drafters(DRAFTERS | INNER.keys(), LEAST) > headed._drafters(DRAFTERS, LEAST) == 0


def test_a_broken_draft_is_no_reason_to_refuse_the_target(free: dict[str, int], tmp_path: Path) -> None:
    """Whoever asks for plain decoding must not hear of another model's folder."""
    free["bytes"] = 1 << 40
    budget = Budget(ModelSet("Torn", {"target": SET.target, "draft": tmp_path}), torch.device("cuda"))
    assert budget.place(8192)[0] == min(8192, ALL[0].context)
    with pytest.raises(CheckpointError):
        budget.require("draft", ("target",), 2048)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library keeps nothing"
)
def test_what_was_dropped_is_given_back() -> None:
    """Guards against a model that was unloaded for something else, and whose memory nothing else can have."""
    process = psutil.Process()
    pieces = [bytearray(b"x") * (1 << 16) for _ in range(2000)]
    pieces = pieces[-1:]  # it lies behind all others, so that these are not given back by themselves
    before = process.memory_info().rss
    hand_back()
    assert process.memory_info().rss < before - (1 << 26)
    assert pieces
