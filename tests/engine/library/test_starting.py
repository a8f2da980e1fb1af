"""The method a model set begins with: never exits that nobody trained, the catalogue's word where it has one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import ModelSet, tiny_models
from engine.library import CATALOGUE, CatalogueSet, starting_preset
from engine.library.starter import TITLE

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16, "intermediate_size": 32,
    "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 64,
}  # fmt: skip


def folder(place: Path, **more: object) -> Path:
    place.mkdir()
    (place / "config.json").write_text(json.dumps(CONFIG | more))
    return place


def test_by_what_a_set_is_made_of(tmp_path: Path) -> None:
    bare, trained = folder(tmp_path / "bare"), folder(tmp_path / "trained", early_exits=[1, 2])
    small = folder(tmp_path / "small")
    assert starting_preset(ModelSet.alone("bare", bare)).name == "lookup", "nobody trained its exits"
    assert starting_preset(ModelSet.alone("trained", trained)).name == "hispec"
    assert starting_preset(ModelSet("two", {"target": bare, "draft": small})).name == "draft"
    assert starting_preset(ModelSet("three", {"target": bare, "qualifier": small, "draft": small})).name == "hsd"
    assert starting_preset(tiny_models()).name == "hispec"


def test_the_starter_copies_what_was_said(tmp_path: Path) -> None:
    """Guards against a first chat slowed down by models that are there to be watched."""
    place = folder(tmp_path / "any")
    assert starting_preset(ModelSet(TITLE, {"target": place, "qualifier": place, "draft": place})).name == "lookup"


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.name)
def test_a_set_of_the_catalogue_begins_with_the_first_it_lists(tmp_path: Path, entry: CatalogueSet) -> None:
    place = folder(tmp_path / "any")
    models = ModelSet(entry.title, dict.fromkeys(entry.models, place))
    assert starting_preset(models).name == entry.presets[0]
    alone = ModelSet.alone(models.name, place)
    assert alone.runs(starting_preset(alone)), "what is there can run it"


def test_what_cannot_be_read_is_plain(tmp_path: Path) -> None:
    assert starting_preset(ModelSet.alone("gone", tmp_path / "gone")).name == "plain"
    (broken := tmp_path / "broken").mkdir()
    (broken / "config.json").write_text('{"model_type": ')
    assert starting_preset(ModelSet.alone("broken", broken)).name == "plain"
