"""The drafters' recipe, from the first reply to the packed files."""

from __future__ import annotations

import json
from pathlib import Path

import drafters
import torch
from drafting import BLOCK
from pack import pack
from safetensors.torch import load_file

from engine.architecture.drafters import ExitsShape, read_drafter
from engine.architecture.holding import Holding
from engine.events import finished
from engine.model import load
from engine.model.drafters.exits import load_exits
from engine.teaching.learner import STEPS
from engine.teaching.rounding import coded, decoded
from tests.engine.adapters import write_exits
from tests.engine.family import write_model

PACKED = ("card.json", "config.json", "model.safetensors")


def test_one_command_makes_both_drafters(target: Path, prompts: Path, tmp_path: Path) -> None:
    """Guards against a run on a rented machine that fails after its eighth minute."""
    out, packed = tmp_path / "out", tmp_path / "packed"
    given = ["--target", str(target), "--out", str(out), "--dry-run", "--few", "64"]
    place = ["--prompts", str(prompts), "--work", str(tmp_path / "work"), "--minutes", "0.01", "--writing", "0"]
    drafters.main([*given, *place, "--keep", "0"])
    for name, guesses in (("head", STEPS), ("block", BLOCK)):
        assert {file.name for file in (out / name).iterdir()} == {"card.json", "config.json", "state-1.safetensors"}
        card = json.loads((out / name / "card.json").read_text())
        assert card["courses"][0]["steps"] > 0
        assert len(card["held out"]["alone"]["overlap"]) == guesses
    drafters.main([*given, "--evaluate"])
    again = json.loads((out / "head" / "card.json").read_text())["held out"]
    assert again.keys() == card["held out"].keys()
    drafters.main([*given, "--pack", str(packed)])
    listed = json.loads((packed / "students.json").read_text())["files"]
    assert listed.keys() == {f"{name}/{file}" for name in drafters.KINDS for file in PACKED}
    more = ["--initial", str(out), "--only", "head", "--seed", "1"]
    drafters.main(["--target", str(target), "--out", str(tmp_path / "more"), "--dry-run", *place, *more])
    assert not (tmp_path / "more" / "block").exists()
    assert len(json.loads((tmp_path / "more" / "head" / "card.json").read_text())["courses"]) == 2


def test_what_the_engine_taught_is_packed(tmp_path: Path) -> None:
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
