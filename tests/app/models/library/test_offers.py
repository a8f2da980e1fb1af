"""What is recommended for which machine, and what of it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.models.library.listing import Listing
from app.models.library.offers import Offer, Survey, survey
from engine.library import CATALOGUE, Gpu, Hardware, Library
from tests.engine.library.conftest import checkpoint
from tests.engine.library.test_drafters import put as shelve
from tests.engine.library.test_installed import source

GB = 10**9


def machine(free: float = 0, total: float = 0, ram: float = 16, ram_free: float = 12) -> Hardware:
    """Return a machine with one GPU, or none where ``total`` is 0; sizes in GB."""
    gpus = (Gpu("RTX", "570", (8, 9), round(total * GB), 0, round(free * GB)),) if total else ()
    return Hardware(gpus, "12.8", round(ram * GB), round(ram_free * GB), 8, Path(), 500 * GB, 400 * GB)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", tmp_path / "library.json")


def judged(library: Library, hardware: Hardware, context: int, monkeypatch: pytest.MonkeyPatch) -> Survey:
    """Return the survey on ``hardware``."""
    monkeypatch.setattr("app.models.library.offers.probe", lambda _: hardware)
    return survey(library, context)


@pytest.mark.parametrize(
    ("hardware", "context", "best"),
    [
        (machine(5.3, 6), 4096, "smollm2"),
        (machine(7, 8), 4096, "qwen2.5-7b"),  # 3,072 tokens; Qwen3 8B would hold 1,024
        (machine(7, 8), 8192, "qwen3-4b"),
        (machine(11, 12), 4096, "qwen3-8b"),  # the all-rounder, not the one with the larger drafts
        (machine(15, 16), 4096, "qwen3-14b"),
        (machine(20, 24), 4096, "qwen3-14b"),
        (machine(23, 24), 4096, "qwen3-32b"),
        (machine(ram=4, ram_free=2), 4096, "smollm2-360m"),
        (machine(ram=8, ram_free=5), 4096, "smollm2"),
        (machine(ram=16, ram_free=11), 4096, "smollm2"),
        (machine(ram=32, ram_free=26), 4096, "smollm2"),  # a 14B fits, and would write a token a second
    ],
)
def test_recommended(
    library: Library, monkeypatch: pytest.MonkeyPatch, hardware: Hardware, context: int, best: str
) -> None:
    """Guards against a recommendation by bytes: a thinking model with 1,024 tokens, or a set for its fat drafts."""
    found = judged(library, hardware, context, monkeypatch)
    assert found.best is not None
    assert found.best.name == best
    assert found.sentence == ""


def test_a_copy_in_4_bits_stands_before_the_original(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against 21 GB fetched for what 8 give as well."""
    names = [offer.name for offer in judged(library, machine(23, 24), 4096, monkeypatch).offers]
    assert names.index("qwen3-8b") < names.index("qwen3-8b-original")
    assert names.index("llama-8b-nf4") < names.index("llama-8b")


def test_where_nothing_fits_it_is_said(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a list of "does not fit" and not a word about what to do."""
    found = judged(library, machine(ram=2, ram_free=0.2), 4096, monkeypatch)
    assert found.best is None
    assert "SmolLM2 135M, needs" in found.sentence
    assert "starter" in found.sentence


def test_a_set_that_lacks_a_level_says_which(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against the whole size on the card of a set that is nearly there, and levels that nobody can load."""
    models = CATALOGUE["qwen3-4b"].models
    for role in ("target", "qualifier"):
        put(library, tmp_path, models[role].repository)
    offer = next(each for each in survey(library, 4096).offers if each.name == "qwen3-4b")
    draft = models["draft"]
    assert (offer.missing, offer.download, offer.incomplete) == ((draft.repository,), draft.download, True)
    listing = Listing.of(library)
    assert listing.lacking == {"qwen3-4b": (draft.repository,)}
    put(library, tmp_path, draft.repository)
    listing = Listing.of(library)
    assert listing.lacking == {}
    level = library.model(draft.repository)
    assert listing.needed_by(level) == ("Qwen3 4B",)
    alone = listing.find(draft.repository)
    assert alone is not None
    assert alone.target == level.folder
    assert draft.repository not in listing.sets
    assert all(each.name != draft.repository for each in survey(library, 4096).offers)
    library.mark_used(level.folder, alone=True)
    assert draft.repository in Listing.of(library).sets
    assert any(each.name == draft.repository for each in survey(library, 4096).offers), "it has left the list"


def put(library: Library, tmp_path: Path, repository: str) -> None:
    """Install a tiny model under a repository's name, as a level of a set."""
    from dataclasses import replace

    from engine.library.manifest import Entry, Manifest

    folder = Manifest(repository, "c" * 40, ()).folder(library.require())
    folder.mkdir(parents=True)
    files = {path: content for path, content in checkpoint(1).items() if "/" not in path}
    for path, content in files.items():
        (folder / path).write_bytes(content)
    entries = tuple(Entry(path, len(content)) for path, content in files.items())
    replace(Manifest(repository, "c" * 40, entries), complete=True).save(library.folder)


def test_what_was_renamed_is_offered_by_its_name(library: Library, tmp_path: Path) -> None:
    """Guards against a chat that can no longer find its model, and a card that keeps the old name."""
    list(library.take_in(source(tmp_path, "Old name")))
    library.rename(library.model("Old-name"), "Ada's own")
    listing = Listing.of(library)
    for name in ("Old-name", "local/Old-name", "ada's own"):
        found = listing.find(name)
        assert found is not None
        assert found.name == "Ada's own"
    assert any(offer.title == "Ada's own" for offer in survey(library, 4096).offers)


def test_a_drafter_is_beside_its_set_and_had_only_if_wanted(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: gigabytes that nobody asked for in the size of a set, and a drafter advised where there is no room."""
    entry = CATALOGUE["qwen3-8b"]
    drafter = entry.drafters[0]

    def offered(hardware: Hardware) -> Offer:
        return next(o for o in judged(library, hardware, 4096, monkeypatch).offers if o.name == entry.name)

    offer = offered(machine(23, 24))
    assert offer.drafter_pays
    assert not offered(machine(8.7, 12)).drafter_pays, "the set fills the card"
    assert not offered(machine(ram=64, ram_free=60)).drafter_pays, "a processor"
    assert offer.download == entry.download
    assert drafter.repository not in offer.repositories
    whole = offer.with_drafter()
    assert whole.download == entry.download + drafter.download
    assert [(w.role, w.repository) for w in whole.wanted][-1] == (drafter.role, drafter.repository)
    for model in entry.models.values():
        shelve(library, model.repository)
    there = offered(machine(23, 24))
    assert there.installed
    assert not there.with_drafter().installed, "its drafter is still to be had"
    assert there.with_drafter().download == drafter.download
    shelve(library, drafter.repository, drafter.role)
    there = offered(machine(23, 24))
    assert there.drafter_there
    assert there.with_drafter().installed
    names = [offer.name for offer in judged(library, machine(23, 24), 4096, monkeypatch).offers]
    assert drafter.repository not in names, "a drafter is no model to chat with"
