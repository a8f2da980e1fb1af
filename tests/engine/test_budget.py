"""What a set may take of a device before it is loaded: sizes are the starter's, the free memory is made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.account import LEAST, LIBRARIES, longest, needs
from engine.budget import Budget
from engine.config import ModelSet, tiny_models
from engine.dimensions import read_dimensions
from engine.errors import CheckpointError, DeviceError
from tests.engine.family import write_model
from tests.engine.heads import write_head

SET = tiny_models()
ALL = [read_dimensions(SET.models[role]) for role in ("target", "qualifier", "draft")]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Let a GPU, which need not be there, have so many bytes free; it was never used."""
    given = {"bytes": 0}
    monkeypatch.setattr("engine.budget.free_memory", lambda _: given["bytes"])
    monkeypatch.setattr("torch.cuda.memory_stats", lambda _: {})
    return given


def test_a_conversation_is_as_long_as_the_whole_set_can_hold(free: dict[str, int]) -> None:
    """A target that takes what its draft needs leaves a set that was said to fit without its presets."""
    budget = Budget(SET, torch.device("cuda"))
    free["bytes"] = needs(ALL, 1500, "cuda", runtime=LIBRARIES).total
    assert budget.longest(8192) == longest(ALL, "cuda", free["bytes"], 8192, runtime=LIBRARIES) < 1536
    budget.require("draft", ("target", "qualifier"), budget.longest(8192))
    free["bytes"] = needs(ALL[:1], 1500, "cuda", runtime=LIBRARIES).total  # the target alone
    assert LEAST <= budget.longest(8192) < 1536
    free["bytes"] = 0
    assert budget.longest(8192) == 8192  # it will be refused with the numbers of what was asked for


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
        Budget(ModelSet("Uneven", {"target": SET.target, "draft": tmp_path}), torch.device("cuda")).longest(2000)
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
    assert LEAST <= headed.longest(8192) < bare.longest(8192) == 7168
    free["bytes"] = needs([level], LEAST, "cuda", runtime=LIBRARIES).total
    assert headed.longest(8192) == bare.longest(8192) == LEAST
    (head / "config.json").write_text("{}")
    assert headed.longest(8192) == LEAST, "what is wrong with it is said when it is asked for"


def test_a_broken_draft_is_no_reason_to_refuse_the_target(free: dict[str, int], tmp_path: Path) -> None:
    """Whoever asks for plain decoding must not hear of another model's folder."""
    free["bytes"] = 1 << 40
    budget = Budget(ModelSet("Torn", {"target": SET.target, "draft": tmp_path}), torch.device("cuda"))
    assert budget.longest(8192) == min(8192, ALL[0].context)
    with pytest.raises(CheckpointError):
        budget.require("draft", ("target",), 2048)
