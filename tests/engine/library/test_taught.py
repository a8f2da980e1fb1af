"""What a model was taught on this machine goes with it, wherever it lies and however it is opened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.library import Library
from engine.library.taught import KEPT, home_of, keep, taught_here, unlearn, with_taught
from tests.engine.pocket import pocket_models


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.library.taught.user_data_path", lambda *_, **__: tmp_path / "data")


def folder(place: Path, says: str = "{}") -> Path:
    place.mkdir(parents=True)
    (place / "config.json").write_text(says)
    (place / "model.safetensors").write_bytes(b"weights")
    return place


def test_a_set_has_what_its_target_was_taught(tmp_path: Path) -> None:
    target, old, made = (folder(tmp_path / name) for name in ("model", "old", "made"))
    before = ModelSet("A", {"target": target, "head": old})
    assert with_taught(before) == before
    kept = keep(target, "head", made)
    assert dict(with_taught(before).models) == {"target": target, "head": kept}
    assert (kept / "model.safetensors").read_bytes() == b"weights"
    moved = tmp_path / "elsewhere" / "model"
    shutil.move(target, moved)
    assert taught_here(moved) == {"head": kept}
    assert taught_here(folder(tmp_path / "other" / "model", '{"other": 1}')) == {}
    after = with_taught(ModelSet("A", {"target": moved}))
    assert after.models["head"] == kept
    unlearn(moved, "head")
    assert dict(with_taught(after).models) == {"target": moved}


def test_a_better_one_takes_the_place_of_the_former(tmp_path: Path) -> None:
    target = folder(tmp_path / "model")
    keep(target, "head", folder(tmp_path / "first", '{"n": 1}'))
    kept = keep(target, "head", folder(tmp_path / "second", '{"n": 2}'))
    assert (kept / "config.json").read_text() == '{"n": 2}'
    assert [each.name for each in (home_of(target) / KEPT).iterdir()] == ["head"]


def test_what_cannot_be_kept_changes_nothing(tmp_path: Path) -> None:
    target = folder(tmp_path / "model")
    kept = keep(target, "head", folder(tmp_path / "first", '{"n": 1}'))
    with pytest.raises(UpdraftError, match="cannot be used"):
        keep(target, "head", tmp_path / "gone")
    assert (kept / "config.json").read_text() == '{"n": 1}'


def test_the_library_offers_it(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "library.json")
    for _ in library.take_in(pocket_models().models["draft"], "Tiny"):
        pass
    (models,) = library.model_sets().values()
    kept = keep(models.target, "head", folder(tmp_path / "made"))
    (again,) = library.model_sets().values()
    assert again.models["head"] == kept
    assert library.set_named("Tiny").models["head"] == kept
    library.remove(library.model("Tiny"))
    assert not kept.exists()
