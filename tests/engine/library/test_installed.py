"""What is on disk: verified offline, removed, moved, imported, and never forgotten because a drive is away."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import CheckpointError, ModelSetError
from engine.library import CATALOGUE, Library, LibraryError, check_shared
from engine.library.manifest import Entry, Manifest
from tests.engine.library.conftest import SIZE, Get, checkpoint
from tests.engine.library.hub import FakeHub, Fault

WEIGHTS = "model.safetensors"


@pytest.fixture
def filled(get: Get, library: Library) -> Library:
    """A library that holds ada/tiny."""
    library.require()
    get()
    return library


def source(tmp_path: Path, name: str = "mine", size: int = SIZE) -> Path:
    """A checkpoint folder as a person would have it."""
    folder = tmp_path / name
    folder.mkdir()
    for path, content in checkpoint(7, size=size).items():
        if "/" not in path:
            (folder / path).write_bytes(content)
    return folder


def test_lists_what_is_complete(filled: Library, hub: FakeHub, get: Get) -> None:
    """Guards against half a model in the list, and against its bytes being invisible."""
    hub.publish("ada/half", checkpoint(2))
    hub.faults = [Fault("cut", WEIGHTS, 5000), Fault("status", WEIGHTS, status=500, times=99)]
    with pytest.raises(LibraryError):
        get("ada/half")
    (model,) = filled.models()
    assert (model.repository, model.licence, model.whole, model.present) == ("ada/tiny", "apache-2.0", True, True)
    assert model.size == sum(each.size for each in Manifest.load(model.folder).files)
    ((repository, count),) = filled.unfinished()
    assert repository == "ada/half"
    assert count > 5000
    assert filled.discard("ada/half") == count
    assert filled.discard("ada/tiny") == 0
    assert filled.unfinished() == ()
    assert not (filled.folder / "ada" / "half").exists()
    assert filled.models() == (model,)


def test_a_move_keeps_downloads_out(filled: Library, tmp_path: Path) -> None:
    """Guards against moving a folder that a downloader is writing into."""
    with filled.idle(), pytest.raises(LibraryError) as caught:
        list(filled.move(tmp_path / "elsewhere"))
    assert caught.value.kind == "busy"
    assert len(filled.models()) == 1


def test_verify_finds_one_flipped_bit_and_only_that_file_is_fetched_again(
    filled: Library, hub: FakeHub, get: Get
) -> None:
    """Guards against a verification that looks at sizes, needs the network, or costs a whole new download."""
    (model,) = filled.models()
    assert all(checked.good for checked in filled.verify(model))
    before = len(hub.requests)
    path = model.folder / "tokenizer.json"
    raw = bytearray(path.read_bytes())
    raw[10] ^= 1
    path.write_bytes(raw)
    assert [checked.path for checked in filled.verify(model) if not checked.good] == ["tokenizer.json"]
    assert len(hub.requests) == before
    assert filled.models() == ()
    hub.served.clear()
    get()
    assert list(hub.served) == ["tokenizer.json"]
    assert filled.models()[0].whole


def test_missing_file_is_said(filled: Library) -> None:
    """Guards against loading a model from which somebody deleted a file."""
    (model,) = filled.models()
    (model.folder / WEIGHTS).unlink()
    assert not filled.models()[0].whole
    with pytest.raises(ModelSetError):
        filled.set_named("ada/tiny")


def test_drive_away_and_back(filled: Library, tmp_path: Path) -> None:
    """Guards against an unplugged drive wiping the list: it is shown as away, and nothing is written."""
    (model,) = filled.models()
    record = (tmp_path / "library.json").read_bytes()
    filled.folder.rename(tmp_path / "unplugged")
    for leftover_mount_point in (False, True):
        if leftover_mount_point:
            filled.folder.mkdir()
        away = Library.open(tmp_path / "library.json")
        assert not away.connected
        assert [(each.repository, each.present) for each in away.models()] == [("ada/tiny", False)]
        assert away.model_sets() == {}
        with pytest.raises(LibraryError, match="not there"):
            away.require()
        assert (tmp_path / "library.json").read_bytes() == record
    filled.folder.rmdir()
    (tmp_path / "unplugged").rename(filled.folder)
    assert Library.open(tmp_path / "library.json").models() == (model,)


def test_remove(filled: Library) -> None:
    """Guards against empty folders and stale entries after a removal."""
    filled.remove(filled.model("ADA/tiny"))
    assert filled.models() == ()
    assert {path.name for path in filled.folder.iterdir()} <= {".updraft-library"}


def test_use_is_noted(filled: Library) -> None:
    """Guards the page that shows which models have not been used for long."""
    (model,) = filled.models()
    assert model.used is None
    filled.mark_used(model.folder)
    assert filled.models()[0].used == pytest.approx(model.added, abs=60)
    filled.mark_used(filled.folder.parent / "elsewhere")  # the starter models lie outside of it


def test_move(filled: Library, tmp_path: Path) -> None:
    """Guards against a move that leaves copies, loses the record, or is forgotten at the next start."""
    target = tmp_path / "größer" / "new place"
    (filled.folder / "downloads.json").write_text('{"jobs": []}')  # as real downloads leave them
    (filled.folder / ".downloading.json").write_text("{}")
    steps = list(filled.move(target))
    assert steps[-1].done == steps[-1].total
    assert steps[-1].what == "tiny"
    (model,) = Library.open(tmp_path / "library.json").models()
    assert model.folder.is_relative_to(target)
    assert all(checked.good for checked in filled.verify(model))
    assert not (tmp_path / "models").exists()
    assert (target / "downloads.json").exists()
    with pytest.raises(LibraryError, match="is inside the present folder"):
        list(filled.move(target / "inside"))


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A second disk of 4 MB."""
    mounted = tmp_path / "other"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mounted)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs more rights")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def test_move_to_another_disk_survives_being_stopped(
    filled: Library, hub: FakeHub, get: Get, other_disk: Path, tmp_path: Path
) -> None:
    """Guards against losing models when a move is stopped half way: each is on one disk or the other, whole."""
    hub.publish("ada/two", checkpoint(2))
    get("ada/two")
    for step in filled.move(other_disk / "models"):
        assert step.what in {f"{step.path} of tiny", f"{step.path} of two"}
        break  # leaving a generator closes it
    assert len(filled.models()) == 2
    list(filled.move(other_disk / "models"))
    moved = Library.open(tmp_path / "library.json")
    assert {model.repository for model in moved.models()} == {"ada/tiny", "ada/two"}
    assert all(checked.good for model in moved.models() for checked in moved.verify(model))
    assert not (tmp_path / "models").exists()


def test_import_of_a_folder(library: Library, tmp_path: Path) -> None:
    """Guards against a second copy on disk, and against an import that cannot be verified later."""
    folder = source(tmp_path, "my models ü")
    steps = list(library.take_in(folder))
    assert steps[-1].done == steps[-1].total
    (model,) = library.models()
    assert (model.repository, model.source) == ("local/my-models-ü", "folder")
    assert (model.folder / WEIGHTS).stat().st_ino == (folder / WEIGHTS).stat().st_ino
    assert not (model.folder / "pytorch_model.bin").exists()
    assert all(checked.good for checked in library.verify(model))
    assert model.dimensions.architecture.layers == 2


def cached(home: Path, name: str) -> Path:
    """Lay a checkpoint out as the Hub's client caches it: links to files that are named by their hashes."""
    folder, blobs = home / name / "snapshots" / ("c" * 40), home / name / "blobs"
    for each in (folder, blobs, home / name / "refs"):
        each.mkdir(parents=True)
    (home / name / "refs" / "main").write_text("c" * 40)
    for path, content in checkpoint(1).items():
        if "/" not in path:
            large = path.endswith(".safetensors")
            git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
            blob = blobs / (hashlib.sha256(content) if large else git).hexdigest()
            blob.write_bytes(content)
            (folder / path).symlink_to(blob)
    return home / name


def test_import_from_the_hub_clients_cache(library: Library, tmp_path: Path) -> None:
    """Guards against downloading again what another program fetched, and against importing it damaged."""
    home = cached(tmp_path, "models--ada--tiny")
    steps = list(library.take_in(home))
    assert all(step.compared for step in steps)
    (model,) = library.models()
    assert (model.repository, model.revision, model.source) == ("ada/tiny", "c" * 40, "folder")
    library.remove(model)
    weights = home / "snapshots" / ("c" * 40) / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)
    with pytest.raises(LibraryError, match="is damaged"):
        list(library.take_in(home))
    assert library.models() == ()
    assert not list(library.folder.rglob("*.json"))


def test_import_from_another_library(filled: Library, tmp_path: Path) -> None:
    """Guards against a model brought on a stick from another machine that counts as a stranger here."""
    (there,) = filled.models()
    here = Library(tmp_path / "second", tmp_path / "second.json")
    assert all(step.compared for step in here.take_in(there.folder))
    assert [model.repository for model in here.models()] == ["ada/tiny"]


def test_import_of_a_folder_the_download_command_wrote(library: Library, tmp_path: Path) -> None:
    """Guards against unchecked bytes where their hash lies beside them, in a file of its own."""
    folder = source(tmp_path)
    notes = folder / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True)
    (notes / f"{WEIGHTS}.metadata").write_text(f"{'c' * 40}\n{'0' * 64}\n1700000000.0\n")
    with pytest.raises(LibraryError, match="is damaged"):
        list(library.take_in(folder))
    sha256 = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    (notes / f"{WEIGHTS}.metadata").write_text(f"{'c' * 40}\n{sha256}\n1700000000.0\n")
    steps = list(library.take_in(folder))
    assert {step.path for step in steps if step.compared} == {WEIGHTS}


def test_an_import_that_is_stopped_leaves_nothing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against a Stop that waits for the end of a file of gigabytes, and against half a model left for ever."""
    monkeypatch.setattr("engine.library.copying.STRETCH", 1 << 20)
    monkeypatch.setattr("engine.library.copying._linked", lambda *_: False)
    steps = library.take_in(source(tmp_path, "large", 3 << 20))
    assert next(step for step in steps if step.path == WEIGHTS).done < 2 << 20
    assert list(library.folder.rglob("*.part"))
    steps.close()  # type: ignore[attr-defined]
    assert not list(library.folder.rglob("*.*s*n"))


def test_import_refuses_what_cannot_be_loaded(library: Library, tmp_path: Path) -> None:
    """Guards against importing a truncated or foreign folder."""
    folder = source(tmp_path, "cut")
    weights = folder / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(LibraryError, match="cut short"):
        list(library.take_in(folder))
    weights.unlink()
    with pytest.raises(LibraryError, match="pickled weights alone"):
        list(library.take_in(folder))
    with pytest.raises(LibraryError, match="cannot be used"):
        list(library.take_in(tmp_path / "nowhere"))
    foreign = source(tmp_path, "foreign")
    (foreign / "config.json").write_text(json.dumps({"model_type": "mamba"}))
    with pytest.raises(CheckpointError, match="mamba"):
        list(library.take_in(foreign))
    assert library.models() == ()


def test_sets_of_the_catalogue(library: Library, hub: FakeHub, get: Get) -> None:
    """Guards against offering a hierarchy of which a level is missing, and against hiding a lone model."""
    models = CATALOGUE["smollm2"].models
    library.require()
    for seed, model in enumerate(models.values()):
        hub.publish(model.repository, checkpoint(seed))
    get(models["target"].repository)
    assert list(library.model_sets()) == [models["target"].repository]
    get(*(model.repository for model in models.values()))
    found = library.model_sets()["smollm2"]
    assert found.name == "SmolLM2 1.7B", "a person would be shown the catalogue's own name for it"
    assert found == library.set_named("smollm2") == library.set_named("SmolLM2 1.7B")
    qualifier = models["qualifier"].repository
    assert models["target"].repository in library.model_sets(), "it was got by itself, and has left the list"
    assert qualifier not in library.model_sets(), "nobody asked for it by itself"
    assert library.set_named(qualifier).target == library.model(qualifier).folder
    library.mark_used(library.model(qualifier).folder, alone=True)
    assert qualifier in library.model_sets()
    assert all(library.model(models[role].repository).folder == found.models[role] for role in models)


def test_a_set_that_has_lost_a_level_is_known(library: Library, hub: FakeHub, get: Get) -> None:
    """Guards against a set that vanishes without a word when one of its models is deleted."""
    models = CATALOGUE["smollm2"].models
    library.require()
    for seed, model in enumerate(models.values()):
        hub.publish(model.repository, checkpoint(seed))
    get(*(model.repository for model in models.values()))
    draft = library.model(models["draft"].repository)
    assert library.depending_on(draft)[0] == "SmolLM2 1.7B"
    assert library.lacking() == {}
    library.remove(draft)
    assert library.lacking()["smollm2"] == (draft.repository,)
    assert "smollm2" not in library.model_sets()
    assert library.depending_on(library.model(models["qualifier"].repository)) == ()


def test_rename(filled: Library, tmp_path: Path) -> None:
    """Guards against two models of one name, and against conversations that lose theirs."""
    list(filled.take_in(source(tmp_path, "bf16")))
    (imported,) = [model for model in filled.models() if model.source == "folder"]
    renamed = filled.rename(imported, "  My   model ü ")
    assert (renamed.name, renamed.key) == ("My model ü", imported.key)
    assert filled.set_named("my model ü").name == "My model ü"
    assert filled.model_sets()[imported.repository].name == "My model ü"
    for former in (imported.name, imported.repository, imported.key):
        assert filled.model(former).folder == imported.folder
        assert filled.set_named(former).target == imported.folder
    again = filled.rename(renamed, "Other")
    assert filled.model("my model ü").key == again.key
    for taken in ("ada/tiny", "ADA/tiny"):
        with pytest.raises(LibraryError, match="Another model"):
            filled.rename(again, taken)
    for odd in ("", "  ", "a\x1b[2Jb", "x" * 81, "a\u202eb"):
        with pytest.raises(LibraryError, match="cannot be the name"):
            filled.rename(again, odd)
    assert filled.rename(again, imported.name).title == "", "its own name needs no other"
    assert all(checked.good for checked in filled.verify(filled.model(imported.key)))


@pytest.mark.parametrize(
    ("folder", "beside", "expected"),
    [
        ("My Llama", {}, "My-Llama"),
        ("bf16", {"config": "HuggingFaceTB/SmolLM2-135M"}, "SmolLM2-135M"),
        ("bf16", {"config": "C:\\models\\Phi-Ada"}, "Phi-Ada"),
        ("c" * 40, {"config": "/runs/checkpoint-500"}, "above"),
        ("snapshot", {"card": "---\nlicense: mit\nmodel_name: Ada Chat\n---\n# Something"}, "Ada-Chat"),
        ("fp16", {"card": "# SmolLM2 tuned #\ntext"}, "SmolLM2-tuned"),
        ("model", {}, "above"),
        ("models--ada--tiny/snapshots/main", {}, "tiny"),
        ("CON", {}, "above"),
    ],
)
def test_imports_are_named_after_what_they_are(
    library: Library, tmp_path: Path, folder: str, beside: dict[str, str], expected: str
) -> None:
    """Guards against a list of models that are all called "bf16", or by a hash."""
    made = source(tmp_path, "made")
    home = tmp_path / "above" / folder
    home.parent.mkdir(parents=True)
    made.rename(home)
    if "config" in beside:
        config = json.loads((home / "config.json").read_text())
        (home / "config.json").write_text(json.dumps({**config, "_name_or_path": beside["config"]}))
    if "card" in beside:
        (home / "README.md").write_text(beside["card"])
    list(library.take_in(home))
    assert [model.repository for model in library.models()] == [f"local/{expected}"]


@pytest.mark.parametrize("name", ["nul", "COM1", "con.txt", "x" * 300])
def test_imports_take_no_reserved_name(library: Library, tmp_path: Path, name: str) -> None:
    """Guards against a folder that another system cannot open."""
    with pytest.raises(LibraryError, match="cannot be the name"):
        list(library.take_in(source(tmp_path), name))
    assert not list(library.folder.rglob("*.json"))


def test_a_move_knows_what_it_needs(filled: Library, other_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a move that fills the other disk past what is left to others, and one that forgets a date."""
    (model,) = filled.models()
    filled.mark_used(model.folder)
    used = filled.model("ada/tiny").used
    target = other_disk / "moved"
    assert filled.bytes_to_move(model.folder.parents[3] / "near") == 0
    assert filled.bytes_to_move(target) == model.size
    with pytest.raises(LibraryError, match=r"leaves .+ free") as caught:
        list(filled.move(target, spare=1 << 60))
    assert caught.value.kind == "space"
    assert filled.models()
    steps = list(filled.move(target))
    assert steps[-1].done == steps[-1].total
    assert filled.model("ada/tiny").used == pytest.approx(used, abs=0.01)


def test_foreign_folders_are_left_alone(filled: Library) -> None:
    """Guards against listing, and later deleting, what somebody else put into the folder."""
    other = filled.folder / "some" / "thing" / "else"
    other.mkdir(parents=True)
    (other / "manifest.json").write_text('{"name": "a browser extension"}')
    assert [model.repository for model in filled.models()] == ["ada/tiny"]
    assert filled.unfinished() == ()


def test_manifest_cannot_reach_out_of_its_folder(filled: Library, tmp_path: Path) -> None:
    """Guards against a folder somebody sends that makes remove or verify delete files elsewhere."""
    precious = tmp_path / "models" / "precious"
    precious.write_text("mine")
    for repository, path in (("x/../..", "a"), ("evil/model", "../../../precious"), ("evil/model", "/etc/passwd")):
        folder = filled.folder / "evil" / "model" / "1"
        folder.mkdir(parents=True, exist_ok=True)
        value = {"repository": repository, "revision": "1", "files": [{"path": path, "size": 9}], "complete": True}
        (folder / "manifest.json").write_text(json.dumps(value))
        assert [model.repository for model in filled.models()] == ["ada/tiny"]
        with pytest.raises(LibraryError, match="another folder"):
            Manifest.load(folder)


def test_import_under_a_taken_name(library: Library, tmp_path: Path) -> None:
    """Guards against a second import silently becoming the first."""
    folder = source(tmp_path)
    list(library.take_in(folder))
    with pytest.raises(LibraryError, match="already has"):
        list(library.take_in(folder))
    list(library.take_in(folder, "another name"))
    assert {model.repository for model in library.models()} == {"local/mine", "local/another-name"}


def test_manifest_that_is_not_ours(tmp_path: Path) -> None:
    """Guards against a traceback for a manifest that was cut by a power failure before we wrote atomically."""
    (tmp_path / "manifest.json").write_text('{"repository": "a/b", "fil')
    with pytest.raises(LibraryError, match="no readable"):
        Manifest.load(tmp_path)


def test_vocabularies(tmp_path: Path) -> None:
    """Guards both ways: padding is no difference, one token with another number is; added tokens count."""

    def tokenizer(name: str, vocabulary: object, added: list[dict[str, object]]) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        value = {"model": {"vocab": vocabulary}, "added_tokens": added}
        (folder / "tokenizer.json").write_text(json.dumps(value))
        return folder

    end: list[dict[str, object]] = [{"id": 2, "content": "<end>"}]
    one = tokenizer("one", {"a": 0, "b": 1}, end)
    unigram = tokenizer("unigram", [["a", -1.0], ["b", -2.0]], end)
    check_shared({"target": one, "draft": unigram})
    for name, other in (
        ("swapped", tokenizer("swapped", {"a": 1, "b": 0}, end)),
        ("unadded", tokenizer("unadded", {"a": 0, "b": 1}, [])),
    ):
        with pytest.raises(ModelSetError, match="draft model does not share"):
            check_shared({"target": one, "draft": other})
        assert name
    with pytest.raises(ModelSetError, match="read as a tokenizer"):
        check_shared({"target": one, "draft": tmp_path})


def test_entry_knows_weights() -> None:
    """Guards the order of a download: small files and checks first, weights last."""
    assert Entry(WEIGHTS, 1).weights
    assert not Entry("tokenizer.json", 1).weights


def test_two_threads_may_look_at_once(filled: Library, tmp_path: Path) -> None:
    """Guards against “cannot be used: no such file” where two errands write down what they saw at the same moment."""
    record = tmp_path / "library.json"

    def look(_: int) -> int:
        record.write_text("{}")  # so that every look writes
        return len(filled.models())

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(look, range(40))) == {1}
