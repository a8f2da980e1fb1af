"""A fake Hub with a tiny model family on it, and a library folder to put it in."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from engine.architecture import architecture_of
from engine.config import Role
from engine.library import Connection, Downloads, Library, Patience, Progress
from engine.library.hub import Hub
from engine.library.manifest import Manifest
from engine.library.protocol import Order, Wanted
from engine.library.status import Status
from engine.library.transfer import Transfer
from tests.engine.library.hub import FakeHub, fake_hub

FAST = Patience(quiet=0.3, silence=0.5, first=0.002, most=0.01, tries=6)
SIZE = 300_000  # of the weights, in bytes


def checkpoint(seed: int, tokens: int = 40, size: int = SIZE, family: str = "llama") -> dict[str, bytes]:
    """Return the files of a tiny model: a real configuration, tokenizer and safetensors file of random bytes."""
    config = {
        "model_type": family,
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "vocab_size": tokens,
        "max_position_embeddings": 128,
        "seed": seed,
    }
    vocabulary = {f"t{number}": number for number in range(tokens)}
    shapes = architecture_of({**config, "model_type": "llama"}, "tiny").tensors()
    held = 2 * sum(map(prod, shapes.values()))
    weights = weights_file({**shapes, "model.layers.0.self_attn.rotary_emb.inv_freq": ((size - held) // 2,)}, seed)
    return {
        "config.json": json.dumps(config).encode(),
        "tokenizer.json": json.dumps({"model": {"type": "BPE", "vocab": vocabulary}, "added_tokens": []}).encode(),
        "empty.txt": b"",
        "LICENSE": b"free\n",
        "model.safetensors": weights,
        "pytorch_model.bin": b"never fetched",
        "onnx/model.safetensors": b"never fetched",
    }


def head(tokens: int = 40, made_for: str = "") -> dict[str, bytes]:
    """Return the files of an EAGLE-3 head for ``checkpoint``: no tokenizer, as they are published."""
    layer = {
        "model_type": "llama",
        "num_hidden_layers": 1,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "vocab_size": tokens,
    }
    config = {
        "speculators_model_type": "eagle3",
        "transformer_layer_config": layer,
        "eagle_aux_hidden_state_layer_ids": [1, 2],
        "speculators_config": {"verifier": {"name_or_path": made_for}},
    }
    rows = {"self_attn.q_proj": 16, "self_attn.k_proj": 8, "self_attn.v_proj": 8}
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (16, 32), "norm.weight": (16,), "lm_head.weight": (tokens, 16)}
    shapes |= {f"layers.0.{name}.weight": (count, 32) for name, count in rows.items()}
    shapes |= {f"layers.0.mlp.{name}_proj.weight": (32, 16) for name in ("gate", "up")}
    shapes |= {"layers.0.mlp.down_proj.weight": (16, 32), "layers.0.self_attn.o_proj.weight": (16, 16)}
    norms = ("input_layernorm", "hidden_norm", "post_attention_layernorm")
    shapes |= {f"layers.0.{name}.weight": (16,) for name in norms}
    return {"config.json": json.dumps(config).encode(), "model.safetensors": weights_file(shapes, 3)}


def weights_file(shapes: Mapping[str, tuple[int, ...]], seed: int) -> bytes:
    """Return a safetensors file of random 16-bit numbers."""
    header, at = {}, 0
    for name, shape in shapes.items():
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at := at + 2 * prod(shape)]}
    listed = json.dumps(header).encode()
    return struct.pack("<Q", len(listed)) + listed + random.Random(seed).randbytes(at)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A fake Hub that holds ada/tiny."""
    with fake_hub() as running:
        running.publish("ada/tiny", checkpoint(1))
        yield running


Get = Callable[..., list[Progress]]


@pytest.fixture
def get(hub: FakeHub, tmp_path: Path) -> Get:
    """Run one transfer in this process and return what it told; errors come through."""

    def run(
        *repositories: str,
        token: str | None = None,
        free: Callable[[Path], int] = lambda _: 1 << 40,
        library: Path | None = None,
        patience: Patience = FAST,
        revision: str | None = None,
        drafters: Mapping[Role, str] | None = None,
    ) -> list[Progress]:
        wanted = tuple(Wanted("target", name, revision) for name in repositories or ("ada/tiny",))
        wanted += tuple(Wanted(role, name) for role, name in (drafters or {}).items())
        order = Order("get", "job", library or tmp_path / "models", wanted, token, patience, spare=0)
        told: list[Progress] = []
        with Status("job", patience.quiet, told.append) as status:
            Transfer(order, Hub(token, patience.silence, hub.address), status, free).run()
        return told

    return run


@pytest.fixture
def where(hub: FakeHub, tmp_path: Path) -> Callable[[str], Path]:
    """Return the folder in which a repository's newest commit belongs."""
    return lambda name: Manifest(name, hub.repositories[name].main, ()).folder(tmp_path / "models")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """An empty library with a record of its own."""
    return Library(tmp_path / "models", tmp_path / "library.json")


@pytest.fixture
def downloads(hub: FakeHub, library: Library) -> Iterator[Downloads]:
    """A queue whose downloader processes know the fake Hub only."""
    queue = Downloads(library, Connection(endpoint=hub.address), lambda: None, FAST, spare=0)
    yield queue
    queue.close()


class MemoryKeyring(KeyringBackend):
    """A keyring that forgets everything at the end of the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.kept.pop((service, username), None)


@pytest.fixture
def memory_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryKeyring]:
    """Replace the system's keyring."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    before, memory = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


__all__ = ["FAST", "SIZE", "Get", "MemoryKeyring", "checkpoint", "head"]
