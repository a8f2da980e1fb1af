"""Every way a folder can be wrong is found before its weights are used, and said with the file's name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from engine.errors import CheckpointError
from engine.model import open_checkpoint
from tests.engine.model.tiny import change_config, change_tensors, quantise, write_tensors

QUERY = "model.layers.1.self_attn.q_proj.weight"


def refusal(folder: Path) -> str:
    """Return the sentence with which ``folder`` is refused."""
    with pytest.raises(CheckpointError) as refused:
        open_checkpoint(folder)
    assert refused.value.hint
    return refused.value.sentence


def test_a_whole_folder_opens(llama: Path) -> None:
    """A sound checkpoint refused, or its size and shape told wrongly."""
    checkpoint = open_checkpoint(llama)
    assert checkpoint.architecture.layers == 5
    assert not checkpoint.kept()


def test_missing_things_are_named(llama: Path, tmp_path: Path) -> None:
    """A message that does not say which file to look for."""
    assert "nowhere" in refusal(tmp_path / "nowhere")
    (llama / "model.safetensors").unlink()
    assert "model.safetensors is missing" in refusal(llama)
    (llama / "config.json").unlink()
    assert "config.json" in refusal(llama)


def test_a_pickle_is_never_opened(llama: Path) -> None:
    """Weights in a format that can run code."""
    (llama / "model.safetensors").unlink()
    (llama / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert "pytorch_model.bin, a pickle" in refusal(llama)


@pytest.mark.parametrize("kept", [0, 5, 100, 0.5, -1])
def test_a_file_cut_short_is_refused(llama: Path, kept: float) -> None:
    """An unfinished download loaded with rubbish at its end, wherever it was cut."""
    file = llama / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    assert "model.safetensors" in refusal(llama)


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\nsize 123\n", b"\x93NUMPY" * 99])
def test_a_foreign_file_is_refused(llama: Path, content: bytes) -> None:
    """A pointer file or some other format under the right name."""
    (llama / "model.safetensors").write_bytes(content)
    assert "model.safetensors is damaged or not a safetensors file" in refusal(llama)


def test_a_longer_file_is_refused(llama: Path) -> None:
    """A file with bytes after its end, as a botched resume leaves it."""
    with (llama / "model.safetensors").open("ab") as file:
        file.write(b"more")
    assert "model.safetensors" in refusal(llama)


def test_tensors_that_do_not_fit_are_named(llama: Path) -> None:
    """Weights of another model under this model's description."""
    weight = load_file(llama / "model.safetensors")[QUERY]
    change_tensors(llama, {QUERY: None})
    assert f"lacks the tensor {QUERY}" in refusal(llama)
    change_tensors(llama, {QUERY: weight[:-1]})
    assert f"{QUERY} as [63, 64]" in refusal(llama)
    change_tensors(llama, {QUERY: weight.to(torch.float8_e4m3fn)})
    assert f"{QUERY} as F8_E4M3" in refusal(llama)
    change_tensors(llama, {QUERY: weight, "model.layers.1.self_attn.q_proj.lora_A": torch.ones(2)})
    assert "lora_A, which config.json does not explain" in refusal(llama)


def test_another_quantisation_is_recognised(llama: Path) -> None:
    """GPTQ and AWQ files whose description does not say so, refused without the reason."""
    change_tensors(llama, {QUERY: None, QUERY.replace("weight", "qweight"): torch.zeros(8, 64, dtype=torch.int32)})
    assert "GPTQ or AWQ" in refusal(llama)


def test_half_a_four_bit_matrix_is_refused(llama: Path) -> None:
    """A 4-bit matrix without its scales, or with too few codes."""
    quantise(llama, nested=False)
    packed = load_file(llama / "model.safetensors")
    change_tensors(llama, {f"{QUERY}.absmax": None})
    assert "without its absmax" in refusal(llama)
    change_tensors(llama, {f"{QUERY}.absmax": packed[f"{QUERY}.absmax"], QUERY: packed[QUERY][:-1]})
    assert f"4094 weights in {QUERY}" in refusal(llama)


def test_old_rotation_tables_are_no_strangers(llama: Path) -> None:
    """Early Llama checkpoints, which store the inverse frequencies in every layer, refused."""
    change_tensors(llama, {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)})
    open_checkpoint(llama)


def test_shards_must_all_be_there(checkpoint_of: Callable[[str], tuple[Path, PreTrainedModel]], tmp_path: Path) -> None:
    """A shard that is missing, cut short, or named outside the folder."""
    reference = checkpoint_of("llama")[1]
    reference.save_pretrained(tmp_path, max_shard_size="200KB")
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 2
    open_checkpoint(tmp_path)
    content = shards[1].read_bytes()
    shards[1].write_bytes(content[:-2])
    assert shards[1].name in refusal(tmp_path)
    shards[1].unlink()
    assert f"{shards[1].name} is missing" in refusal(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {QUERY: "../model.safetensors"}}))
    assert "outside of its folder" in refusal(tmp_path)
    for text in ("{}", '{"weight_map": {"a": 5}}', '{"weight_map": {"a": ""}}'):
        index.write_text(text)
        assert "names no files" in refusal(tmp_path)


def test_links_that_lead_nowhere_are_named(llama: Path) -> None:
    """A cache that was cleared: "no weights" for a file everybody can see in the folder."""
    weights = llama / "model.safetensors"
    weights.rename(llama / "blob")
    weights.symlink_to(llama / "blob")
    open_checkpoint(llama)
    (llama / "blob").unlink()
    assert refusal(llama) == f"{weights} is a link to {llama / 'blob'}, which is not there."


def test_an_embedding_model_is_called_one(llama: Path) -> None:
    """A model without a head, as embedding repositories store it, refused with the advice to download it once more."""
    tensors = load_file(llama / "model.safetensors")
    del tensors["lm_head.weight"]
    write_tensors(llama, {name.removeprefix("model."): tensor for name, tensor in tensors.items()})
    with pytest.raises(CheckpointError, match="looks like an embedding model") as refused:
        open_checkpoint(llama)
    assert "ownload" not in refused.value.hint


INDEX = "model.safetensors.index.json"


def header_of(tensors: int) -> bytes:
    """Return a safetensors file of ``tensors`` tensors without a number in them."""
    one = '"model.layers.%d.self_attn.q_proj.weight":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}'
    text = ("{" + ",".join(one % index for index in range(tensors)) + "}").encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", (2**63).to_bytes(8, "little") + b"{}"),
        ("model.safetensors", (10**8).to_bytes(8, "little") + b"{}"),
        ("model.safetensors", b"\0" * 8),
        ("model.safetensors", (2 * 10**5).to_bytes(8, "little") + b"[" * 2 * 10**5),
        ("model.safetensors", header_of(20_000)),
        ("config.json", b"[" * 10**6),
        ("config.json", b'{"a":' * 10**6),
        ("config.json", b'{"model_type": "llama", "vocab_size": 1' + b"0" * 5000 + b"}"),
        (INDEX, b"[" * 10**6),
        (INDEX, json.dumps({"weight_map": {"a": "x" * 5000}}).encode()),
        (INDEX, json.dumps({"weight_map": {"a": "\0.safetensors"}}).encode()),
        (INDEX, json.dumps({"weight_map": {"a": "\ud800"}}).encode()),
        (INDEX, json.dumps({"weight_map": {"a": ""}}).encode()),
        (INDEX, json.dumps({"weight_map": {"a": ".."}}).encode()),
        (INDEX, json.dumps({"weight_map": {"a": "/etc/passwd"}}).encode()),
        (INDEX, json.dumps({"weight_map": {"a": ["b"]}}).encode()),
    ],
)
def test_a_hostile_file_is_refused_in_a_sentence(llama: Path, name: str, content: bytes) -> None:
    """A traceback, or minutes of reading, for a file somebody made to cause them."""
    if name == INDEX:
        (llama / "model.safetensors").unlink()
    (llama / name).write_bytes(content)
    refusal(llama)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", INDEX])
@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "folder", "huge"])
@pytest.mark.skipif(os.name != "posix", reason="made with what only such systems have")
def test_what_is_no_file_is_never_opened(llama: Path, name: str, kind: str) -> None:
    """The window frozen for good by a pipe that nobody writes to, or memory filled from a device without an end."""
    if name == INDEX:
        (llama / "model.safetensors").unlink()
    place = llama / name
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "huge":
        with place.open("wb") as file:
            file.truncate(1 << 40)  # without a byte on disk
    else:
        place.symlink_to({"device": Path("/dev/zero"), "loop": place}[kind])
    refusal(llama)


def test_a_tied_head_may_be_written_out(llama: Path) -> None:
    """Checkpoints of tied models that store the head all the same, refused; or a head of the wrong size taken."""
    change_config(llama, tie_word_embeddings=True)
    open_checkpoint(llama)
    change_tensors(llama, {"lm_head.weight": torch.zeros(3, 64)})
    assert "lm_head.weight as [3, 64]" in refusal(llama)
