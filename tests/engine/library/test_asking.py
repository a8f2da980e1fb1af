"""Names, addresses, inspection, sign-in and the terminal."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import pytest
from keyring.errors import KeyringError

from engine.library import (
    CATALOGUE,
    Connection,
    DeviceCode,
    Downloads,
    Library,
    LibraryError,
    SignedIn,
    inspect,
    read_address,
    sign_in,
    sign_in_by_browser,
    sign_out,
    token,
)
from engine.library.protocol import Order, Progress, Wanted, decode_order, decode_told, encode
from engine.library.terminal import add_arguments, run
from tests.engine.library.conftest import Get, MemoryKeyring, checkpoint
from tests.engine.library.hub import FakeHub, Fault

WEIGHTS = "model.safetensors"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Qwen/Qwen3-0.6B", ("Qwen/Qwen3-0.6B", None)),
        (" https://huggingface.co/Qwen/Qwen3-0.6B ", ("Qwen/Qwen3-0.6B", None)),
        ("https://huggingface.co/Qwen/Qwen3-0.6B/tree/main", ("Qwen/Qwen3-0.6B", "main")),
        ("https://huggingface.co/a/b/blob/0123abc/config.json?x=1#y", ("a/b", "0123abc")),
        ("huggingface.co/a/b", ("a/b", None)),
        ("hf.co/a/b", ("a/b", None)),
        ("https://mirror.example/a/b/discussions/3", ("a/b", None)),
    ],
)
def test_addresses(text: str, expected: tuple[str, str | None]) -> None:
    """Guards against people having to know which part of an address is the name."""
    assert read_address(text) == expected


@pytest.mark.parametrize("text", ["", "Qwen", "a/b/c", "../../etc", "a/..", "a b/c", "https://x/"])
def test_not_an_address(text: str) -> None:
    """Guards against asking the Hub, or the disk, for nonsense."""
    with pytest.raises(LibraryError, match="not the name of a model"):
        read_address(text)


def test_what_is_no_model_is_called_what_it_is() -> None:
    """Guards against "not the name of a model" for the page of a dataset, which somebody took for one."""
    with pytest.raises(LibraryError, match="is the address of a dataset"):
        read_address("https://huggingface.co/datasets/a/b")
    with pytest.raises(LibraryError, match="a space"):
        read_address("huggingface.co/spaces/a/b")


@pytest.mark.parametrize("text", ["ada / tiny", " ada/ tiny ", "“ada/tiny”".strip("“”"), "<ada / tiny>"])
def test_blanks_around_the_slash_are_no_matter(text: str) -> None:
    """Guards against a refusal of what anybody can read."""
    assert read_address(text) == ("ada/tiny", None)


def test_inspect_before_a_download(hub: FakeHub) -> None:
    """Guards against numbers that are guessed: size, commit, licence and architecture are the Hub's."""
    found = inspect("ada/tiny", Connection(endpoint=hub.address), None)
    content = hub.repositories["ada/tiny"].commits[found.revision]
    assert found.download == sum(len(content[name]) for name in ("config.json", "tokenizer.json", "LICENSE", WEIGHTS))
    assert (found.licence, found.form, found.dimensions.architecture.layers) == ("apache-2.0", "16-bit", 2)
    assert hub.bytes_served(WEIGHTS) <= 100_001, "a header was asked for, not the weights"


def test_inspect_says_why_not(hub: FakeHub) -> None:
    """Guards against adapters and foreign architectures being offered for download."""
    connection = Connection(endpoint=hub.address)
    hub.publish("ada/mamba", checkpoint(2, family="mamba"))
    with pytest.raises(LibraryError, match="mamba") as caught:
        inspect("ada/mamba", connection, None)
    assert caught.value.kind == "unsupported"
    hub.publish("ada/embedding", {**checkpoint(2, family="qwen3"), "modules.json": b"[]"})
    with pytest.raises(LibraryError, match="is an embedding model, it does not write text"):
        inspect("ada/embedding", connection, None)
    files = checkpoint(2)
    deeper = files["config.json"].replace(b'"num_hidden_layers": 2', b'"num_hidden_layers": 3')
    hub.publish("ada/less", {**files, "config.json": deeper})
    with pytest.raises(LibraryError, match=r"ada/less lacks the tensor model\.layers\.2"):
        inspect("ada/less", connection, None)
    with pytest.raises(LibraryError) as caught:
        inspect("ada/typo", connection, None)
    assert caught.value.kind == "missing"
    hub.faults = [Fault("status", "ada/tiny/@main", status=503)]
    with pytest.raises(LibraryError) as caught:
        inspect("ada/tiny", connection, None)
    assert caught.value.kind == "network"


def test_sign_in_checks_keeps_and_forgets(hub: FakeHub, memory_keyring: MemoryKeyring, tmp_path: Path) -> None:
    """Guards against keeping a token the Hub does not know, and against keeping one anywhere but in the keyring."""
    connection = Connection(endpoint=hub.address)
    for wrong in ("hf_wrong", "no token at all"):
        with pytest.raises(LibraryError) as caught:
            sign_in(wrong, connection)
        assert caught.value.kind == "signin"
    assert token() is None
    assert sign_in(" hf_good\n", connection) == "ada"
    assert token() == "hf_good"
    sign_out()
    sign_out()
    assert token() is None
    assert memory_keyring.kept == {}


def test_sign_in_by_browser(hub: FakeHub, memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a sign-in that is never confirmed, one that outlives its hour, and a token left on disk."""
    signing = sign_in_by_browser(Connection(endpoint=hub.address))
    told = next(step for step in signing if step is not None)
    assert isinstance(told, DeviceCode)
    assert (told.code, told.address) == ("ABCD-1234", f"{hub.address}/device")
    assert next(signing) == told, "no step while it waits, so it could not be stopped"
    assert token() is None
    hub.confirmation = ""
    *_, last = signing
    assert isinstance(last, SignedIn)
    assert last.account == "ada"
    assert "hf_good" not in repr(last)
    assert token() == "hf_good"
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 3700)
    assert token() is None, "with a token that has run out even open models are refused"


def test_sign_in_by_browser_that_is_refused(hub: FakeHub, memory_keyring: MemoryKeyring) -> None:
    """Guards against waiting for ever, and a traceback, where its owner says no."""
    hub.confirmation = "access_denied"
    with pytest.raises(LibraryError, match="not confirmed") as caught:
        list(sign_in_by_browser(Connection(endpoint=hub.address)))
    assert caught.value.kind == "signin"
    assert not memory_keyring.kept


def test_token_does_not_show() -> None:
    """Guards against a token in a log line or a traceback, while it does travel to the downloader."""
    secret = "hf_" + "x" * 20
    order = Order("get", "job", Path("/models"), (Wanted("draft", "a/b", "main"),), token=secret)
    assert secret not in repr(order)
    assert decode_order(encode(order)) == order


def test_progress_travels() -> None:
    """Guards the protocol: what the downloader tells arrives as it was."""
    told = Progress("job", "failed", "No.", kind="space", have=1, size=2, pinned=(("A/b", "a/b", "c"),), again=1.5)
    assert decode_told(encode(told)) == told


def terminal(folder: Path, *words: str) -> int:
    """Run ``python -m engine models …`` in this process."""
    parser = argparse.ArgumentParser()
    add_arguments(parser.add_subparsers())
    return run(parser.parse_args(["models", "--folder", str(folder), *words]))


def test_terminal_from_nothing_to_removed(
    hub: FakeHub,
    memory_keyring: MemoryKeyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Guards the five commands end to end, with a real downloader process."""
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    folder = tmp_path / "models"
    assert terminal(folder, "fit") in {0, 1}
    assert terminal(folder, "fit", "ada/tiny") == 0
    assert terminal(folder, "memory", "--context", "8192") == 0
    assert terminal(folder, "get", "ada/tiny") == 0
    assert terminal(folder, "list") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in CATALOGUE)
    assert "apache-2.0" in out
    assert terminal(folder, "verify", "ada/tiny") == 0
    (weights,) = folder.rglob(WEIGHTS)
    weights.write_bytes(bytes(weights.stat().st_size))
    assert terminal(folder, "verify", "ada/tiny") == 1
    assert "models get ada/tiny" in capsys.readouterr().err
    assert terminal(folder, "get", "ada/tiny") == 0
    assert terminal(folder, "remove", "ada/tiny") == 0
    assert terminal(folder, "remove", "ada/tiny") == 1
    assert terminal(folder, "get", "ada/typo") == 1
    assert terminal(folder, "get", "nonsense") == 1
    out, said = capsys.readouterr()
    assert "not installed" in said
    assert "ada/typo" in said
    assert "ada/typo" not in out, "the same sentence is said twice"
    assert "Go on with" not in said, "a second try would be no better"
    assert not json.loads((folder / "downloads.json").read_text())["jobs"], "it would be tried again for ever"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = len(hub.requests)
    assert terminal(folder, "get", "ada/tiny") == 1
    assert "offline" in capsys.readouterr().err
    assert len(hub.requests) == before


def test_terminal_signs_in_and_goes_on(
    hub: FakeHub,
    memory_keyring: MemoryKeyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Guards against a gated model that a terminal can never have: it has to say how, and that way has to work."""
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub.publish("ada/gated", checkpoint(2), gated=True, members=frozenset({"ada"}))
    assert terminal(tmp_path / "models", "get", "ada/gated") == 1
    said = capsys.readouterr().err
    assert "models signin" in said
    assert "models get ada/gated" in said
    hub.confirmation = ""
    assert terminal(tmp_path / "models", "signin") == 0
    assert "ABCD-1234" in capsys.readouterr().out
    assert terminal(tmp_path / "models", "get", "ada/gated") == 0


def test_a_licence_steers_no_terminal(
    hub: FakeHub, get: Get, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guards against text of the Hub that sets the title, writes the clipboard or clears the screen."""
    hub.publish("ada/odd", checkpoint(3), licence="mit\x1b]52;c;aGk=\x07\x1b[2J\u202e")
    get("ada/odd")
    assert terminal(tmp_path / "models", "list") == 0
    out = capsys.readouterr().out
    assert "mit␛]52" in out
    assert not set(out) & set("\x1b\x07\u202e")


@pytest.mark.parametrize("text", ["hf_goo\nd", "hf_É", "hf_a b", "hf_\x00"])
def test_a_token_of_the_environment_that_is_none(
    hub: FakeHub, memory_keyring: MemoryKeyring, library: Library, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Guards against an endless "the connection was cut" for a token that no request can carry."""
    monkeypatch.setattr("os.environ", {**os.environ, "HF_TOKEN": text})
    with pytest.raises(LibraryError, match="HF_TOKEN") as caught:
        token()
    assert caught.value.kind == "signin"
    assert text not in caught.value.sentence + caught.value.hint
    downloads = Downloads(library, Connection(endpoint=hub.address), token, spare=0)
    downloads.add("job", (Wanted("target", "ada/tiny"),))
    told = next(progress for progress in iter(downloads.events.get, None) if progress.over)
    downloads.close()
    assert (told.state, told.kind) == ("failed", "signin")
    assert not hub.requests


def test_a_token_of_the_environment_with_a_line_end(
    memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against refusing what ``$(cat file)`` on Windows, or a hasty paste, leaves around it."""
    monkeypatch.setenv("HF_TOKEN", " hf_good\r\n")
    assert token() == "hf_good"
    monkeypatch.setenv("HF_TOKEN", " \n")
    assert token() is None


def test_a_token_for_this_run(hub: FakeHub, memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a good token that cannot be used at all where the system has no keyring."""

    def locked(*_: object) -> None:
        raise KeyringError

    monkeypatch.setattr(memory_keyring, "set_password", locked)
    connection = Connection(endpoint=hub.address)
    with pytest.raises(LibraryError, match="no keyring") as caught:
        sign_in("hf_good", connection)
    assert "for this run" in caught.value.hint
    assert token() is None
    assert sign_in("hf_good", connection, for_now=True) == "ada"
    assert token() == "hf_good"
    assert memory_keyring.kept == {}
    sign_out()
    assert token() is None
    hub.confirmation = ""
    assert any(isinstance(told, SignedIn) for told in sign_in_by_browser(connection, for_now=True))
    assert token() == "hf_good"
    sign_out()


def test_the_wrong_case_is_the_same_model(hub: FakeHub, get: Get, library: Library) -> None:
    """Guards against a second copy of a model whose name was typed in small letters."""
    library.require()
    get("ada/tiny")
    found = inspect("ADA/Tiny", Connection(endpoint=hub.address), None)
    assert found.repository == "ada/tiny"
    before = hub.bytes_served(WEIGHTS)
    told = get("ADA/Tiny")
    assert told[-1].pinned == (("ADA/Tiny", "ada/tiny", found.revision),)
    assert hub.bytes_served(WEIGHTS) == before
    assert [model.repository for model in library.models()] == ["ada/tiny"]
