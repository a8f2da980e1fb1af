"""EAGLE-3 heads as they are published: every format read as its makers mean it, everything else refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.architecture import Architecture, read_architecture
from engine.architecture.drafters import HeadShape, read_drafter
from engine.config import ModelSet
from engine.errors import CheckpointError
from tests.engine.heads import FORMATS, KEY, SPOKEN, write_head


@pytest.fixture(scope="module")
def target(family: ModelSet) -> tuple[Architecture, dict[str, Tensor]]:
    return read_architecture(family.target), load_file(family.target / "model.safetensors")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read(name: str, target: tuple[Architecture, dict[str, Tensor]], tmp_path: Path) -> None:
    """An id off by one, a norm forgotten, a tensor counted that is the target's own."""
    written, made = write_head(tmp_path, name, target[1]), FORMATS[name]
    shape = read_drafter(tmp_path, target[0])
    assert isinstance(shape, HeadShape)
    assert shape.taps == made.taps
    assert shape.decoder.vocabulary == (made.spoken or target[0].vocabulary)
    copied = {"d2t", "t2d"} | ({"embed_tokens.weight"} if made.width == 32 else set())
    copied |= {"lm_head.weight"} if name == "deepspec" else set()
    assert shape.tensors() == {key: tuple(each.shape) for key, each in written.items() if key not in copied}
    options = shape.norm_before_residual, shape.norm_output
    assert options == (made.config.get("norm_before_residual", False), made.config.get("norm_output", False))


@pytest.mark.parametrize("layers", [8, 30, 32])
def test_layers_nobody_names_are_those_of_the_paper(
    layers: int, target: tuple[Architecture, dict[str, Tensor]], tmp_path: Path
) -> None:
    """Guards: the published default, written as inputs of layers."""
    write_head(tmp_path, "safeailab", target[1])
    deep = replace(target[0], layers=layers)
    assert read_drafter(tmp_path, deep).taps == (2, layers // 2, layers - 3)


def test_speculators_norms_before_the_residual_unless_told(
    target: tuple[Architecture, dict[str, Tensor]], tmp_path: Path
) -> None:
    """Old files of theirs leave the key out, and were trained with it."""
    write_head(tmp_path, "speculators", target[1])
    config = json.loads((tmp_path / "config.json").read_text())
    del config["norm_before_residual"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    shape = read_drafter(tmp_path, target[0])
    assert isinstance(shape, HeadShape)
    assert shape.norm_before_residual


def change(**changes: Any) -> Callable[[dict[str, Any], dict[str, Tensor]], None]:
    return lambda config, _tensors: config.update(changes)


def without(name: str) -> Callable[[dict[str, Any], dict[str, Tensor]], object]:
    return lambda _config, tensors: tensors.pop(name)


def tensor(**changes: Tensor) -> Callable[[dict[str, Any], dict[str, Tensor]], None]:
    return lambda _config, tensors: tensors.update(changes)


REFUSED = {
    "another target's width": (change(hidden_size=64), "numbers in a hidden state; this one has 32"),
    "another target's words": (change(vocab_size=128_256), "with 128,256 tokens"),
    "another target's depth": (change(num_target_layers=36), "with 36 layers; this one has 8"),
    "a layer that is not there": (change(eagle_config={KEY: [1, 4, 8]}), "reads what enters layers 2, 5, 9"),
    "ids that are none": (change(eagle_config={KEY: [1, "4"]}), "eagle_aux_hidden_state_layer_ids"),
    "ids and their number": (change(eagle_config={KEY: [1, 4]}, num_aux_hidden_states=3), "num_aux_hidden_states is 3"),
    "a number without ids": (change(num_aux_hidden_states=5), "does not say which layers"),
    "several layers": (change(num_hidden_layers=2), "heads of one layer only"),
    "no kind of ours": (change(architectures=["MedusaModel"], speculators_model_type="medusa"), "no drafter of a kind"),
    "norms of two kinds": (change(norm_before_fc=True, fc_norm=True), "fc_norm asks for other norms"),
    "norms it lacks": (change(fc_norm=True), "lacks the tensor fc_norm.0.weight"),
    "an activation": (change(hidden_act="gelu"), "SiLU only"),
    "a vocabulary too large": (change(draft_vocab_size=10_000), "draft_vocab_size"),
    "no words of its own": (without("d2t"), "lacks the tensor d2t"),
    "words of another length": (tensor(d2t=torch.zeros(4, dtype=torch.int64)), "holds d2t as I64"),
    "words that are no numbers": (tensor(d2t=torch.zeros(SPOKEN)), "holds d2t as F32"),
    "no head": (without("lm_head.weight"), "lacks the tensor lm_head.weight"),
    "something strange": (tensor(mask_hidden=torch.zeros(1, 96)), "mask_hidden, which config.json does not explain"),
    "another shape": (tensor(**{"fc.weight": torch.zeros(32, 64)}), "fc.weight as"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_cannot_be_is_refused(how: str, target: tuple[Architecture, dict[str, Tensor]], tmp_path: Path) -> None:
    """A sentence that names what is wrong and a hint, before a byte of weights is read."""
    tensors = write_head(tmp_path, "safeailab", target[1])
    config = json.loads((tmp_path / "config.json").read_text())
    spoil, said = REFUSED[how]
    spoil(config, tensors)
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=said) as refused:
        read_drafter(tmp_path, target[0])
    assert refused.value.hint


def test_a_head_of_another_model_names_its_own(target: tuple[Architecture, dict[str, Tensor]], tmp_path: Path) -> None:
    """What was asked for is known to the file: a person looks for that model next."""
    write_head(tmp_path, "speculators", target[1])
    with pytest.raises(CheckpointError) as refused:
        read_drafter(tmp_path, replace(target[0], width=64))
    assert "this one names somebody/a-model" in refused.value.hint


def test_pickled_weights_are_not_opened(target: tuple[Architecture, dict[str, Tensor]], tmp_path: Path) -> None:
    """Most heads of the authors are pickles; for some targets there is a repository with safetensors to be named."""
    write_head(tmp_path, "safeailab", target[1])
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    for model, named in ((target[0], ""), (replace(target[0], layers=32, width=4096), "RedHatAI/Llama-3.1-8B")):
        with pytest.raises(CheckpointError, match="a pickle") as refused:
            read_drafter(tmp_path, model)
        assert ("RedHatAI" in refused.value.hint) == bool(named)
        assert named in refused.value.hint


def test_what_is_no_safetensors_file_is_refused(target: tuple[Architecture, dict[str, Tensor]], tmp_path: Path) -> None:
    """A download cut short, or an error page in its place."""
    write_head(tmp_path, "safeailab", target[1])
    for content in (b"", b"<html>not found</html>" * 9, b"\xff" * 64):
        (tmp_path / "model.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError):
            read_drafter(tmp_path, target[0])
