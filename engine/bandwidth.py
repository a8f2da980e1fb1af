"""How fast weights reach a GPU, from the host's memory and from its own: measured once a machine, a guess before.

Imports no torch to look; only measuring does, which needs the GPU.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from engine.files import replace_file
from engine.gpus import Gpu

if TYPE_CHECKING:
    import torch

PIECE, PIECES, TURNS = 64 << 20, 4, 4  # bytes and how many times they are copied to measure; the fastest turn counts
LANE = {1: 0.2e9, 2: 0.4e9, 3: 0.75e9, 4: 1.5e9, 5: 3.2e9, 6: 6e9}  # bytes a second of one lane, by generation
UNKNOWN_LINK = 6e9  # bytes a second, where the driver does not say which link there is: eight lanes of the third
LARGE, OWN, OWN_OF_LARGE = 20 * 10**9, 250e9, 500e9  # what a GPU reads of its own a second; one so large, as much
LEAST, MOST, MOST_BYTES = 1e8, 1e14, 1_000_000  # bytes a second that can be meant; bytes of a file worth reading


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Bytes a second: over the ``bus`` from pinned memory of the host, and of a GPU's ``own`` memory in a pass."""

    bus: float
    own: float
    measured: bool = False


def guessed(gpu: Gpu) -> Bandwidth:
    """Return a careful guess for ``gpu`` by its link and its size."""
    generation, lanes = gpu.link
    bus = LANE[min(generation, max(LANE))] * lanes if generation and lanes else UNKNOWN_LINK
    return Bandwidth(bus, OWN_OF_LARGE if gpu.total >= LARGE else OWN)


def usual_file() -> Path:
    """Return where it is kept: with what else is this computer's, not the conversations'."""
    return user_data_path("Updraft", appauthor=False) / "bandwidth.json"


def kept(file: Path | None, name: str) -> Bandwidth | None:
    """Return what was measured of the GPU called ``name``; None where nothing was, or ``file`` is damaged."""
    known = _read(file).get(name)
    return known if known is None else Bandwidth(*known, measured=True)


def known_or_measured(file: Path | None, name: str, measure: Callable[[], Bandwidth]) -> Bandwidth:
    """Return what is kept of the GPU called ``name``, or measure it and keep that, where the disk takes it."""
    if (found := kept(file, name)) is not None:
        return found
    found = measure()
    if file is not None:
        known = {**_read(file), name: (found.bus, found.own)}
        value = {each: {"bus": bus, "own": own} for each, (bus, own) in known.items()}
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, json.dumps(value).encode())
    return found


def _read(file: Path | None) -> dict[str, tuple[float, float]]:
    try:
        if file is None or not file.is_file() or file.stat().st_size > MOST_BYTES:
            return {}
        value: Any = json.loads(file.read_text(encoding="utf-8"))
        pairs = {str(name): (float(one["bus"]), float(one["own"])) for name, one in value.items()}
        return {name: pair for name, pair in pairs.items() if all(LEAST < each < MOST for each in pair)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def measure_once(device: torch.device, file: Path | None) -> None:
    """Measure the GPU ``device`` and keep that in ``file``, unless it is known or its memory is full."""
    import torch

    with suppress(torch.OutOfMemoryError):
        known_or_measured(file, torch.cuda.get_device_name(device), lambda: measured(device))
        torch.cuda.empty_cache()


def measured(device: torch.device) -> Bandwidth:
    """Copy memory to ``device``, which is a GPU, and within it; takes a few tenths of a second.

    A copy within reads and writes, so that it moves twice the bytes; passes come to a half of what that makes, as they
    do other things than read.
    """
    import torch

    here = torch.empty(PIECE, dtype=torch.uint8, pin_memory=True)
    there = torch.empty(PIECES * PIECE, dtype=torch.uint8, device=device)
    half = len(there) // 2

    def pace(moved: int, copy: Callable[[], object]) -> float:
        times = []
        for _ in range(TURNS):
            torch.cuda.synchronize(device)
            began = perf_counter()
            copy()
            torch.cuda.synchronize(device)
            times.append(perf_counter() - began)
        return moved / min(times)

    bus = pace(len(there), lambda: [part.copy_(here, non_blocking=True) for part in torch.split(there, PIECE)])
    own = pace(half, lambda: there[half:].copy_(there[:half]))
    return Bandwidth(bus, own, measured=True)
