"""Folders somebody made to break the engine: each opens, or is refused in a sentence."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.session import Session
from tests.engine.family import finish, write_model, write_tokenizer

DEEP = b"[" * 200_000
# What is in no other test of one file: keys that only libraries read, and files beside config.json.
CASES: list[tuple[str, Any]] = [
    ("num_labels", 10**8),
    ("id2label", [1]),
    ("per_layer_config", 3),
    ("eos_token_id", {"a": 1}),
    ("eos_token_id", [[1]]),
    ("bos_token_id", 1.5),
    ("torch_dtype", "abc"),
    ("use_cache", "abc"),
    ("auto_map", {"AutoConfig": "evil.Config", "AutoTokenizer": ["evil.Tokenizer", None]}),
    ("tokenizer_class", "EvilTokenizer"),
    ("num_hidden_layers", 10**9),
    ("head_dim", 10**9),
    ("generation_config.json", DEEP),
    ("generation_config.json", b'{"eos_token_id": [[1]]}'),
    ("draft_vocabulary.json", DEEP),
    ("tokenizer.json", DEEP),
    ("tokenizer_config.json", DEEP),
]
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "draft_vocabulary.json")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder that opens."""
    folder = tmp_path_factory.mktemp("sound")
    write_model(folder, 2, 16, write_tokenizer(folder), 1)
    return folder


def opens(folder: Path) -> bool:
    """Open ``folder`` as a model set, or see it refused as everything must be: what happened, and what to do."""
    refused: UpdraftError | None = None
    try:
        finish(Session.open(ModelSet.alone("x", folder), "cpu")).close()
    except UpdraftError as error:
        refused = error
    assert refused is None or (refused.sentence and refused.hint)
    return refused is None


def test_a_sound_folder_opens(sound: Path) -> None:
    """Every case below refused for a reason that has nothing to do with it."""
    assert opens(sound)


@pytest.mark.parametrize(("where", "odd"), CASES)
def test_an_odd_value_is_no_traceback(sound: Path, tmp_path: Path, where: str, odd: Any) -> None:
    """A traceback, gigabytes of memory, or a program of the folder's own that runs."""
    folder = shutil.copytree(sound, tmp_path / "odd")
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    if isinstance(odd, bytes):
        (folder / where).write_bytes(odd)
    else:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, where: odd}))
    opens(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.skipif(os.name != "posix", reason="made with what only such systems have")
def test_a_pipe_is_never_waited_for(sound: Path, tmp_path: Path, name: str) -> None:
    """The engine's thread stopped for good by a file that never ends."""
    folder = shutil.copytree(sound, tmp_path / "odd")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    opens(folder)
