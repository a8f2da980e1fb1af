"""Whatever is no whole model of our families is refused in a sentence, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader, GGUFWriter

from engine.errors import UpdraftError
from engine.library.gguf import convert, prepare
from engine.library.gguf.reading import open_gguf
from engine.library.gguf_files import is_gguf
from tests.engine.library.gguf.files import write


def refusal(path: Path) -> str:
    """Return the sentence with which ``path`` is refused, having written nothing."""
    before = set(path.parent.iterdir())
    with pytest.raises(UpdraftError) as refused:
        next(convert(path, path.parent / "made"))
    assert refused.value.hint
    assert set(path.parent.iterdir()) == before
    assert refused.value.sentence.endswith(".")
    assert "\n" not in refused.value.sentence
    return refused.value.sentence


def tensor(name: str, *shape: int) -> Callable[[GGUFWriter], None]:
    """Return what adds a tensor to a file."""
    return lambda writer: writer.add_tensor(name, np.ones(shape, np.float32))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"general.type": "adapter"}, "is an adapter"),
        ({"general.type": "mmproj"}, "sees pictures"),
        ({"general.type": "imatrix"}, "of the kind “imatrix”"),
        ({"split.count": 3, "split.no": 1}, "is part 2 of 3 of a model"),
        ({"llama.expert_count": 8}, "asks for expert_count = 8"),
        ({"llama.logit_scale": 0.5}, "asks for logit_scale = 0.5"),
        ({"llama.rope.scaling.type": "longrope"}, "scales its positions by “longrope”"),
        ({"llama.rope.dimension_count": 32}, "only a part of each head"),
        ({"llama.attention.value_length": 32}, "keys and values of different widths"),
        ({"llama.attention.head_count_kv": [2, 1]}, "layers that differ in attention.head_count_kv"),
        ({"llama.block_count": None}, "does not say llama.block_count"),
        ({"llama.block_count": 3}, "lacks model.layers.2"),
        ({"llama.embedding_length": 128}, "does not have the shape"),
        ({"llama.attention.head_count": 0}, "num_attention_heads"),
    ],
)
def test_a_description_that_cannot_be(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    """Another model than the file describes, run without a word; or a traceback."""
    write(tmp_path / "tiny.gguf", values=values)
    assert words in refusal(tmp_path / "tiny.gguf")


@pytest.mark.parametrize("family", ["gemma3", "phi3", "mamba", "qwen2vl", "qwen3moe", "llama4", "bert", "clip"])
def test_other_families_are_named(family: str, tmp_path: Path) -> None:
    """A model of a family that Updraft lacks, taken for the nearest one it has."""
    write(tmp_path / "tiny.gguf", architecture=family)
    assert (f"“{family}”" in refusal(tmp_path / "tiny.gguf")) or family == "clip"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (tensor("v.patch_embd.weight", 4, 4), "sees pictures"),
        (tensor("blk.0.attn_q.weight.lora_a", 4, 4), "is an adapter"),
        (tensor("blk.0.ffn_gate_exps.weight", 2, 4, 4), "holds the tensor blk.0.ffn_gate_exps.weight"),
        (tensor("blk.9.nextn.eh_proj.weight", 4, 4), "holds the tensor blk.9.nextn"),
    ],
)
def test_tensors_that_have_no_place(change: Callable[[GGUFWriter], None], words: str, tmp_path: Path) -> None:
    """A part of the model left out in silence."""
    write(tmp_path / "tiny.gguf", change=change)
    assert words in refusal(tmp_path / "tiny.gguf")


def test_parts_and_other_orders_of_bytes(tmp_path: Path) -> None:
    """Every third layer imported as a whole model; numbers read backwards."""
    write(tmp_path / "tiny-00001-of-00003.gguf")
    assert "is part 1 of 3 of a model" in refusal(tmp_path / "tiny-00001-of-00003.gguf")
    (tmp_path / "tiny-00001-of-00003.gguf").unlink()
    write(tmp_path / "tiny.gguf", big=True)
    assert "another order of bytes" in refusal(tmp_path / "tiny.gguf")


@pytest.mark.parametrize("kept", [0, 3, 4, 20, 0.002, 0.01, 0.5, -1])
def test_a_file_cut_short(kept: float, tmp_path: Path) -> None:
    """An unfinished download read with rubbish at its end, or an error of the reader's own; wherever it was cut."""
    path = tmp_path / "tiny.gguf"
    write(path, kinds=Kind.Q4_0)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    assert "is damaged or not a whole GGUF file" in refusal(path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("count", [2**22 + 1, 2**40, 2**63])
def test_a_list_without_end_is_not_read(count: int, tmp_path: Path) -> None:
    """The memory filled by counting what lies behind the end of the file."""
    header = b"GGUF" + (3).to_bytes(4, "little") + (0).to_bytes(8, "little") + (1).to_bytes(8, "little")
    key = (1).to_bytes(8, "little") + b"a" + (9).to_bytes(4, "little")  # a list
    path = tmp_path / "tiny.gguf"
    path.write_bytes(header + key + (0).to_bytes(4, "little") + count.to_bytes(8, "little"))
    assert "without end" in refusal(path)


def test_lists_are_what_the_library_reads(tmp_path: Path) -> None:
    """Numbers or texts of a list shifted, by the reading at once that takes the place of the library's own."""
    path = tmp_path / "tiny.gguf"
    write(path, values={"a.numbers": [1.5, -2.0], "a.texts": ["", "ä", "b c"], "a.flags": [True, False]})
    gguf, theirs = open_gguf(path), GGUFReader(path)
    assert list(theirs.fields) == list(gguf.reader.fields)
    for key, field in theirs.fields.items():
        assert gguf.value(key) == field.contents()


@pytest.mark.parametrize("byte", range(4, 44, 3))
def test_a_damaged_head(byte: int, tmp_path: Path) -> None:
    """A traceback for a byte that is another one."""
    path = tmp_path / "tiny.gguf"
    write(path)
    content = bytearray(path.read_bytes())
    content[byte] ^= 0xFF
    path.write_bytes(content)
    refusal(path)


def test_what_is_no_gguf(tmp_path: Path) -> None:
    """A page of a browser's saved under the model's name."""
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"<!doctype html>")
    assert "does not begin as one" in refusal(path)
    assert "There is no file" in refusal(tmp_path / "nowhere.gguf")
    assert not is_gguf(tmp_path)


def test_a_file_of_ollamas_has_no_ending(tmp_path: Path) -> None:
    """Its store names files by their hash alone."""
    path = tmp_path / "sha256-0123"
    write(path)
    assert is_gguf(path)
    assert prepare(path).size > 0
    path.write_bytes(b"{}")
    assert not is_gguf(path)
