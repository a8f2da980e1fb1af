"""The method a model set begins with: never exits that nobody trained, the catalogue's word where it has one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.architecture.holding import Device
from engine.config import DRAFTERS, PRESETS, ModelSet
from engine.library import CATALOGUE, CatalogueSet, starting_preset
from engine.library.starter import TITLE

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16, "intermediate_size": 32,
    "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 64,
}  # fmt: skip
CHOSEN = {"head": "auto"}  # on a GPU auto was held against it


def folder(place: Path, **more: object) -> Path:
    place.mkdir()
    (place / "config.json").write_text(json.dumps(CONFIG | more))
    return place


def begins(models: ModelSet, device: Device = "cpu") -> str:
    return starting_preset(models, device).name


def test_by_what_a_set_is_made_of(tmp_path: Path) -> None:
    bare, trained = folder(tmp_path / "bare"), folder(tmp_path / "trained", early_exits=[1, 2])
    small = folder(tmp_path / "small")
    assert begins(ModelSet.alone("bare", bare)) == "lookup", "nobody trained its exits"
    assert begins(ModelSet.alone("trained", trained)) == "hispec"
    assert begins(ModelSet("taught", {"target": bare, "exits": small})) == "hispec"
    assert begins(ModelSet("two", {"target": bare, "draft": small})) == "draft"
    assert begins(ModelSet("three", {"target": bare, "qualifier": small, "draft": small})) == "hsd"


@pytest.mark.parametrize("role", sorted(DRAFTERS & PRESETS.keys()))
def test_a_drafter_is_begun_with_on_a_gpu_alone(tmp_path: Path, role: str) -> None:
    """Guards against a drafter that is fetched and then waits to be found, and one that slows a processor down."""
    bare = folder(tmp_path / "bare")
    models = ModelSet("mine", {"target": bare, "draft": bare, role: bare})
    assert (begins(models, "cuda"), begins(models, "cpu")) == (CHOSEN.get(role, role), "draft")


def test_the_starter_begins_with_what_was_measured(tmp_path: Path) -> None:
    """Guards against a first chat slowed down by models that are there to be watched."""
    place = folder(tmp_path / "any")
    models = dict.fromkeys(("target", "qualifier", "draft"), place)
    assert begins(ModelSet(TITLE, models), "cuda") == begins(ModelSet(TITLE, models), "cpu") == "lookup"
    models |= dict.fromkeys(DRAFTERS, place)
    assert (begins(ModelSet(TITLE, models), "cuda"), begins(ModelSet(TITLE, models), "cpu")) == ("auto", "lookup")


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.name)
def test_a_set_of_the_catalogue_begins_with_the_first_it_lists(tmp_path: Path, entry: CatalogueSet) -> None:
    place = folder(tmp_path / "any")
    whole = ModelSet(entry.title, dict.fromkeys([*entry.models, *(each.role for each in entry.drafters)], place))
    assert begins(whole, "cuda") == CHOSEN.get(entry.presets[0], entry.presets[0])
    models = ModelSet(entry.title, dict.fromkeys(entry.models, place))
    assert begins(models, "cuda") == begins(whole, "cpu") == next(n for n in entry.presets if n not in DRAFTERS)
    alone = ModelSet.alone(models.name, place)
    assert alone.runs(starting_preset(alone, "cuda")), "what is there can run it"


def test_what_cannot_be_read_is_plain(tmp_path: Path) -> None:
    assert begins(ModelSet.alone("gone", tmp_path / "gone")) == "plain"
    (broken := tmp_path / "broken").mkdir()
    (broken / "config.json").write_text('{"model_type": ')
    assert begins(ModelSet.alone("broken", broken), "cuda") == "plain"
