"""A GGUF file goes into the library by the same door as a folder, and is a model like any other there."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf import GGMLQuantizationType as Kind

from engine.errors import UpdraftError
from engine.library import Library
from engine.library.gguf_files import gguf_name
from tests.engine.library.gguf.files import write
from tests.engine.library.test_asking import terminal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file that can be imported."""
    path = tmp_path / "mine" / "Tiny-Chat.Q6_K.gguf"
    path.parent.mkdir()
    write(path, "qwen2", Kind.Q6_K, values={"general.license": "apache-2.0"})
    return path


def test_a_file_is_imported(library: Library, file: Path) -> None:
    """A model that does not load, cannot be verified, or of which nobody says what became of its precision."""
    steps = list(library.take_in(file))
    shares = [step.done / step.total for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert steps[-1].note == "Its weights are kept at 4 or 8 bits, with hardly any loss."
    (model,) = library.models()
    assert (model.name, model.licence, model.source, model.whole) == ("Tiny-Chat.Q6_K", "apache-2.0", "folder", True)
    assert all(checked.good for checked in library.verify(model))
    assert not list(library.folder.rglob("*.part"))
    with pytest.raises(UpdraftError, match="already has a model named “Tiny-Chat"):
        list(library.take_in(file))
    list(library.take_in(file, "other"))
    assert {model.name for model in library.models()} == {"Tiny-Chat.Q6_K", "other"}


def test_an_import_that_is_stopped_leaves_nothing(library: Library, file: Path) -> None:
    """Gigabytes that nobody finds, or half a model that is offered."""
    steps = library.take_in(file)
    next(steps)
    steps.close()  # type: ignore[attr-defined] # of a generator
    assert not library.models()
    assert not [path for path in library.folder.rglob("*") if path.is_file() and path.suffix == ".safetensors"]
    list(library.take_in(file))
    assert len(library.models()) == 1


def test_a_folder_of_files_is_its_model(library: Library, file: Path) -> None:
    """The folder LM Studio keeps a model in, with the part for pictures beside it, refused."""
    (file.parent / "mmproj-f16.gguf").write_bytes(b"GGUF")
    list(library.take_in(file.parent))
    assert [model.name for model in library.models()] == ["Tiny-Chat.Q6_K"]
    (file.parent / "second.gguf").write_bytes(b"GGUF")
    with pytest.raises(UpdraftError, match="which has to be imported before it runs"):
        list(library.take_in(file.parent, "again"))


def test_what_is_no_model_is_refused_before_the_library_is_made(library: Library, tmp_path: Path) -> None:
    """A folder made for nothing."""
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    with pytest.raises(UpdraftError, match="is damaged or not a whole GGUF file"):
        list(library.take_in(tmp_path / "tiny.gguf"))
    assert not library.folder.exists()


@pytest.mark.parametrize(
    ("path", "said", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Smollm2 135M 8k", "SmolLM2-135M-Instruct.Q4_1"),
        ("ggml-model-Q4_K_M.gguf", "Tiny One", "Tiny-One"),
        ("sha256-0123abcd", "Tiny One", "Tiny-One"),
        ("model.gguf", None, "TheModel"),
    ],
)
def test_a_model_is_called_by_its_file(path: str, said: str | None, name: str, tmp_path: Path) -> None:
    """Every file of Ollama's called by its hash; a good name lost for a bad one inside the file."""
    assert gguf_name(tmp_path / "TheModel" / path, said) == name


def test_the_terminal_says_what_came_of_it(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Minutes without a word, and a loss that is not told."""
    assert terminal(tmp_path / "models", "import", str(file)) == 0
    said = capsys.readouterr().out
    assert "100 %" in said
    assert "Imported Tiny-Chat.Q6_K" in said
    assert "hardly any loss" in said
