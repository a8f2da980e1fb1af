"""A converted file is the model it was: the same logits, the same tokens, whatever its weights are stored as."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter

from engine.library.faults import LibraryError
from engine.library.gguf import Conversion, convert, prepare
from engine.model import open_checkpoint
from engine.tokenizer import ChatTokenizer
from tests.engine.library.gguf.files import CONFIGS, config_in, write
from tests.engine.model.tiny import loaded, logits

TEXT = torch.arange(1, 280, 7)


def converted(source: Path, folder: Path) -> Conversion:
    """Convert ``source`` into ``folder`` to the end."""
    steps, told = convert(source, folder), [0.0]
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            assert told == sorted(told)
            assert told[-1] == 1.0
            conversion: Conversion = end.value
            return conversion


@pytest.mark.parametrize("variant", CONFIGS)
@pytest.mark.parametrize("kind", [Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0, Kind.Q4_0, Kind.Q4_1])
def test_what_is_kept_as_it_is_answers_as_transformers_does(variant: str, kind: Kind, tmp_path: Path) -> None:
    """Rows left in llama.cpp's order, nibbles swapped, biases or norms of another matrix, a head taken for tied."""
    reference = write(tmp_path / "tiny.gguf", variant, kind)
    conversion = converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    with torch.no_grad():
        expected = reference(TEXT[None]).logits[0]
    torch.testing.assert_close(logits(loaded(tmp_path / "tiny"), TEXT), expected, atol=2e-4, rtol=1e-4)
    assert "exactly as they are" in conversion.outcome


@pytest.mark.parametrize(
    ("kind", "off"),
    [
        (Kind.Q4_K, 1e-3),  # scales and minima rounded to float16
        (Kind.Q5_0, 0.02),  # of what is rounded to 8 bits, relative
        (Kind.Q5_1, 0.02),
        (Kind.Q5_K, 0.02),
        (Kind.Q6_K, 0.02),
        (Kind.Q2_K, 0.15),  # NF4
        (Kind.Q3_K, 0.15),
        (Kind.IQ4_NL, 0.15),
        (Kind.IQ4_XS, 0.15),
    ],
)
@pytest.mark.parametrize("variant", ["tied", "qwen3"])
def test_other_kinds_are_worth_nearly_the_same(variant: str, kind: Kind, off: float, tmp_path: Path) -> None:
    """Blocks of another layout read with the wrong scales; a loss that is not said, or larger than it has to be."""
    reference = write(tmp_path / "tiny.gguf", variant, kind)
    conversion = converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    model = loaded(tmp_path / "tiny")
    expected = reference.state_dict()
    mlp = expected["model.layers.1.mlp.down_proj.weight"]
    ours = model.blocks[1].down(torch.eye(mlp.shape[1])).T
    assert (ours - mlp).norm() / mlp.norm() < off
    embedding = expected["model.embed_tokens.weight"]
    assert (model.embedding - embedding).norm() / embedding.norm() < min(off, 0.02)
    said = {0.15: "compressed anew to 4 bits, with some loss"}.get(off, "hardly any loss")
    assert said in conversion.outcome
    assert said in (tmp_path / "tiny" / "README.md").read_text()


def test_one_file_may_hold_many_kinds(tmp_path: Path) -> None:
    """Q4_K_M and the like: matrices of one layer in several forms."""
    kinds = {"attn_v": Kind.Q8_0, "ffn_down": Kind.Q3_K, "token_embd": Kind.F16, "": Kind.Q4_1}
    reference = write(tmp_path / "tiny.gguf", "llama", kinds)
    converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    checkpoint = open_checkpoint(tmp_path / "tiny")
    layer = "model.layers.0"
    assert checkpoint.kept()[f"{layer}.mlp.down_proj.weight"] == "nf4"
    assert checkpoint.kept()[f"{layer}.self_attn.v_proj.weight"] in ("4 bits", "8 bits")
    value = loaded(tmp_path / "tiny").blocks[0].qkv(torch.eye(256)).T[-128:]
    torch.testing.assert_close(value, reference.state_dict()[f"{layer}.self_attn.v_proj.weight"], atol=1e-5, rtol=0)


def test_nf4_alone_is_bitsandbytes_own(tmp_path: Path) -> None:
    """A folder of NF4 that no other program reads, though it is stored as they have it."""
    from bitsandbytes.functional import QuantState, dequantize_4bit
    from safetensors.torch import load_file

    write(tmp_path / "tiny.gguf", "llama", Kind.Q3_K)
    converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    assert config_in(tmp_path / "tiny")["quantization_config"]["quant_method"] == "bitsandbytes"
    name = "model.layers.0.mlp.up_proj.weight"
    stored = load_file(tmp_path / "tiny" / "model.safetensors")
    state = QuantState.from_dict(
        {key: value for key, value in stored.items() if key.startswith(f"{name}.")}, torch.device("cpu")
    )
    theirs = dequantize_4bit(stored[name], state).float()
    ours = loaded(tmp_path / "tiny").blocks[0].gate_up(torch.eye(256)).T[256:]
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=1e-2)  # theirs is bfloat16


def rotation(*factors: float) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Return the tensor in which files hold Llama 3.1's scaling."""
    return {"rope_freqs.weight": np.array(factors, np.float32)}


LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def test_a_list_of_rotations_turns_as_llama3_does(tmp_path: Path) -> None:
    """Llama 3.1's long texts read with plain angles, because files hold its scaling as a tensor."""
    from engine.architecture import architecture_of, read_architecture

    config = CONFIGS["llama"].to_dict()
    plain = architecture_of({**config, "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0}}, "a").rope
    scaled = architecture_of({**config, "rope_parameters": LLAMA3}, "a").rope
    factors = rotation(*(a / b for a, b in zip(plain, scaled, strict=True)))

    def change(writer: GGUFWriter) -> None:
        for name, tensor in factors.items():
            writer.add_tensor(name, tensor)

    write(tmp_path / "tiny.gguf", change=change)
    converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    read = read_architecture(tmp_path / "tiny")
    assert read.rope == pytest.approx(scaled, rel=1e-6)
    assert (read.rope_scale, read.context) == (1.0, 128)


@pytest.mark.parametrize(
    ("values", "config"),
    [
        ({"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}, {"rope_type": "linear", "factor": 4}),
        (
            {
                "llama.rope.scaling.type": "yarn",
                "llama.rope.scaling.factor": 4.0,
                "llama.rope.scaling.original_context_length": 32,
            },
            {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 32},
        ),
        ({"llama.rope.freq_base": 500_000.0}, {"rope_type": "default", "rope_theta": 500_000.0}),
    ],
)
def test_scaled_positions_are_kept(values: dict[str, object], config: dict[str, object], tmp_path: Path) -> None:
    """A long context cut short, or stretched twice."""
    from engine.architecture import read_architecture

    write(tmp_path / "tiny.gguf", values=values)
    converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    assert config.items() <= config_in(tmp_path / "tiny")["rope_parameters"].items()
    assert read_architecture(tmp_path / "tiny").context == 128


def test_windows_and_numbers_are_kept(tmp_path: Path) -> None:
    """A Mistral that looks back on everything; an epsilon with a tail of float32; end tokens or suggestions lost."""
    values = {
        "llama.attention.sliding_window": 9,
        "general.sampling.temp": 0.5,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
    }
    write(tmp_path / "tiny.gguf", values=values)
    converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    config = config_in(tmp_path / "tiny")
    assert (config["model_type"], config["sliding_window"], config["rms_norm_eps"]) == ("mistral", 9, 1e-5)
    generation = json.loads((tmp_path / "tiny" / "generation_config.json").read_text())
    assert generation == {"temperature": 0.5, "bos_token_id": 259, "eos_token_id": [261, 259]}
    tokenizer = ChatTokenizer(tmp_path / "tiny")
    assert tokenizer.ends == {259, 261}
    assert tokenizer.render([("user", "the the")])[-1] == 261


def test_what_was_stopped_leaves_nothing(tmp_path: Path) -> None:
    """Half a model under a whole one's name, after a stop, a kill or a full disk."""
    write(tmp_path / "tiny.gguf", "llama", Kind.Q8_0)
    steps = convert(tmp_path / "tiny.gguf", tmp_path / "tiny")
    next(steps)
    assert not (tmp_path / "tiny").exists()
    steps.close()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.gguf"]
    left = tmp_path / "tiny.part"
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"half")
    converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny", "tiny.gguf"]
    with pytest.raises(LibraryError, match="is there already"):
        next(convert(tmp_path / "tiny.gguf", tmp_path / "tiny"))


def test_a_model_is_written_in_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows lost or doubled where one stretch ends and the next begins."""
    from engine.library.gguf import conversion

    write(tmp_path / "tiny.gguf", "tied", Kind.Q3_K)
    converted(tmp_path / "tiny.gguf", tmp_path / "whole")
    monkeypatch.setattr(
        conversion, "stretches", lambda rows, _: (slice(at, min(at + 10, rows)) for at in range(0, rows, 10))
    )
    converted(tmp_path / "tiny.gguf", tmp_path / "cut")
    name = "model.safetensors"
    assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_card_says_where_it_comes_from(tmp_path: Path) -> None:
    """A folder that nobody can tell from the file it was made of."""
    from hashlib import sha256

    path = tmp_path / "tiny.gguf"
    write(path, values={"general.name": "Tiny One", "general.license": "apache-2.0"}, kinds={"": Kind.Q4_0})
    conversion = prepare(path)
    converted(path, tmp_path / "tiny")
    card = (tmp_path / "tiny" / "README.md").read_text()
    assert "license: apache-2.0" in card
    assert "# Tiny One" in card
    assert sha256(path.read_bytes()).hexdigest() in card
    assert "| Q4_0 | 16 | 4 bits in groups | none |" in card
    assert (tmp_path / "tiny" / "model.safetensors").stat().st_size >= conversion.size
