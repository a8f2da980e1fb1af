"""Questions in Spec-Bench's format (github.com/hemingkx/Spec-Bench, arXiv 2401.07851): our own few, or its file.

A line of JSON each: ``question_id``, ``category`` and ``turns``, what is said one after the other, each turn behind the
answer to the one before. Other keys, such as ``reference``, are left alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from operator import itemgetter
from pathlib import Path
from typing import Any

from engine.errors import SettingError

MT_BENCH = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
CATEGORIES = (*MT_BENCH, "translation", "summarization", "qa", "math_reasoning", "rag")
GROUPS = {"mt_bench": MT_BENCH, "all": CATEGORIES}  # what Spec-Bench counts together
FORMAT = "Each line is an object with question_id, category and turns, as in Spec-Bench's question.jsonl."


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: its ``turns``, one after the other."""

    id: int
    category: str
    turns: tuple[str, ...]


def shipped() -> tuple[Question, ...]:
    """Return our own questions, three a category."""
    lines = (files("engine.bench.papers") / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return _parsed(lines, "our own questions")


def read(path: Path) -> tuple[Question, ...]:
    """Read the questions in a file; raises SettingError, which names the line, for anything but the format."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as cause:
        raise SettingError(
            f"{path} cannot be read: {cause.strerror}.", "Choose another file for --questions."
        ) from cause
    except UnicodeDecodeError as cause:
        raise SettingError(f"{path} is not text in UTF-8.", FORMAT) from cause
    return _parsed(text.split("\n"), str(path))  # a line of JSON may hold what splitlines takes for an end


def picked(questions: Iterable[Question], categories: Sequence[str], limit: int | None) -> tuple[Question, ...]:
    """Return at most ``limit`` questions of each of ``categories`` (none: of all): the first of each, then the second.

    Those of MT-bench, of which there are eight, come behind the others: a run that ends early has asked of all kinds.
    ``categories``: of CATEGORIES or GROUPS. Raises SettingError for any other, and where that leaves no question.
    """
    if unknown := [name for name in categories if name not in {*CATEGORIES, *GROUPS}]:
        raise SettingError(f"{unknown[0]} is no category.", f"There are {', '.join((*CATEGORIES, *GROUPS))}.")
    wanted = {each for name in categories for each in GROUPS.get(name, (name,))} or set(CATEGORIES)
    taken, found = Counter[str](), list[tuple[int, bool, Question]]()
    for question in questions:
        if question.category in wanted and (limit is None or taken[question.category] < limit):
            taken[question.category] += 1
            found.append((taken[question.category], question.category in MT_BENCH, question))
    if not found:
        raise SettingError(f"There are no questions of {', '.join(categories)}.", "Choose other --categories.")
    return tuple(question for *_, question in sorted(found, key=itemgetter(0, 1)))


def _parsed(lines: Iterable[str], name: str) -> tuple[Question, ...]:
    found: dict[int, Question] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        question = _question(line)
        if isinstance(question, Question) and question.id in found:
            question = f"repeats question_id {question.id}"
        if isinstance(question, str):
            raise SettingError(f"Line {number:,} of {name} {question}.", FORMAT)
        found[question.id] = question
    if not found:
        raise SettingError(f"There is no question in {name}.", FORMAT)
    return tuple(found.values())


def _question(line: str) -> Question | str:
    """Return the question in a line, or what is wrong with the line, as the end of a sentence."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return "is no JSON"
    if not isinstance(value, dict):
        return "is no object"
    number, category, turns = (value.get(key) for key in ("question_id", "category", "turns"))
    if not isinstance(number, int) or isinstance(number, bool):
        return "has no whole number as its question_id"
    if category not in CATEGORIES:
        return f"has category {category!r}, which is none of {', '.join(CATEGORIES)}"
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) and turn.strip() for turn in turns):
        return "has no list of texts as its turns"
    return Question(number, category, tuple(turns))
