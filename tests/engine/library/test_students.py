"""The starter's smaller models put together: out of a checkout's files and the target's own embedding."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest
from gguf import GGMLQuantizationType
from safetensors.torch import load_file, save_file

from engine.architecture import read_architecture
from engine.config import PRESETS
from engine.errors import UpdraftError
from engine.library import embedding, starter, starter_models, students
from engine.library.vocabulary import check_shared
from engine.model import open_checkpoint
from tests.engine.adapters import write_exits
from tests.engine.heads import write_head_for
from tests.engine.library.gguf.files import write
from tests.engine.model.tiny import change_config


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the prepared starter of a person whose data lie in a folder of the test's own."""
    monkeypatch.setattr(starter, "user_data_path", lambda *_, **__: tmp_path / "data")
    monkeypatch.setattr(students, "source", lambda: tmp_path / "students")
    write(tmp_path / "model.gguf", "tied", GGMLQuantizationType.Q4_1)
    folder = tmp_path / "data" / "starter" / "SmolLM2-135M-Instruct-1"
    from engine.library.gguf import convert

    list(convert(tmp_path / "model.gguf", folder))
    return folder


@pytest.fixture
def checkout(target: Path, tmp_path: Path) -> Path:
    """Give what a checkout holds of two students: each the target's first layer, in two files."""
    place = tmp_path / "students"
    stored = load_file(target / "model.safetensors")
    own = {
        name: each for name, each in stored.items() if "layers.0." in name or ("norm" in name and "layers" not in name)
    }
    for role in students.ROLES:
        folder = place / role
        folder.mkdir(parents=True)
        shutil.copy(target / "config.json", folder)
        change_config(folder, num_hidden_layers=1)
        names = sorted(own)
        for number in (0, 1):
            save_file({name: own[name] for name in names[number::2]}, folder / f"layers-{number + 1}.safetensors")
    (place / "draft" / "draft_vocabulary.json").write_text("[5, 6]")
    list_files(place)
    return place


def list_files(place: Path) -> None:
    found = [file for file in place.rglob("*") if file.is_file() and file.name != students.LIST]
    digests = {file.relative_to(place).as_posix(): sha256(file.read_bytes()).hexdigest() for file in found}
    (place / students.LIST).write_text(json.dumps({"files": digests}))


def test_the_starter_is_a_family_where_the_checkout_has_one(target: Path, checkout: Path) -> None:
    """Guards: a draft that reads by another embedding; one made at every start; one put together twice."""
    assert set(starter_models().models) == {"target"}
    starter.add_students(checkout)
    models = starter_models()
    assert all(models.runs(PRESETS[name]) for name in ("draft", "hsd", "pyramid"))
    check_shared(dict(models.models))
    table = load_file(target / "model.safetensors")
    for role in students.ROLES:
        folder = models.models[role]
        assert open_checkpoint(folder).architecture.layers == 1
        kept = load_file(folder / embedding.FILE)
        assert kept
        assert all((kept[name] == table[name]).all() for name in kept)
        assert "SmolLM2-135M-Instruct" in (folder / "NOTICE").read_text()
    assert (models.models["draft"] / "draft_vocabulary.json").read_text() == "[5, 6]"
    made = (models.models["draft"] / "config.json").stat()
    starter.add_students(checkout)
    assert (models.models["draft"] / "config.json").stat() == made
    shutil.rmtree(checkout)
    assert set(starter_models().models) == {"target"}, "another checkout, one that has none"


def test_all_read_one_embedding(target: Path, checkout: Path) -> None:
    """Guards: 30 MB once more for every model of the family; a starter that reads otherwise than it did in one file."""
    before = load_file(target / "model.safetensors")
    for _ in range(2):
        embedding.set_apart(target)
    stored = open_checkpoint(target).stored
    assert set(stored) == set(before)
    assert all((load_file(each.file)[name] == before[name]).all() for name, each in stored.items())
    starter.add_students(checkout)
    shared = [(folder / embedding.FILE).stat().st_ino for folder in starter_models().models.values()]
    assert len(shared) == 3
    assert len(set(shared)) == 1


def test_a_drafter_that_reads_the_target_comes_with_the_others(target: Path, checkout: Path) -> None:
    """Guards: a head that set-up leaves behind, that is given an embedding of its own, or made for another model."""
    write_head_for(checkout / "head", read_architecture(target), spoken=3)
    write_exits(checkout / "exits", read_architecture(target), (1,))
    list_files(checkout)
    starter.add_students(checkout)
    models = starter_models()
    assert models.runs(PRESETS["head"])
    for role in ("head", "exits"):
        made = models.models[role]
        assert {file.name for file in made.iterdir()} >= {"config.json", "model.safetensors", "NOTICE"}
        assert not (made / embedding.FILE).exists()
    change_config(checkout / "head", vocab_size=5)
    list_files(checkout)
    with pytest.raises(UpdraftError, match="another model"):
        starter.add_students(checkout)


@pytest.mark.parametrize("wrong", ["changed", "gone", "of another model", "no tensors"])
def test_what_is_not_whole_makes_nothing(target: Path, checkout: Path, wrong: str) -> None:
    """Guards: half a family taken for one; a file that came broken, or without its content, found out in a chat."""
    file = checkout / "qualifier" / "layers-2.safetensors"
    if wrong == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"\0")
    elif wrong == "gone":
        file.unlink()
    elif wrong == "of another model":
        change_config(target, vocab_size=4)
    else:
        file.write_bytes(b"version https://git-lfs.github.com/spec/v1")
        listed = json.loads((checkout / students.LIST).read_text())
        listed["files"]["qualifier/layers-2.safetensors"] = sha256(file.read_bytes()).hexdigest()
        (checkout / students.LIST).write_text(json.dumps(listed))
    with pytest.raises(UpdraftError, match=r"is not whole|another model|is cut short"):
        starter.add_students(checkout)
    assert set(starter_models().models) == {"target"}
    assert {path.name for path in target.parent.iterdir()} == {target.name}


def test_the_checkout_holds_what_its_list_says() -> None:
    """Guards: weights changed without their list, which every set-up would refuse; a repository that swells."""
    place = Path(str(files("assets") / "starter"))
    students._check(place)
    listed = json.loads((place / students.LIST).read_text())["files"]
    found = [file for role in students.roles(place) for file in (place / role).iterdir()]
    assert set(listed) == {file.relative_to(place).as_posix() for file in found}
    sizes = [file.stat().st_size for file in found]
    assert max(sizes) < 20_000_000
    assert sum(sizes) < 40_000_000
    for role, layers in (("draft", 5), ("qualifier", 10)):
        assert read_architecture(place / role).layers == layers
