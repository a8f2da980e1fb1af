"""One job against a Hub that misbehaves: it ends in a verified file or in a sentence, and fetches nothing twice."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import CheckpointError, ModelSetError
from engine.library.faults import LibraryError
from engine.library.manifest import Manifest, verify
from engine.library.protocol import Patience
from tests.engine.library.conftest import FAST, Get, checkpoint
from tests.engine.library.hub import FakeHub, Fault

Where = Callable[[str], Path]
WEIGHTS = "model.safetensors"


def length(hub: FakeHub, name: str = "ada/tiny") -> int:
    """Return the size of the weights."""
    repository = hub.repositories[name]
    return len(repository.commits[repository.main][WEIGHTS])


def assert_installed(folder: Path) -> None:
    """Every file of the manifest is there, verified, and nothing else is."""
    manifest = Manifest.load(folder)
    assert manifest.complete
    assert all(checked.good for checked in verify(folder))
    assert {path.name for path in folder.iterdir()} == {e.path for e in manifest.files} | {"manifest.json"}


def test_fresh_download_is_verified_and_minimal(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against files we never load (pickles, other formats) being fetched, and a file fetched twice."""
    told = get()
    assert_installed(where("ada/tiny"))
    assert told[-1].state == "done"
    assert told[-1].have == told[-1].size == sum(file.size for file in told[-1].files)
    assert not hub.asked("pytorch_model.bin")
    assert hub.bytes_served(WEIGHTS) == length(hub)
    assert len(hub.asked("/resolve/")) == len(told[-1].files)


def test_second_run_asks_for_no_file(hub: FakeHub, get: Get) -> None:
    """Guards against verified files being fetched again by a later run."""
    get()
    before = len(hub.asked("/resolve/"))
    get()
    assert len(hub.asked("/resolve/")) == before


@pytest.mark.parametrize("at", [0, 1, 7, 65_536, 299_999])
def test_cut_resumes_at_the_byte(hub: FakeHub, get: Get, where: Where, at: int) -> None:
    """Guards against a part file being thrown away, or continued at the wrong byte, after a cut anywhere."""
    hub.faults = [Fault("cut", WEIGHTS, at)]
    get()
    assert_installed(where("ada/tiny"))
    assert hub.bytes_served(WEIGHTS) == length(hub)
    assert hub.served[WEIGHTS] == [(0, at), (at, length(hub))]


def test_many_cuts(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against counting cuts instead of cuts without progress: 12 cuts, 6 tries, still a verified file."""
    hub.faults = [Fault("cut", WEIGHTS, 20_000, times=12)]
    get()
    assert_installed(where("ada/tiny"))
    assert hub.bytes_served(WEIGHTS) == length(hub)


def test_stall_reconnects_and_says_so(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against the silent stall: no bytes must become a state, a sentence and a new connection."""
    hub.faults = [Fault("stall", WEIGHTS, 100_000)]
    begun = time.monotonic()
    told = get()
    assert time.monotonic() - begun < 10, "the server hangs up after 30 s; it must not come to that"
    assert_installed(where("ada/tiny"))
    stalls = [each.say for each in told if each.state == "stalled"]
    assert any("the connection is renewed" in say for say in stalls)
    assert any("trying again" in say for say in stalls)
    assert hub.bytes_served(WEIGHTS) == length(hub)


def test_wrong_bytes_of_the_right_size(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against trusting the size: one flipped bit must cost one more fetch of that file only."""
    hub.faults = [Fault("flip", WEIGHTS, 123_456)]
    get()
    assert_installed(where("ada/tiny"))
    assert hub.bytes_served(WEIGHTS) == 2 * length(hub)
    assert len(hub.asked("tokenizer.json")) == 1


def test_wrong_bytes_in_a_small_file(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against small files going unchecked because the Hub lists no SHA-256 for them."""
    hub.faults = [Fault("flip", "tokenizer.json", 5)]
    get()
    assert_installed(where("ada/tiny"))


def test_always_wrong_bytes_end_in_a_sentence(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against an endless loop over a mirror that damages files, and against installing what it sent."""
    hub.faults = [Fault("flip", WEIGHTS, 5, times=99)]
    with pytest.raises(LibraryError) as caught:
        get()
    assert caught.value.kind == "damaged"
    assert caught.value.hint
    assert not (where("ada/tiny") / WEIGHTS).exists()
    assert not Manifest.load(where("ada/tiny")).complete


def test_range_ignored_keeps_what_is_there(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against appending a whole file to half a one when a mirror answers 200 instead of 206."""
    hub.faults = [Fault("cut", WEIGHTS, 100_000), Fault("whole", WEIGHTS)]
    get()
    assert_installed(where("ada/tiny"))
    assert hub.served[WEIGHTS] == [(0, 100_000), (0, length(hub))]


def test_misplaced_range_is_refused(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against believing 206 without reading which range came."""
    hub.faults = [Fault("cut", WEIGHTS, 100_000), Fault("misplaced", WEIGHTS)]
    get()
    assert_installed(where("ada/tiny"))
    assert hub.served[WEIGHTS][0] == (0, 100_000)
    assert hub.served[WEIGHTS][-1] == (100_000, length(hub))
    assert [start for start, _ in hub.served[WEIGHTS]].count(0) == 1


def test_oversized_part_file_starts_over(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against a part file longer than the file (another version's) blocking the download for ever."""
    hub.faults = [Fault("status", WEIGHTS, status=500, times=99)]
    with pytest.raises(LibraryError):
        get()
    (where("ada/tiny") / f"{WEIGHTS}.part").write_bytes(bytes(length(hub) + 1))
    hub.faults = []
    get()
    assert_installed(where("ada/tiny"))


def test_416_starts_the_file_over(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against asking for the same impossible range again and again."""
    hub.faults = [Fault("cut", WEIGHTS, 1000), Fault("status", WEIGHTS, status=416)]
    get()
    assert_installed(where("ada/tiny"))
    assert hub.served[WEIGHTS] == [(0, 1000), (0, length(hub))]


def test_expired_storage_address_is_renewed(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against taking the storage's 403 (a signed address that ran out) for a licence that is missing."""
    hub.faults = [Fault("status", WEIGHTS, status=403)]
    get()
    assert_installed(where("ada/tiny"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_passing_trouble_is_waited_out(hub: FakeHub, get: Get, where: Where, status: int) -> None:
    """Guards against giving up on trouble that passes, in the listing or in a file."""
    hub.faults = [
        Fault("status", "ada/tiny/@main", status=status),
        Fault("status", "tokenizer.json", status=status),
        Fault("status", WEIGHTS, status=status),
    ]
    get()
    assert_installed(where("ada/tiny"))
    assert hub.bytes_served(WEIGHTS) == length(hub)


def test_retry_after_is_obeyed(hub: FakeHub, get: Get) -> None:
    """Guards against hammering a Hub that asked for one second of patience."""
    hub.faults = [Fault("status", WEIGHTS, status=429, headers={"Retry-After": "1"})]
    begun = time.monotonic()
    told = get()
    assert time.monotonic() - begun >= 1
    waits = [each.say for each in told if each.state == "stalled"]
    assert any("fewer requests" in say and "in 1 s" in say for say in waits)


def test_lasting_trouble_ends_in_a_sentence_when_asked_to(hub: FakeHub, get: Get) -> None:
    """Guards against a terminal that hangs for ever on a Hub that is down."""
    hub.faults = [Fault("status", WEIGHTS, status=500, times=999)]
    with pytest.raises(LibraryError, match="trouble of its own") as caught:
        get()
    assert caught.value.kind == "network"
    assert "kept" in caught.value.hint


def test_nobody_answers(hub: FakeHub, get: Get) -> None:
    """Guards against a traceback where there is no network at all."""
    hub.close()
    with pytest.raises(LibraryError, match="no connection") as caught:
        get()
    assert caught.value.kind == "network"


@pytest.mark.parametrize(("token", "kind"), [(None, "signin"), ("hf_stranger", "licence"), ("hf_wrong", "signin")])
def test_gated_model(hub: FakeHub, get: Get, tmp_path: Path, token: str | None, kind: str) -> None:
    """Guards against telling people who did not sign in that a gated model does not exist, and the like."""
    hub.publish("meta/gated", checkpoint(3), gated=True, members=frozenset({"ada"}))
    with pytest.raises(LibraryError) as caught:
        get("meta/gated", token=token)
    assert caught.value.kind == kind
    assert caught.value.hint
    assert not hub.served
    assert not (tmp_path / "models").exists(), "a model nobody may have would be listed as unfinished"


def test_gated_model_with_access_keeps_the_token_at_the_hub(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against handing the token to the storage server that the Hub redirects to."""
    hub.publish("meta/gated", checkpoint(3), gated=True, members=frozenset({"ada"}))
    get("meta/gated", token=next(iter(hub.accounts)))
    assert_installed(where("meta/gated"))
    stored = hub.asked("/blobs/")
    assert stored
    assert all("authorization" not in headers for _, _, headers in stored)
    on_disk = b"".join(path.read_bytes() for path in where("meta/gated").parents[2].rglob("*") if path.is_file())
    assert b"hf_good" not in on_disk


def test_unknown_name(get: Get) -> None:
    """Guards against a wrong name in the catalogue ending in a traceback."""
    with pytest.raises(LibraryError, match="ada/typo") as caught:
        get("ada/typo")
    assert caught.value.kind == "missing"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"model.gguf": b"x", "config.json": b"{}"}, "no safetensors"),
        ({WEIGHTS: b"x"}, "no config.json"),
        ({WEIGHTS: b"x", "config.json": b"not json", "tokenizer.json": b"{}"}, "cannot be read"),
    ],
)
def test_not_a_checkpoint(hub: FakeHub, get: Get, files: dict[str, bytes], words: str) -> None:
    """Guards against fetching gigabytes of something Updraft cannot load."""
    hub.publish("ada/odd", files)
    with pytest.raises(LibraryError, match=words) as caught:
        get("ada/odd")
    assert caught.value.kind == "unsupported"
    assert WEIGHTS not in hub.served


def test_foreign_architecture_costs_no_weights(hub: FakeHub, get: Get) -> None:
    """Guards against finding out that a model cannot run after its weights were fetched."""
    hub.publish("ada/mamba", checkpoint(4, family="mamba"))
    with pytest.raises(CheckpointError, match="mamba"):
        get("ada/mamba")
    assert WEIGHTS not in hub.served


def test_levels_must_share_a_vocabulary(hub: FakeHub, get: Get) -> None:
    """Guards against a set whose levels cannot draft for each other, before a byte of weights."""
    hub.publish("ada/other", checkpoint(5, tokens=41))
    with pytest.raises(ModelSetError, match="vocabulary"):
        get("ada/tiny", "ada/other")
    assert WEIGHTS not in hub.served


def test_revision_moves_midway(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against half of one commit and half of the next: the pinned one is finished."""
    pinned = where("ada/tiny")
    hub.faults = [Fault("status", WEIGHTS, status=500, times=6)]
    with pytest.raises(LibraryError):
        get()
    revision = pinned.name
    hub.publish("ada/tiny", checkpoint(2))
    get(revision=revision)
    assert_installed(pinned)
    assert len(hub.asked("tokenizer.json")) == 1


def test_pinned_revision_is_gone(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against a removed commit looking like a network fault that is retried for ever."""
    hub.faults = [Fault("status", WEIGHTS, status=500, times=6)]
    with pytest.raises(LibraryError):
        get()
    revision = where("ada/tiny").name
    commits = hub.repositories["ada/tiny"].commits
    commits["f" * 40] = commits.pop(revision)
    with pytest.raises(LibraryError, match="no longer") as caught:
        get(revision=revision)
    assert caught.value.kind == "missing"


def test_new_revision_takes_over_equal_files(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against fetching 5 GB again because the model card changed, from a finished or a half version."""
    old = where("ada/tiny")
    hub.faults = [Fault("cut", WEIGHTS, 100_000), Fault("status", WEIGHTS, status=500, times=5)]
    with pytest.raises(LibraryError):
        get()
    hub.publish("ada/tiny", {**checkpoint(1), "README.md": b"new card"})
    get()
    assert_installed(where("ada/tiny"))
    assert hub.bytes_served(WEIGHTS) == length(hub)
    assert not old.exists(), "the half version would be a second copy on disk"
    hub.publish("ada/tiny", {**checkpoint(1), "README.md": b"newer card"})
    get()
    assert_installed(where("ada/tiny"))
    assert hub.bytes_served(WEIGHTS) == length(hub)


def test_no_room_from_the_start(hub: FakeHub, get: Get) -> None:
    """Guards against filling the disk first and complaining later."""
    with pytest.raises(LibraryError, match="no room") as caught:
        get(free=lambda _: 1000)
    assert caught.value.kind == "space"
    assert WEIGHTS not in hub.served


def test_room_is_watched_while_writing(hub: FakeHub, get: Get, where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against noticing only at the last byte that another program took the space."""
    monkeypatch.setattr("engine.library.fetch.ROOM_EVERY", 50_000)
    part = where("ada/tiny") / f"{WEIGHTS}.part"
    with pytest.raises(LibraryError, match=r"no room for \d+ kB more") as caught:
        get(free=lambda _: 0 if part.exists() else 1 << 40)
    assert caught.value.kind == "space"
    assert 50_000 <= part.stat().st_size < 250_000


def test_room_counts_what_is_already_there(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against demanding the whole size again of somebody who resumes."""
    hub.faults = [Fault("cut", WEIGHTS, 290_000), Fault("status", WEIGHTS, status=500, times=5)]
    with pytest.raises(LibraryError):
        get()
    get(free=lambda _: 20_000)
    assert_installed(where("ada/tiny"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB, where this machine lets us mount one."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mounted)], capture_output=True, check=False
    )
    if not made or made.returncode != 0:
        pytest.skip("mounting a tmpfs needs more rights")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def test_disk_fills_up_midway(hub: FakeHub, get: Get, small_disk: Path, tmp_path: Path) -> None:
    """Guards against a traceback (or a lost part file) when another program takes the last free bytes."""
    with pytest.raises(LibraryError) as caught:
        get(library=small_disk)  # the seam says there is room, the disk says ENOSPC
    assert caught.value.kind == "space"
    assert "kept" in caught.value.hint
    (part,) = small_disk.rglob(f"{WEIGHTS}.part")
    kept = part.stat().st_size
    assert 100_000 < kept < 256_000
    shutil.copytree(small_disk, tmp_path / "roomy")
    hub.served.clear()
    get(library=tmp_path / "roomy")
    assert hub.served[WEIGHTS][-1] == (kept, length(hub))


def test_disk_fills_up_without_a_small_disk(hub: FakeHub, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the same where no disk can be mounted: the operating system's own error at a write."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", lambda fd: full(fd) if hub.bytes_served(WEIGHTS) else None)
    with pytest.raises(LibraryError) as caught:
        get()
    assert caught.value.kind == "space"


def test_unfinished_is_not_installed(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards against half a model counting as installed after the process went."""
    hub.faults = [Fault("cut", WEIGHTS, 10), Fault("status", WEIGHTS, status=500, times=99)]
    with pytest.raises(LibraryError):
        get(patience=Patience(first=0.01, tries=2, silence=0.5))
    assert not Manifest.load(where("ada/tiny")).complete


def test_hostile_file_names(hub: FakeHub, get: Get, tmp_path: Path) -> None:
    """Guards against a listing that writes outside of its folder."""
    hub.publish("ada/evil", {**checkpoint(6), "../../config.json": b"owned"})
    with pytest.raises(LibraryError, match="usable name"):
        get("ada/evil")
    assert not (tmp_path / "config.json").exists()


def test_soak_of_random_faults(hub: FakeHub, get: Get, where: Where, tmp_path: Path) -> None:
    """Guards against combinations nobody thought of: 8 random plans of faults, each ends verified."""
    dice = random.Random(20)
    kinds = ["cut", "cut", "cut", "whole", "misplaced", "status", "flip"]
    for _ in range(8):
        shutil.rmtree(tmp_path / "models", ignore_errors=True)
        hub.faults = [
            Fault(dice.choice(kinds), dice.choice([WEIGHTS, "config.json", ".json"]), dice.randrange(200))
            for _ in range(dice.randrange(1, 4))
        ] + [Fault("cut", WEIGHTS, dice.randrange(250_000))]
        if sum(fault.kind == "flip" for fault in hub.faults) > 2:
            continue
        get()
        assert_installed(where("ada/tiny"))


def test_manifest_holds_the_hashes(hub: FakeHub, get: Get, where: Where) -> None:
    """Guards offline verification: every file's SHA-256 must be in the manifest, small ones included."""
    get()
    content = hub.repositories["ada/tiny"].commits[where("ada/tiny").name]
    written = json.loads((where("ada/tiny") / "manifest.json").read_text())
    assert {file["path"]: file["sha256"] for file in written["files"]} == {
        path: hashlib.sha256(content[path]).hexdigest()
        for path in ("LICENSE", "config.json", "tokenizer.json", WEIGHTS)
    }


assert FAST.tries == 6  # the faults above count on it
