"""Drafters on the shelf: which set has which, and what they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import PRESETS, Role
from engine.errors import ModelSetError
from engine.library import CATALOGUE, Installed, Library
from engine.library.checkpoint_files import choose
from engine.library.faults import LibraryError
from engine.library.manifest import Entry, Manifest

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
