"""The drafters' recipe, from the first reply to the packed files."""

from __future__ import annotations

import json
from pathlib import Path

import drafters
from drafting import BLOCK

from engine.teaching.learner import STEPS

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
