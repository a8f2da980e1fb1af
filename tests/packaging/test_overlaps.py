"""What is said of how well the starter's drafters guess: by the pairs whose agreement is known."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path

import overlaps
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.teaching import beginning, saving
from engine.teaching.agreement import SHARP
from tests.engine.adapters import write_exits
from tests.engine.family import write_model, write_tokenizer


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Give a starter with a draft that is the starter itself, a qualifier that is not, a head and early exits."""
    target = tmp_path / "target"
    target.mkdir()
    vocabulary = write_tokenizer(target)
    write_model(target, layers=8, width=64, vocabulary=vocabulary, seed=1)
    shutil.copytree(target, tmp_path / "draft")
    shutil.copytree(target, tmp_path / "qualifier")
    write_model(tmp_path / "qualifier", layers=3, width=64, vocabulary=vocabulary, seed=2)
    own, shared = (load_file(folder / "model.safetensors") for folder in (tmp_path / "qualifier", target))
    name = "model.embed_tokens.weight"
    save_file(own | {name: shared[name]}, tmp_path / "qualifier" / "model.safetensors", metadata={"format": "pt"})
    frozen = overlaps.opened(target)
    saving.save(beginning.head(frozen, torch.arange(200)).drafter, tmp_path / "head", {}, four_bits=True)
    write_exits(tmp_path / "exits", frozen.shape, (1, 2))
    return tmp_path


def test_a_drafter_that_is_the_starter_agrees_with_it_wholly(models: Path) -> None:
    """Guards against laws of another temperature, of other places, or of another's head."""
    told = dict(overlaps.found(models, ["The fox", "The lazy dog"], 12))
    places = {pair: each["places"] for pair, each in told.items()}
    assert set(places) == {
        *("qualifier, starter", "draft, starter", "draft, qualifier"),
        *("head, starter", "exits, starter", "exit, next exit"),
    }
    assert len(set(places.values())) == 1
    assert told["draft, starter"]["overlap"] == told["draft, starter"]["greedy"] == [1.0]
    assert told["draft, qualifier"]["overlap"] == pytest.approx(told["qualifier, starter"]["overlap"], abs=1e-3)
    assert 0 < told["qualifier, starter"]["overlap"][0] < 0.9
    assert len(told["exits, starter"]["overlap"]) == 2
    assert len(told["head, starter"]["overlap"]) == 5


def test_only_what_is_held_out_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str], models: Path) -> None:
    file = tmp_path / "prompts.jsonl.xz"
    lines = [{"prompt": f"Why {number}?", **({"held": True} if number % 3 == 0 else {})} for number in range(9)]
    file.write_bytes(lzma.compress("\n".join(map(json.dumps, lines)).encode()))
    assert overlaps.held_out(file) == ["Why 0?", "Why 3?", "Why 6?"]
    assert len(overlaps.held_out(None)) > 20
    for role in ("qualifier", "head", "exits"):
        shutil.rmtree(models / role)
    overlaps.main(["--model", str(models), "--prompts", str(file), "--count", "2", "--longest", "6"])
    said = capsys.readouterr().out
    assert f"2 prompts, replies of up to 6 tokens, temperature {SHARP}" in said
    assert said.count("starter ") == 1
    assert "1.000" in said
