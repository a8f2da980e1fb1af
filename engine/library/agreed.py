"""How often guesses of a set's smaller models stood, of what planning has kept of them. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from engine.config import TARGET, Model, ModelSet, Role

ENOUGH = 30  # tokens judged, from which on they say more than what is usual
MOST_BYTES = 10_000_000  # of a file worth reading
UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def usual_file() -> Path:
    """Return where planning keeps what it knows: beside the paces, see engine/decoding/planning/kept.py."""
    return user_data_path("Updraft", appauthor=False) / "plans.json"


def agreed(file: Path, models: ModelSet) -> dict[Role, float]:
    """Return what share of its tokens the target of ``models`` kept, for each smaller model of which that is known.

    Whatever way and whichever method they were counted in: that changes what passes cost, not what models say.
    """
    try:
        if not file.is_file() or file.stat().st_size > MOST_BYTES:
            return {}
        value: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        told = [one["agreements"] for name, one in value.items() if name.startswith(f"{models.target} | ")]
        counts = {role: _counted(told, role) for role in models.models if role != TARGET}
    except UNREADABLE:
        return {}
    return {role: kept / seen for role, (kept, seen) in counts.items() if seen >= ENOUGH and 0 <= kept <= seen}


def _counted(told: list[list[tuple[list[Any], list[Any], list[list[float]]]]], role: Role) -> tuple[float, float]:
    """Return how many tokens of ``role`` were kept by the target, and judged."""
    wanted = [Model.kind, role], [Model.kind, TARGET]
    places = [place for pairs in told for low, high, counts in pairs if (low, high) == wanted for place in counts]
    return sum(float(kept) for kept, _ in places), sum(float(seen) for _, seen in places)
