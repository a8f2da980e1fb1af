"""Folders somebody made to be imported: they lead nowhere else, and end in a sentence before anything is copied."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import UpdraftError
from engine.library import Library
from engine.library.checkpoint_files import check_safetensors, choose
from engine.library.faults import LibraryError
from engine.library.manifest import Entry
from engine.library.provenance import checkpoint_in, provenance
from tests.engine.library.conftest import checkpoint

WEIGHTS = "model.safetensors"
posix = pytest.mark.skipif(os.name != "posix", reason="made with what only such systems have")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that can be imported, to be damaged at will."""
    made = tmp_path / "mine"
    made.mkdir()
    for path, content in checkpoint(7).items():
        if "/" not in path:
            (made / path).write_bytes(content)
    return made


def settings(**changes: object) -> Callable[[Path], object]:
    """Return what writes a folder's config.json anew."""
    return lambda folder: (folder / "config.json").write_text(
        json.dumps({**json.loads((folder / "config.json").read_text()), **changes})
    )


def content(name: str, raw: bytes) -> Callable[[Path], object]:
    """Return what writes one file of a folder anew."""
    return lambda folder: (folder / name).write_bytes(raw)


def tensors(*names: str) -> bytes:
    """Return a safetensors file of tensors without a number in them."""
    text = json.dumps({name: {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]} for name in names}).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (settings(rope_scaling={"type": "linear"}), "lacks rope_scaling.factor"),
        (settings(hidden_act="gelu"), "hidden_act"),
        (settings(model_type=[]), "of no architecture"),
        (settings(quantization_config="nf4"), "quantization_config"),
        (settings(architectures=["Qwen3Model"]), "does not write"),
        (content("config.json", b"[" * 200_000), "cannot be read"),
        (content("config.json", b'{"a":' * 200_000), "cannot be read"),
        (content("modules.json", b"[]"), "is an embedding model, it does not write text"),
        (content("config_sentence_transformers.json", b"{}"), "is an embedding model, it does not write text"),
        (content(WEIGHTS, tensors("embed_tokens.weight")), "is an embedding model, it does not write text"),
        (content(WEIGHTS, tensors("model.layers.0.self_attn.q_proj.qweight")), "GPTQ or AWQ"),
        (content(WEIGHTS, tensors("base_model.model.lora_A.weight")), "not laid out as a language model's"),
        (content(WEIGHTS, tensors("model.embed_tokens.weight")), r"as \[0\], but config.json makes it \[40, 16\]"),
        (settings(num_hidden_layers=3), "lacks the tensor model.layers.2"),
        (settings(num_hidden_layers=1), "which config.json does not explain"),
        (content(WEIGHTS, struct.pack("<Q", 100_000) + b"[" * 100_000), "cut short"),
        (content(WEIGHTS, struct.pack("<Q", 2**63)), "cut short"),
    ],
)
def test_what_can_never_run_is_refused_before_it_is_copied(
    library: Library, folder: Path, harm: Callable[[Path], object], words: str
) -> None:
    """Gigabytes copied and hashed, and then no model; or a traceback."""
    harm(folder)
    with pytest.raises(UpdraftError, match=words):
        list(library.take_in(folder))
    assert not library.folder.exists()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ("config.json model-00001-of-00001.safetensors", "has no tokenizer.json"),
        ("config.json tokenizer.json model-00001-of-00001.safetensors", "has no model.safetensors.index.json"),
        (
            "config.json tokenizer.json model.safetensors.index.json model-00001-of-00003.safetensors "
            "model-00003-of-00003.safetensors",
            "has no model-00002-of-00003.safetensors",
        ),
        ("config.json tokenizer.json tiny.gguf", "has no safetensors weights"),
        ("tokenizer.json model.safetensors", "has no config.json"),
    ],
)
def test_what_is_missing_is_missed_before_the_rest_is_fetched(files: str, words: str) -> None:
    """Gigabytes of shards, and then no index, no tokenizer, or a shard that was never there."""
    with pytest.raises(LibraryError, match=words):
        choose([Entry(name, 1) for name in files.split()], "ada/tiny")


@posix
@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "README.md", "manifest.json", "refs/main"])
@pytest.mark.parametrize("kind", ["pipe", "device", "loop"])
def test_what_is_no_file_is_never_opened(library: Library, folder: Path, name: str, kind: str) -> None:
    """An import that waits for ever at a pipe, or reads a device without an end."""
    place = folder / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to({"device": Path("/dev/zero"), "loop": place}[kind])
    if name in {"config.json", WEIGHTS}:
        with pytest.raises(UpdraftError):
            list(library.take_in(folder))
        return
    list(library.take_in(folder))  # what only describes the model is left out
    assert not (library.models()[0].folder / name).exists() or name == "manifest.json"


@pytest.mark.parametrize("name", ["tokenizer.json", WEIGHTS])
@posix
def test_a_link_that_leads_nowhere_is_the_reason(library: Library, folder: Path, name: str) -> None:
    """A cache whose blobs were deleted said to have no tokenizer or no weights, though its files are there."""
    (folder / name).unlink()
    (folder / name).symlink_to("blobs/gone")
    with pytest.raises(UpdraftError, match=rf"{name} is a link to blobs.gone, which is not there"):
        list(library.take_in(folder))


def test_a_version_cannot_name_another_folder(tmp_path: Path, folder: Path) -> None:
    """Another folder taken in than the one that was chosen."""
    chosen = tmp_path / "models--ada--tiny"
    for each in ("refs", "snapshots"):
        (chosen / each).mkdir(parents=True)
    for told in ("../../mine", "..", "/", "\0", "", str(folder), "c" * 40):
        (chosen / "refs" / "main").write_text(told)
        assert checkpoint_in(chosen) == chosen
    (chosen / "refs" / "main").write_bytes(b"\xff\xfe")
    assert checkpoint_in(chosen) == chosen
    assert provenance(chosen / "snapshots" / "away").repository == ""


@posix
def test_only_a_folders_own_files_get_another_name(library: Library, folder: Path, tmp_path: Path) -> None:
    """A link to a file of the system that becomes a hard link to it, inside the library."""
    secret = tmp_path / "elsewhere" / "passwd"
    secret.parent.mkdir()
    secret.write_text("root")
    (folder / "README.md").symlink_to(secret)
    list(library.take_in(folder))
    (model,) = library.models()
    assert (model.folder / WEIGHTS).stat().st_ino == (folder / WEIGHTS).stat().st_ino
    assert (model.folder / "README.md").stat().st_ino != secret.stat().st_ino
    assert secret.stat().st_nlink == 1


def test_a_list_of_tensors_without_end_is_not_read(tmp_path: Path) -> None:
    """Gigabytes of memory for a header of a million tensors."""
    path = tmp_path / WEIGHTS
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 1 << 30))
        file.truncate(1 << 40)  # without a byte on disk
    with pytest.raises(LibraryError, match="not a safetensors file"):
        check_safetensors(path)
