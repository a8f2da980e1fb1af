"""Processes of our own are as shut off from a person's packages and folder as the one that starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from engine.library.connection import Connection
from engine.library.process import Downloader
from engine.library.protocol import Order
from engine.teaching.process import Teacher

STARTS: tuple[Callable[[], Teacher | Downloader], ...] = (
    lambda: Teacher((), lambda _: None, lambda _: None),
    lambda: Downloader(Order("release", ""), Connection(), lambda _: None, lambda _: None),
)


@pytest.mark.parametrize("start", STARTS, ids=["teacher", "downloader"])
def test_what_a_bundle_starts_is_isolated_too(
    start: Callable[[], Teacher | Downloader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a person's own torch, or an engine.py in their folder, imported by what a bundle starts."""
    flags = SimpleNamespace(isolated=1, safe_path=True, dont_write_bytecode=1)
    monkeypatch.setattr("engine.interpreter.sys", SimpleNamespace(flags=flags, executable="python"))
    started = MagicMock()
    monkeypatch.setattr(subprocess, "Popen", started)
    start().join()
    assert started.call_args.args[0][:4] == ["python", "-I", "-B", "-m"]


@pytest.mark.parametrize("options", [[], ["-P"], ["-I"], ["-I", "-B"]], ids=" ".join)
def test_options_are_handed_on(options: list[str]) -> None:
    """Guards: a checkout's processes that find no checkout, being more shut off than what started them."""
    root = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); from engine.interpreter import python; print(*python('x')[1:])"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    said = subprocess.check_output([sys.executable, *options, "-c", code], env=clean, text=True, cwd=root)
    assert said.split() == [*options, "x"]
