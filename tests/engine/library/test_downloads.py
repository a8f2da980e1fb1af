"""The queue and its downloader process: killed, paused, cancelled, left alone, unplugged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.library import Connection, Downloads, Library, LibraryError, Patience, Progress, Wanted
from engine.library.manifest import Manifest, verify
from engine.library.process import MODULE, Downloader
from engine.library.protocol import Order, Told, encode
from tests.engine.library.conftest import FAST, Get, checkpoint
from tests.engine.library.hub import FakeHub, Fault

WEIGHTS = "model.safetensors"
TINY = (Wanted("target", "ada/tiny"),)


def wait_for(downloads: Downloads, arrived: Callable[[Progress], bool], seconds: float = 20) -> Progress:
    """Drain events until one is what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        progress = downloads.events.get(timeout=max(0.01, end - time.monotonic()))
        if arrived(progress):
            return progress
    raise AssertionError("it did not come")


def assert_installed(hub: FakeHub, library: Library) -> None:
    """ada/tiny is complete in the library."""
    folder = Manifest("ada/tiny", hub.repositories["ada/tiny"].main, ()).folder(library.folder)
    assert Manifest.load(folder).complete
    assert all(checked.good for checked in verify(folder))


def part_of(hub: FakeHub, library: Library) -> Path:
    """Return where the part file of ada/tiny's weights is."""
    return Manifest("ada/tiny", hub.repositories["ada/tiny"].main, ()).folder(library.folder) / f"{WEIGHTS}.part"


def starts(hub: FakeHub) -> list[int]:
    """Return from which bytes on the storage was asked for the weights."""
    ranges = [headers.get("range", "bytes=0-") for _, _, headers in hub.asked("/blobs/")]
    return [int(each.removeprefix("bytes=").rstrip("-")) for each in ranges]


def test_pause_resume_and_the_next_start(hub: FakeHub, library: Library, downloads: Downloads) -> None:
    """Guards against a pause that loses bytes, and a queue that is forgotten when Updraft is closed."""
    hub.faults = [Fault("slow", WEIGHTS, 300_000, times=2)]
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.have > 100_000)
    downloads.pause("job")
    kept = part_of(hub, library).stat().st_size
    assert kept > 50_000
    assert downloads.jobs()[0].state == "paused"
    downloads.close()

    later = Downloads(library, Connection(endpoint=hub.address), lambda: None, FAST, spare=0)
    later.start()
    assert [job.state for job in later.jobs()] == ["paused"]
    hub.faults = []
    hub.requests.clear()
    later.resume("job")
    wait_for(later, lambda told: told.state == "done")
    later.close()
    assert_installed(hub, library)
    assert starts(hub) == [kept]


def test_cancel_leaves_nothing(hub: FakeHub, library: Library, downloads: Downloads) -> None:
    """Guards against part files that nobody will ever use."""
    hub.faults = [Fault("stall", WEIGHTS, 100_000, times=9)]
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.have > 100_000)
    downloads.cancel("job")
    assert downloads.jobs() == ()
    assert not list(library.folder.rglob("*.part"))
    assert not list(library.folder.rglob("manifest.json"))


def test_what_is_done_is_not_begun_again(hub: FakeHub, library: Library, downloads: Downloads) -> None:
    """Guards against a job that is looked at again at every start because Updraft was closed at its last word."""
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.state == "done")
    assert json.loads((library.folder / "downloads.json").read_text()) == {"jobs": []}


def test_second_job_waits_its_turn(hub: FakeHub, library: Library, downloads: Downloads) -> None:
    """Guards against the queue stopping after a job that failed."""
    downloads.start()
    downloads.add("wrong", [Wanted("target", "ada/typo")])
    downloads.add("job", TINY)
    assert wait_for(downloads, lambda told: told.job == "wrong" and told.over).kind == "missing"
    assert wait_for(downloads, lambda told: told.job == "job" and told.over).state == "done"
    assert_installed(hub, library)


def test_a_downloader_that_dies_is_started_again(hub: FakeHub, library: Library, downloads: Downloads) -> None:
    """Guards against a crash of the downloader looking like a download that goes on for ever."""
    hub.faults = [Fault("slow", WEIGHTS, 300_000)]
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.have > 100_000)
    (child,) = _downloaders()
    child.kill()
    assert wait_for(downloads, lambda told: told.over).state == "done"
    assert_installed(hub, library)


ORDER = Order("get", "job", wanted=TINY, patience=FAST, spare=0)

# Downloaders forked off one process, since a dozen of them would spend ten seconds on their imports alone: a line of
# standard input asks for one, which is killed at a random moment after its first sign of bytes.
KILLER = """
import os, random, signal, sys, time
from engine.library import downloader
dice, order = random.Random(50), sys.argv[1]
while sys.stdin.readline():
    (given, giving), (told, telling) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.dup2(given, 0)
        os.dup2(telling, 1)
        sys.stdin, sys.stdout = open(0), open(1, "w")
        downloader._end(downloader.main())
    os.close(given)
    os.close(telling)
    os.write(giving, order.encode())
    with open(told) as heard:
        any('"downloading"' in line for line in heard)
        time.sleep(dice.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.close(giving)
    print("killed", flush=True)
"""


def kept(hub: FakeHub, library: Library) -> int:
    """Return the bytes of the weights on disk."""
    part = part_of(hub, library)
    return part.stat().st_size if part.exists() else 0


def test_kill_minus_nine(hub: FakeHub, library: Library) -> None:
    """Guards against state that is only right when the process ends in an orderly way."""
    order, connection = replace(ORDER, library=library.require()), Connection(endpoint=hub.address)
    hub.faults = [Fault("slow", WEIGHTS, 400_000, times=9)]
    for _ in range(2):
        had, begun = kept(hub, library), threading.Event()

        def hear(told: Told, begun: threading.Event = begun, had: int = had) -> None:
            if isinstance(told, Progress) and told.have > had + 20_000:
                begun.set()

        hub.requests.clear()
        running = Downloader(order, connection, hear, lambda _: None)
        assert begun.wait(10)
        running.stop()
        running.join()
        assert starts(hub) == [had]
    hub.faults = []
    last: list[Told] = []
    Downloader(order, connection, last.append, lambda _: None).join()
    assert isinstance(last[-1], Progress)
    assert last[-1].state == "done"
    assert_installed(hub, library)


@pytest.mark.parametrize("last", [lambda _: None, Downloader.hurry, Downloader.leave], ids=["order", "hurry", "leave"])
def test_what_a_dead_process_does_not_read_is_dropped(
    hub: FakeHub, library: Library, last: Callable[[Downloader], None]
) -> None:
    """Guards against a line to a process just killed that is sent once more at the end, and fails on the listener."""
    dead = threading.Event()

    def token() -> None:
        assert dead.wait(20)

    running = Downloader(
        replace(ORDER, library=library.require()),
        Connection(endpoint=hub.address),
        lambda _: None,
        lambda _: None,
        token,
    )
    running.stop()
    last(running)
    dead.set()
    running.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its downloaders")
@pytest.mark.parametrize("kills", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_minus_nine_at_any_moment(kills: int, hub: FakeHub, library: Library, get: Get) -> None:
    """Guards against a byte on disk fetched again, or left out, whatever moment a downloader dies at."""
    size = 30_000_000  # far more than comes in so many moments, however much longer a busy machine makes them
    hub.publish("ada/tiny", checkpoint(1, size=size))
    hub.faults = [Fault("slow", WEIGHTS, 1_500_000, times=1000)]
    killer = subprocess.Popen(
        [sys.executable, "-c", KILLER, encode(replace(ORDER, library=library.require()))],
        env=Connection(endpoint=hub.address).environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with killer:
        assert killer.stdin
        assert killer.stdout
        for _ in range(kills):
            had = kept(hub, library)
            hub.requests.clear()
            killer.stdin.write("one\n")
            killer.stdin.flush()
            assert killer.stdout.readline() == "killed\n"
            assert starts(hub)[:1] in ([], [had]), "bytes on disk were fetched again, or left out"
    assert 10_000 * kills < kept(hub, library) < size, "the kills did not fall into the download"
    hub.faults = []
    get()
    assert_installed(hub, library)


def test_downloader_ends_with_its_client(hub: FakeHub, library: Library, tmp_path: Path) -> None:
    """Guards against downloads that go on in secret after the window was killed."""
    hub.faults = [Fault("slow", WEIGHTS, 15_000, times=9)]
    client = _client(hub, library, tmp_path, leave=False)
    child = _child_of(client)
    client.kill()
    client.wait()
    child.wait(5)


def test_left_running_and_taken_over(hub: FakeHub, library: Library, tmp_path: Path) -> None:
    """Guards against a download left running that the next window cannot see, and against two at one file."""
    hub.faults = [Fault("slow", WEIGHTS, 60_000, times=1)]
    client = _client(hub, library, tmp_path, leave=True)
    child = _child_of(client)
    assert client.wait(10) == 0
    grown = part_of(hub, library).stat().st_size
    time.sleep(0.6)
    assert part_of(hub, library).stat().st_size > grown, "it should have gone on by itself"

    later = Downloads(library, Connection(endpoint=hub.address), lambda: None, FAST, spare=0)
    later.start()
    child.wait(5)
    wait_for(later, lambda told: told.state == "done")
    later.close()
    assert_installed(hub, library)


CLIENT = """
import sys, time, json
from pathlib import Path
from engine.library import Connection, Downloads, Library, Patience, Wanted
folder, record, address, leave = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4] == "True"
downloads = Downloads(Library(folder, record), Connection(endpoint=address), lambda: None, Patience(), spare=0)
downloads.start()
downloads.add("job", [Wanted("target", "ada/tiny")])
while downloads.events.get().have < 8_000:
    pass
print("under way", flush=True)
if leave:
    sys.stdin.readline()
    downloads.close(leave_running=True)
else:
    time.sleep(60)
"""


def _client(hub: FakeHub, library: Library, tmp_path: Path, leave: bool) -> subprocess.Popen[str]:
    arguments = [str(library.folder), str(tmp_path / "library.json"), hub.address, str(leave)]
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert client.stdout
    assert client.stdout.readline() == "under way\n"
    return client


def _downloaders() -> list[psutil.Process]:
    """Return the downloading processes of this one, which has others: templates are rendered beside it."""
    return [each for each in psutil.Process().children() if MODULE in each.cmdline()]


def _child_of(client: subprocess.Popen[str]) -> psutil.Process:
    (child,) = psutil.Process(client.pid).children()
    assert client.stdin
    assert client.stdout
    client.stdin.close()
    client.stdout.close()
    return child


def test_two_at_one_folder(hub: FakeHub, library: Library) -> None:
    """Guards against two downloaders writing one part file."""
    hub.faults = [Fault("stall", WEIGHTS, 50_000)]  # until the first is closed, however long the second takes to start
    patient = replace(FAST, silence=60)
    first, other = (
        Downloads(library, Connection(endpoint=hub.address), lambda: None, patience, spare=0)
        for patience in (patient, FAST)
    )
    with closing(first), closing(other):
        first.add("job", TINY)
        wait_for(first, lambda told: told.have > 20_000)
        other.add("second", TINY)
        told = wait_for(other, lambda told: told.over)
    assert (told.state, told.kind) == ("failed", "busy")


def test_offline_starts_nothing(hub: FakeHub, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the promise: with the switch on there is no process, no socket and no request."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    connection = Connection.from_environment()
    downloads = Downloads(library, connection, lambda: None, FAST)
    sockets: list[object] = []
    monkeypatch.setattr("socket.socket.connect", lambda *where: sockets.append(where))
    downloads.start()
    with pytest.raises(LibraryError, match="offline") as caught:
        downloads.add("job", TINY)
    assert caught.value.kind == "offline"
    downloads.close()
    assert not hub.requests
    assert not sockets
    assert not _downloaders()


def test_offline_keeps_the_queue_for_later(hub: FakeHub, library: Library, downloads: Downloads) -> None:
    """Guards against an exception at the start when jobs are waiting and offline mode is on."""
    hub.faults = [Fault("stall", WEIGHTS, 10, times=9)]
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.state == "downloading")
    downloads.close()
    before = len(hub.requests)
    offline = Downloads(library, Connection(offline=True), lambda: None, FAST)
    offline.start()
    (job,) = offline.jobs()
    assert (job.state, job.kind) == ("paused", "offline")
    offline.close()
    assert len(hub.requests) == before


def test_resume_after_the_version_went(hub: FakeHub, library: Library, downloads: Downloads) -> None:
    """Guards against a job pinned for ever to a commit that was removed from the Hub."""
    hub.faults = [Fault("slow", WEIGHTS, 300_000), Fault("status", WEIGHTS, status=500, times=6)]
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.have > 50_000)
    downloads.pause("job")
    commits = hub.repositories["ada/tiny"].commits
    commits["f" * 40] = {**commits.pop(next(iter(commits))), "README.md": b"card"}
    hub.faults = []
    downloads.resume("job")
    assert wait_for(downloads, lambda told: told.state == "failed").kind == "missing"
    kept = max(path.stat().st_size for path in library.folder.rglob("*.part"))
    hub.requests.clear()
    downloads.resume("job")
    wait_for(downloads, lambda told: told.state == "done")
    assert starts(hub) == [kept]
    assert_installed(hub, library)


def test_unplugged_drive_keeps_the_queue(hub: FakeHub, library: Library, downloads: Downloads, tmp_path: Path) -> None:
    """Guards against an empty mount point being taken for an empty library, and the queue being overwritten."""
    downloads.start()
    downloads.add("wrong", [Wanted("target", "ada/typo")])
    wait_for(downloads, lambda told: told.over)
    time.sleep(0.2)
    library.folder.rename(tmp_path / "unplugged")
    library.folder.mkdir()  # what a mount point looks like without its drive
    with pytest.raises(LibraryError, match="not there"):
        Downloads(library, Connection(endpoint=hub.address), lambda: None, FAST).start()
    assert not list(library.folder.iterdir())
    kept = json.loads((tmp_path / "unplugged" / "downloads.json").read_text())
    assert [job["name"] for job in kept["jobs"]] == ["wrong"]


def test_proxy_is_used(hub: FakeHub, library: Library) -> None:
    """Guards against a proxy that is set and ignored: the fake Hub plays proxy for a Hub that does not exist."""
    connection = Connection(endpoint="http://hub.invalid", proxy=hub.address)
    downloads = Downloads(library, connection, lambda: None, FAST, spare=0)
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.over)
    downloads.close()
    assert hub.asked("/api/models/ada/tiny")


def test_token_is_on_no_command_line_and_in_no_environment(hub: FakeHub, library: Library) -> None:
    """Guards against the token being readable in the process list."""
    hub.faults = [Fault("slow", WEIGHTS, 50_000)]
    downloads = Downloads(library, Connection(endpoint=hub.address), lambda: "hf_good", FAST, spare=0)
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.have > 10_000)
    (child,) = _downloaders()
    assert "hf_good" not in " ".join(child.cmdline())
    assert "hf_good" not in child.environ().values()
    assert any(headers.get("authorization") == "Bearer hf_good" for _, _, headers in hub.requests)
    downloads.close()


def test_close_ends_the_process(hub: FakeHub, library: Library) -> None:
    """Guards against an orphan when the window closes."""
    hub.faults = [Fault("stall", WEIGHTS, 10, times=9)]
    downloads = Downloads(library, Connection(endpoint=hub.address), lambda: None, Patience(), spare=0)
    downloads.start()
    downloads.add("job", TINY)
    wait_for(downloads, lambda told: told.state == "downloading" and told.size > 0)
    (child,) = _downloaders()
    downloads.close()
    assert not child.is_running()
    if os.name == "posix":
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)
