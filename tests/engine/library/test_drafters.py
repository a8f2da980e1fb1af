"""Drafters on the shelf: which set has which, and what they are not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import PRESETS, Role, models_in
from engine.errors import CheckpointError, ModelSetError
from engine.library import CATALOGUE, Installed, Library
from engine.library.asking import BEST, wanted_for
from engine.library.checkpoint_files import choose
from engine.library.drafters import drafters_of
from engine.library.faults import LibraryError
from engine.library.manifest import Entry, Manifest
from tests.engine.library.conftest import Get, MemoryKeyring, checkpoint, head
from tests.engine.library.hub import FakeHub, Fault
from tests.engine.library.test_asking import terminal
from tests.engine.library.test_installed import source

QWEN, LLAMA = CATALOGUE["qwen3-8b-original"], CATALOGUE["llama-8b"]


def put(library: Library, repository: str, role: Role = "", serves: tuple[str, ...] = ()) -> Installed:
    """Put what counts as a complete model or drafter into ``library``."""
    manifest = Manifest(repository, "c" * 40, (Entry("config.json", 2),), complete=True, role=role, serves=serves)
    manifest.save(library.require())
    (manifest.folder(library.folder) / "config.json").write_text("{}")
    return library.model(repository)


def test_a_set_is_whole_without_its_drafter_and_has_it_once_it_is_there(library: Library) -> None:
    """Guards against a set that cannot be loaded until a drafter is there, or that does not find the one that is."""
    for model in QWEN.models.values():
        put(library, model.repository)
    assert not library.set_named(QWEN.name).runs(PRESETS["head"])
    head = put(library, QWEN.drafters[0].repository, QWEN.drafters[0].role)
    mine = put(library, "local/mine", "block", (QWEN.models["target"].repository,))
    found = library.model_sets()
    assert set(found) == {QWEN.name}, "a drafter is nothing to chat with"
    for models in (found[QWEN.name], library.set_named(QWEN.models["target"].repository)):
        assert (models.models["head"], models.models["block"]) == (head.folder, mine.folder)
    assert library.depending_on(head) == ()
    library.remove(head)
    assert "head" not in library.set_named(QWEN.name).models


def test_a_head_of_a_smaller_model_of_a_set_comes_with_it(library: Library) -> None:
    """Guards: the 8B's head, there for the 8B, left lying where the 8B guesses for a 70B."""
    large = CATALOGUE["llama-70b"]
    for model in large.models.values():
        put(library, model.repository)
    (made,) = drafters_of(large.models["qualifier"].repository)
    assert "qualifier-head" not in library.set_named(large.name).models
    head = put(library, made.repository, made.role)
    found = library.set_named(large.name)
    assert found.models["qualifier-head"] == head.folder
    assert found.smaller == {"qualifier", "draft"}
    assert "head" not in found.models


def test_a_drafter_of_another_model_is_left_alone(library: Library) -> None:
    target = put(library, QWEN.models["target"].repository)
    put(library, LLAMA.drafters[0].repository, "head")
    assert set(library.set_named(target.repository).models) == {"target"}
    with pytest.raises(ModelSetError, match="cannot chat by itself"):
        library.set_named(LLAMA.drafters[0].repository)


def test_what_a_drafter_is_stays_known_while_its_drive_is_away(library: Library, tmp_path: Path) -> None:
    there = put(library, "local/mine", "block", ("ada/tiny",))
    library.folder.rename(tmp_path / "unplugged")
    (away,) = Library.open(tmp_path / "library.json").models()
    assert away == replace(there, present=False)


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused_with_the_reason(file: str) -> None:
    """Guards against “has no safetensors weights” beside a file full of weights: what is wrong with that one?"""
    files = [Entry("config.json", 1), Entry(file, 1)]
    with pytest.raises(LibraryError, match="pickled weights alone"):
        choose(files, "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B", drafter=True)
    with pytest.raises(LibraryError, match=r"has no tokenizer\.json"):
        choose([Entry("config.json", 1), Entry("model.safetensors", 1)], "ada/head")
    chosen = choose([Entry("config.json", 1), Entry("model.safetensors", 1), *files], "ada/head", drafter=True)
    assert {entry.path for entry in chosen} == {"config.json", "model.safetensors"}


def folder_of(place: Path, files: dict[str, bytes]) -> Path:
    """Write ``files`` as a person would have them."""
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def test_a_drafter_comes_along_without_a_tokenizer(hub: FakeHub, get: Get, library: Library) -> None:
    """Guards against a drafter refused as half a model, taken for a model, or left behind on disk unpaired."""
    hub.publish("ada/head", {**head(), "pytorch_model.bin": b"never fetched"}, licence="mit")
    (told,) = get(drafters={"head": "ada/head"})[-1:]
    assert (told.state, told.say) == ("done", "Downloaded and verified.")
    assert told.have == told.size
    models = library.set_named("ada/tiny")
    assert set(models.models) == {"target", "head"}
    found = library.model("ada/head")
    assert (found.role, found.serves, found.licence) == ("head", ("ada/tiny",), "mit")
    assert all(checked.good for checked in library.verify(found))


def test_a_set_that_is_there_gets_its_drafter_later(hub: FakeHub, get: Get, library: Library) -> None:
    """Guards against models fetched again for the sake of a drafter."""
    get()
    asked = len(hub.asked("/resolve/"))
    hub.publish("ada/head", head())
    get(drafters={"head": "ada/head"})
    assert "head" in library.set_named("ada/tiny").models
    assert len(hub.asked("/resolve/")) == asked + 2


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (None, "no model named"),
        ({**checkpoint(3), "model.safetensors": b""}, "holds no drafter"),
        ({"config.json": b"{}", "pytorch_model.bin": b""}, "pickled weights alone"),
        (head(tokens=64), "was made for another model, with 64 tokens"),
        ({**head(), "model.safetensors": head(tokens=64)["model.safetensors"]}, "lm_head.weight as"),
    ],
)
def test_a_set_is_fetched_without_a_drafter_that_cannot_be_had(
    hub: FakeHub, get: Get, library: Library, files: dict[str, bytes] | None, words: str
) -> None:
    """Guards against a name in the catalogue that is wrong, and with it a whole set that cannot be had."""
    if files is not None:
        hub.publish("ada/head", files)
    (told,) = get(drafters={"head": "ada/head"})[-1:]
    assert told.state == "done"
    assert "It goes without its drafter ada/head: " in told.say
    assert words in told.say
    assert told.have == told.size
    assert [model.repository for model in library.models()] == ["ada/tiny"]
    assert library.unfinished() == ()


def test_a_network_that_fails_is_no_reason_to_go_without(hub: FakeHub, get: Get, library: Library) -> None:
    hub.publish("ada/head", head())
    hub.faults = [Fault("status", "ada/head", status=503, times=99)]
    with pytest.raises(LibraryError) as caught:
        get(drafters={"head": "ada/head"})
    assert caught.value.kind == "network"


@pytest.fixture
def two(library: Library, tmp_path: Path) -> Library:
    """A library with two models of one shape, “mine” and “other”, and one of another shape."""
    for name, tokens in (("mine", 40), ("other", 40), ("third", 64)):
        files = {path: raw for path, raw in checkpoint(7, tokens=tokens).items() if "/" not in path}
        list(library.take_in(folder_of(tmp_path / "given" / name, files)))
    return library


def served(library: Library, name: str) -> tuple[str, ...]:
    return library.model(name).serves


def test_a_drafter_finds_the_model_it_was_made_for(two: Library, tmp_path: Path) -> None:
    """Guards: paired with whatever has the same sizes, or asked for what its own config.json says."""
    named = folder_of(tmp_path / "named", head(made_for="somebody/Other"))
    list(two.add_drafter(named))
    assert served(two, "named") == ("local/other",)
    list(two.add_drafter(folder_of(tmp_path / "shaped", head(tokens=64))))
    assert served(two, "shaped") == ("local/third",)
    here, there = two.model("named").folder / "model.safetensors", named / "model.safetensors"
    assert here.samefile(there), "one copy on the disk"
    list(two.add_drafter(two.model("named").folder, "mine"))
    assert served(two, "named") == ("local/other", "local/mine")
    assert {"target", "head"} == set(two.set_named("mine").models)
    two.remove(two.model("named"))
    assert set(two.set_named("mine").models) == {"target"}
    assert there.exists()


@pytest.mark.parametrize(
    ("files", "to", "words"),
    [
        (head(), None, "suits mine and other|suits other and mine"),
        (head(), "gone", "“gone” is not installed"),
        (head(), "third", "was made for another model"),
        (head(tokens=50), None, "was made for another model"),
        (head(tokens=50, made_for="ada/far"), None, "was made for ada/far, and suits none"),
        ({**head(), "config.json": b"{}"}, None, "holds no drafter"),
        ({"config.json": head()["config.json"], "pytorch_model.bin": b""}, None, "a pickle"),
    ],
)
def test_what_cannot_be_paired_is_refused_and_leaves_nothing(
    two: Library, tmp_path: Path, files: dict[str, bytes], to: str | None, words: str
) -> None:
    before = two.models()
    with pytest.raises((LibraryError, CheckpointError), match=words):
        list(two.add_drafter(folder_of(tmp_path / "drafter", files), to))
    assert two.models() == before


def test_a_drafter_in_its_models_folder_comes_along(library: Library, tmp_path: Path) -> None:
    mine = source(tmp_path)
    folder_of(mine / "head", head())
    folder_of(mine / "notes", {"config.json": b"{}"})
    assert set(models_in(mine).models) == {"target", "head"}
    list(library.take_in(mine))
    assert set(library.set_named("mine").models) == {"target", "head"}
    assert library.model("mine-head").serves == ("local/mine",)
    other = tmp_path / "other"
    shutil.copytree(mine, other)
    (other / "head" / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(CheckpointError, match="holds no drafter"):
        list(library.take_in(other))
    assert len(library.models()) == 2, "nothing is copied of what is not whole"


def test_the_terminal_adds_and_lists_drafters(
    two: Library, tmp_path: Path, memory_keyring: MemoryKeyring, capsys: pytest.CaptureFixture[str]
) -> None:
    made = folder_of(tmp_path / "drafter", {**head(), "README.md": b"---\nlicense: apache-2.0\n---\n# A head\n"})
    assert terminal(two.folder, "add-drafter", str(made)) == 1
    assert "--to NAME" in capsys.readouterr().err
    assert terminal(two.folder, "add-drafter", str(made), "--to", "mine") == 0
    assert "drafter" in (said := capsys.readouterr().out)
    assert "apache-2.0) guesses ahead for local/mine now." in said
    assert terminal(two.folder, "add-drafter", "drafter", "--to", "other") == 0
    assert "guesses ahead for local/other now." in capsys.readouterr().out
    assert terminal(two.folder, "list") == 0
    listed = capsys.readouterr().out
    assert "guesses ahead for local/mine and local/other" in listed
    assert "published by Red Hat" in listed
    assert terminal(two.folder, "remove", "drafter") == 0
    assert set(two.set_named("mine").models) == {"target"}


def test_a_drafters_own_address_leads_to_its_model() -> None:
    """Guards: “has no tokenizer.json”, to somebody who found the right page."""
    with pytest.raises(ModelSetError, match="only guesses ahead for another model") as caught:
        wanted_for("https://huggingface.co/RedHatAI/Qwen3-8B-speculator.eagle3")
    assert "models get qwen3-8b --drafter head" in caught.value.hint
    roles = {which: [each.role for each in wanted_for("qwen3-8b", which)[1]][3:] for which in (BEST, "block", None)}
    assert roles == {BEST: ["head"], "block": ["block"], None: []}
    assert [each.role for each in wanted_for("Qwen/Qwen3-4B", "block")[1]] == ["target", "block"]
    assert [each.role for each in wanted_for("Qwen/Qwen3-4B")[1]] == ["target"]
    with pytest.raises(ModelSetError, match="no drafter “head” for Qwen3 4B"):
        wanted_for("qwen3-4b", "head")
