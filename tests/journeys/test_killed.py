"""The program as a process, killed without warning in the middle of an answer, and started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.engine.family import write_model, write_tokenizer

ROOT = Path(__file__).parents[2]
LOST = 1.0  # seconds of an answer that may be lost


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a model that writes some dozen tokens a second and never ends by itself."""
    folder = tmp_path_factory.mktemp("slow")
    write_model(folder, 24, 256, write_tokenizer(folder), 1, context=8192)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.embed_tokens.weight"][:4] = 0  # the special tokens: never the likeliest
    save_file({name: tensor.to(torch.float32) for name, tensor in tensors.items()}, folder / "model.safetensors")
    return folder


def begin(home: Path, model: Path, *words: str) -> subprocess.Popen[str]:
    folders = {name: str(home) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    environment = os.environ | folders | {"HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("killed.py")), *words]
    options = ["--model", str(model), "--preset", "plain", "--temperature", "0", "--max-tokens", "8000"]
    return subprocess.Popen([*command, *options], cwd=home, env=environment, stdout=subprocess.PIPE, text=True)


def test_a_kill_loses_a_second_at_most_and_the_next_start_goes_on(tmp_path: Path, slow_model: Path) -> None:
    """Guards: an answer, a question or a draft lost to a crash; a start that does not offer to go on."""
    first = begin(tmp_path, slow_model, "ask", "Tell me everything.")
    assert first.stdout is not None
    seen: list[dict[str, Any]] = []
    began = 0.0
    for line in first.stdout:
        seen.append(json.loads(line))
        began = began or (seen[-1]["at"] if seen[-1]["text"] else 0.0)
        if began and seen[-1]["at"] > began + 2.2:
            break
    first.kill()
    killed = time.time()
    first.wait()
    first.stdout.close()
    second = begin(tmp_path, slow_model, "look")
    output, _ = second.communicate(timeout=90)
    found, after = (json.loads(line) for line in output.splitlines())
    assert second.returncode == 0
    question, saved = found["texts"]
    assert question == "Tell me everything."
    assert saved == found["rounds"]
    last = seen[-1]["text"]
    due = max((look["text"] for look in seen if look["at"] < killed - LOST), key=len)
    assert due
    assert saved.startswith(due)
    assert last.startswith(saved) or saved.startswith(last)
    assert found["status"].startswith("cut")
    assert found["draft"] == "and then"
    assert found["title"] == "Tell me everything."
    assert after["whole"] == after["shown"]
    assert after["whole"].startswith(saved)
    assert len(after["whole"]) > len(saved)
