"""How the starter's drafters are made and packed: what is asked of the command, and what its files say."""

from __future__ import annotations

import json
from pathlib import Path

import fourbit
import make
import pytest
import torch
from bitsandbytes.functional import quantize_4bit
from pack import pack
from safetensors.torch import load_file

from engine.architecture.drafters import ExitsShape, read_drafter
from engine.architecture.holding import Holding
from engine.arguments import parser
from engine.events import finished
from engine.model import load
from engine.model.drafters.exits import load_exits
from engine.model.fourbit import read_nf4
from engine.model.kernels.backend import NF4
from engine.teaching.rounding import LEVELS, coded, decoded, rounded
from tests.engine.adapters import write_exits
from tests.engine.family import write_model

PACKED = ("card.json", "config.json", "model.safetensors")


@pytest.mark.parametrize("more", [[], ["--on"], ["--initial", "before", "--prompts", "p.txt"]])
def test_the_command_takes_what_is_asked_of_it(more: list[str]) -> None:
    """Guards against a run on a rented machine that fails at its first word."""
    reads = parser("", **dict.fromkeys(("ask", "chat", "bench", "teach"), lambda _: 0))
    for kind in make.KINDS:
        given = ["--model", "starter", "--work", "w", "--out", "o", "--minutes", "5", "--kinds", kind, *more]
        options = make.arguments(given)
        asked = reads.parse_args(make.call(options, kind)[2:])
        assert (asked.what, asked.minutes, asked.out) == (kind, 5, Path("w") / kind)
        assert asked.layers == make.LAYERS.get(kind)
        assert asked.fresh is not options.on
        assert asked.as_stored, "a processor runs the starter as it is stored"
        assert asked.initial == (options.initial)


def test_a_drafter_is_packed(tmp_path: Path) -> None:
    """Guards against weights that come out of the repository otherwise than they were judged."""
    made, packed = tmp_path / "made", tmp_path / "all" / "exits"
    (tmp_path / "target").mkdir()
    write_model(tmp_path / "target", layers=4, width=64, vocabulary=96, seed=1)
    model = finished(load(tmp_path / "target", torch.device("cpu")))
    weights = write_exits(made, model.architecture, (1, 2))
    (made / "card.json").write_text("{}")
    pack(made, packed)
    shape = read_drafter(packed, model.architecture)
    assert isinstance(shape, ExitsShape)
    adapters = load_exits(packed, shape, model, Holding("cpu", "exact"))
    wanted = weights["exits.2.mlp.down_proj.weight"]
    down = adapters[2].blocks[0].down
    torch.testing.assert_close(down(torch.eye(wanted.shape[1])).T, decoded(*coded(wanted)).view(wanted.shape))
    assert load_file(packed / "model.safetensors")["exits.1.norm.weight"].dtype == torch.float32
    listed = json.loads((packed.parent / "students.json").read_text())["files"]
    assert set(listed) == {f"exits/{file}" for file in PACKED}


def test_a_model_is_packed_without_its_embedding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against files too large for the repository, or an earlier model's layers left among those of a new one."""
    made, out = tmp_path / "work" / "draft", tmp_path / "out"
    made.mkdir(parents=True)
    write_model(made, layers=3, width=64, vocabulary=96, seed=1)
    (made / "card.json").write_text("{}")
    (made / "draft_vocabulary.json").write_text("[1, 5]")
    (out / "draft").mkdir(parents=True)
    (out / "draft" / "layers-7.safetensors").write_bytes(b"old")
    monkeypatch.setattr(fourbit, "SHARD", 40_000)
    make.main(["--work", str(made.parent), "--out", str(out), "--kinds", "draft", "--pack"])
    files = sorted(file.name for file in (out / "draft").iterdir())
    layers = [name for name in files if name.startswith("layers")]
    assert len(layers) > 1
    assert files == ["card.json", "config.json", "draft_vocabulary.json", *layers]
    assert set(json.loads((out / "students.json").read_text())["files"]) == {f"draft/{name}" for name in files}
    whole, found = load_file(made / "model.safetensors"), fourbit.restore(out / "draft")
    assert whole.keys() - found.keys() == {"model.embed_tokens.weight"}
    wanted = whole["model.layers.2.mlp.down_proj.weight"]
    torch.testing.assert_close(found["model.layers.2.mlp.down_proj.weight"], decoded(*coded(wanted)).view(wanted.shape))


def test_what_is_stored_is_what_was_rounded_and_what_bitsandbytes_reads(tmp_path: Path) -> None:
    """Guards against codes or scales in an order of our own."""
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(128, 192))
    fourbit.save({"a.weight": weight, "b.norm.weight": torch.ones(4)}, tmp_path)
    stored = load_file(tmp_path / "layers-1.safetensors")
    read = read_nf4(lambda part: stored[f"a.weight.{part}"], stored["a.weight"], (128, 192))
    with rounded([weight]):
        torch.testing.assert_close(read.dequantised().float(), weight.detach(), atol=2e-2, rtol=1e-2)
        assert torch.equal(fourbit.restore(tmp_path)["a.weight"], weight.detach())
    assert torch.equal(fourbit.restore(tmp_path)["b.norm.weight"], torch.ones(4))
    assert LEVELS == NF4
    packed, state = quantize_4bit(weight.detach(), blocksize=64, quant_type="nf4")
    assert (packed == stored["a.weight"]).float().mean() > 0.999  # scales are float16 numbers here
    torch.testing.assert_close(state.absmax, stored["a.weight.absmax"], atol=0, rtol=1e-3)
