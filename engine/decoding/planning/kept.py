"""What planners know, kept in a file between sessions. A damaged file or entry counts as nothing known."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from engine.config import TARGET, Model, Source, source_kind
from engine.decoding.planning.agreement import PLACES
from engine.decoding.planning.beliefs import Beliefs
from engine.decoding.planning.copies import CLASSES
from engine.decoding.planning.costs import Costs, Kind
from engine.decoding.planning.planner import Planner
from engine.decoding.planning.search import Chain, Reach
from engine.files import replace_file

MOST_BYTES = 10_000_000  # of a file worth reading
MOST_MODELS = 50  # of which something is kept: those used last
UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, IndexError)


class Plans:
    """The planners of all models, kept in ``file`` (None: not kept)."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._read: dict[str, Any] = {} if file is None else _read(file)
        self._planners: dict[str, Planner] = {}

    def of(self, name: str, costs: Callable[[], Costs], *, picky: bool, reach: Reach = Reach()) -> Planner:  # noqa: B008 - frozen
        """Return the planner of ``name``: a set of models, the device and the way it runs there, a preset.

        ``costs``: what is known of passes before any was timed; ``picky``, ``reach``: see Beliefs.
        """
        if name not in self._planners:
            planner, filled = (Planner(Beliefs(costs(), picky=picky, reach=reach)) for _ in range(2))
            with suppress(*UNREADABLE):
                planner = _filled(filled, self._read[name])
            self._planners[name] = planner
        return self._planners[name]

    def save(self) -> None:
        """Replace the file; where the disk does not take it, nothing happens."""
        if self._file is None or not self._planners:
            return
        used = {name: _told(planner) for name, planner in self._planners.items()}
        self._read = dict([*((name, one) for name, one in self._read.items() if name not in used), *used.items()])
        self._read = dict(list(self._read.items())[-MOST_MODELS:])
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._file, json.dumps(self._read).encode())


def _read(file: Path) -> dict[str, Any]:
    with suppress(*UNREADABLE):
        if file.is_file() and file.stat().st_size <= MOST_BYTES:
            value = json.loads(file.read_text(encoding="utf-8"))
            return value if isinstance(value, dict) else {}
    return {}


def _told(planner: Planner) -> dict[str, Any]:
    """Return what ``planner`` knows as plain JSON values."""
    beliefs, best = planner.beliefs, planner.best
    costs = beliefs.costs
    return {
        "tempo": costs.tempo,
        "costs": [
            [_name(who), None if below is None else _name(below), kind, [[n, *entry] for n, entry in widths.items()]]
            for (who, below, kind), widths in costs.known.items()
        ],
        "agreements": [[_name(low), _name(high), places] for (low, high), places in beliefs.agreements.counts.items()],
        "lasting": [[_name(source), places] for source, places in beliefs.agreements.lasting.items()],
        "copies": [beliefs.copies.looks, beliefs.copies.found, beliefs.copies.held],
        "beside": [[[_name(source) for source in sources], both] for sources, both in beliefs.beside.items()],
        "came": [[[_name(source) for source in sources], both] for sources, both in beliefs.came.items()],
        "best": None if best is None else [[*map(_name, best.guessers)], [*map(_name, best.judges)], best.windows],
        "purse": planner.purse,
        "rounds": planner.rounds,
        "turning": planner.turning,
        "replies": planner.replies,
        "failed": [[[_name(source) for source in sources], *times] for sources, times in planner.failed.items()],
    }


def _filled(planner: Planner, value: dict[str, Any]) -> Planner:
    """Return ``planner`` with what ``_told`` told; raises one of UNREADABLE for anything else."""
    beliefs = planner.beliefs
    beliefs.costs.tempo = _number(value["tempo"], -50, 50)
    for who, below, kind, widths in value["costs"]:
        if kind not in get_args(Kind):
            raise ValueError(kind)
        key = _source(who), None if below is None else _source(below), kind
        beliefs.costs.known[key] = {
            int(n): [_number(at, -50, 50), _number(weight, 0, 1e6)] for n, at, weight in widths if 0 <= int(n) < 1e4
        }
    for low, high, places in value["agreements"]:
        beliefs.agreements.counts[_source(low), _source(high)] = _counts(places, PLACES)
    for source, places in value["lasting"]:
        beliefs.agreements.lasting[_source(source)] = _counts(places, PLACES)
    looks, found, held = value["copies"]
    beliefs.copies.looks = _number(looks, 0, 1e6)
    beliefs.copies.found = [_number(each, 0, beliefs.copies.looks + 1e-6) for each in found]
    beliefs.copies.held = _counts(held, CLASSES)
    if len(beliefs.copies.found) != CLASSES:
        raise ValueError("not as many lengths as there are")
    for sources, (took, passes) in value["beside"]:
        beliefs.beside[_sources(sources)] = [_number(took, 0, 1e6), _number(passes, 0, 1e6)]
    for sources, (came, expected) in value["came"]:
        beliefs.came[_sources(sources)] = [_number(came, 0, 1e6), _number(expected, 0, 1e6)]
    planner.purse = None if value["purse"] is None else _number(value["purse"], -1e6, 1e6)
    planner.rounds = int(_number(value["rounds"], 0, 1e12))
    planner.turning = _number(value["turning"], 0, 1e4)
    written, read = value["replies"]
    planner.replies = [_number(written, 0, 1e12), _number(read, 1, 1e12)]
    planner.failed = {_sources(sources): (int(times), int(last)) for sources, times, last in value["failed"]}
    planner.best = None if value["best"] is None else _chain(beliefs.reach, *value["best"])
    return planner


def _chain(reach: Reach, guessers: Any, judges: Any, windows: Any) -> Chain:
    found = Chain(_sources(guessers), _sources(judges), tuple(int(_number(each, 1, 1e4)) for each in windows))
    least = bool(found.guessers)
    if found.judges[-1] != Model(TARGET) or len(found.windows) != least * len(found.judges):
        raise ValueError("not a chain")
    if least and not reach.holds(found.windows):
        raise ValueError("windows that no pass has room for")
    return found


def _counts(places: Any, many: int) -> list[list[float]]:
    counts = [[_number(seen, 0, 1e6) and _number(kept, 0, seen), _number(seen, 0, 1e6)] for kept, seen in places]
    if len(counts) != many:
        raise ValueError("not as many places as there are")
    return counts


def _number(value: Any, low: float, high: float) -> float:
    if not isinstance(value, int | float) or not isfinite(value) or not low <= value <= high:
        raise ValueError(f"not a number from {low} to {high}: {value}")
    return float(value)


def _name(source: Source) -> list[Any]:
    return [source.kind, *(getattr(source, field.name) for field in fields(source))]


def _source(value: Any) -> Source:
    """Return the source that ``_name`` named; raises ValueError for one this version does not know."""
    kind, *given = value
    source: Source = source_kind(kind)(*given)
    if source.kind != kind or not all(isinstance(field, str | int | float | None) for field in given):
        raise ValueError(f"not a source: {value}")
    return source


def _sources(values: Any) -> tuple[Source, ...]:
    return tuple(map(_source, values))
