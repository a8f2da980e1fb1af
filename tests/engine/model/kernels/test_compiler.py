"""Every kernel compiles for every supported GPU: NVRTC needs none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.decoding.kernels.sources import MACROS
from engine.decoding.kernels.sources import source as decoding
from engine.model.kernels.compiler import Source, cubin

pytest.importorskip("cuda.core", exc_type=ImportError)


def nvrtc_missing() -> str:
    """Return why NVRTC cannot be used here, or ""."""
    from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib

    try:
        load_nvidia_dynamic_lib("nvrtc")
    except DynamicLibNotFoundError:
        return "NVRTC is not installed"
    return ""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := nvrtc_missing():
        pytest.skip(reason)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))


OUTER, BETWEEN = (80, 90, 120), (86, 89, 100)  # every instruction that only some GPUs have is in one of the first
WIDEST = {"TOKEN_TILES": 2, "STAGES": 2, "REGISTERS": 128, "TABLE_STRIDE": 128}


@pytest.mark.parametrize(
    ("source", "entries", "macros"),
    [
        (Source("nf4_linear"), ["nf4_linear"], WIDEST | {"GROUPS": 0}),
        (Source("nf4_linear"), ["nf4_linear"], WIDEST | {"GROUPS": 1}),
        (Source("groups"), ["spread"], {}),
        (Source("rms_norm"), ["rms_norm"], {"PIECES": 2}),
        (Source("rotate"), ["rotate"], {"HEAD_DIM": 128}),
        (Source("attention"), ["attend", "join"], {"HEAD_DIM": 128, "STEP": 128}),
        (decoding("rows"), ["open_pass", "keep", "recall"], MACROS),
        (decoding("laws"), ["survey", "weigh", "gather", "choose", "race", "draw"], MACROS),
        (decoding("judge"), ["diverge", "surprise", "hesitate", "decide"], MACROS),
        (decoding("rank"), ["rank"], MACROS),
        (decoding("lookup"), ["look_up"], MACROS),
        (decoding("block"), ["open_block", "lean", "doubt"], MACROS),
    ],
    ids=lambda given: given.name if isinstance(given, Source) else None,
)
@pytest.mark.parametrize("some", [OUTER, pytest.param(BETWEEN, marks=pytest.mark.slow)], ids=["outer", "between"])
def test_compiles(source: Source, entries: list[str], macros: dict[str, int], some: tuple[int, ...]) -> None:
    """An instruction that an older GPU lacks, or a source that needs a header, fails on that user's machine only."""
    with ThreadPoolExecutor() as pool:  # NVRTC works without the interpreter
        codes = list(pool.map(lambda architecture: cubin(source, architecture, **macros), some))
    for architecture, code in zip(some, codes, strict=True):
        assert code.startswith(b"\x7fELF"), architecture
        assert all(entry.encode() in code for entry in entries), architecture


def test_a_fault_in_the_source_is_told(tmp_path: Path) -> None:
    """Variants come from macros: one that is missing must fail with NVRTC's words, not with a broken kernel."""
    with pytest.raises(Exception, match="TOKEN_TILES"):
        cubin(Source("nf4_linear"), 90, STAGES=2)
