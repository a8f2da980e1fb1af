"""Files and functions stay short enough to be read in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("app", "engine", "packaging")
FILE, FUNCTION = 300, 45  # lines at most


def lengths() -> Iterator[tuple[str, int, int]]:
    """Yield each file and function of the rooms, how many lines it has, and how many it may have."""
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        yield name, text.count("\n"), FILE
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                yield f"{name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1, FUNCTION


def test_nothing_is_too_long() -> None:
    """A file that has taken in a second idea, a function in which steps have not got their names."""
    found = list(lengths())
    assert sum(name.endswith(".py") for name, *_ in found) > 300
    assert [f"{name}: {lines} lines, of {most} at most" for name, lines, most in found if lines > most] == []
