"""Questions: ours are in Spec-Bench's format, its file is read, and what is no question is said with its line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from engine.bench.papers.questions import CATEGORIES, MT_BENCH, Question, picked, read, shipped
from engine.errors import SettingError

LINE = {"question_id": 81, "category": "writing", "turns": ["One?", "Two?"], "reference": []}


def test_ours_cover_every_category() -> None:
    """Three of each; two turns where MT-bench has two."""
    questions = shipped()
    assert Counter(question.category for question in questions) == dict.fromkeys(CATEGORIES, 3)
    assert all(len(question.turns) == 1 + (question.category in MT_BENCH) for question in questions)


def test_spec_benchs_file_is_read(tmp_path: Path) -> None:
    """Keys that are not used, empty lines, and separators that only look like ends of lines are left alone."""
    other = {"question_id": 82, "category": "rag", "turns": ["a\u2028b"]}
    file = tmp_path / "question.jsonl"
    file.write_text(f"{json.dumps(LINE)}\n\n{json.dumps(other, ensure_ascii=False)}\n", encoding="utf-8")
    assert read(file) == (Question(81, "writing", ("One?", "Two?")), Question(82, "rag", ("a\u2028b",)))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is no object"),
        (json.dumps({**LINE, "question_id": "82"}), "has no whole number as its question_id"),
        (json.dumps({**LINE, "question_id": 82, "category": "poetry"}), "has category 'poetry'"),
        (json.dumps({**LINE, "question_id": 82, "turns": "One?"}), "has no list of texts"),
        (json.dumps({**LINE, "question_id": 82, "turns": ["One?", " "]}), "has no list of texts"),
        (json.dumps(LINE), "repeats question_id 81"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    """A benchmark that skips what it cannot read is over other questions than it says."""
    file = tmp_path / "question.jsonl"
    file.write_text(f"{json.dumps(LINE)}\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingError, match=f"Line 2 of .*{why}"):
        read(file)


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    """Nothing there, nothing in it, no text."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for name, why in (("none", "cannot be read"), ("empty", "no question"), ("bytes", "UTF-8")):
        with pytest.raises(SettingError, match=why):
            read(tmp_path / name)


def test_categories_and_a_limit_pick() -> None:
    """A group stands for its members; an unknown name is refused with those there are."""
    questions = picked(shipped(), ["mt_bench", "qa"], 2)
    assert Counter(question.category for question in questions) == dict.fromkeys([*MT_BENCH, "qa"], 2)
    everything = picked(shipped(), [], None)
    assert sorted(everything, key=lambda question: question.id) == list(shipped())
    first = [question.category for question in everything[:13]]
    assert sorted(first) == sorted(CATEGORIES), "one of each comes first"
    assert set(first[:5]).isdisjoint(MT_BENCH)
    with pytest.raises(SettingError, match="poetry") as refused:
        picked(shipped(), ["qa", "poetry"], None)
    assert "math_reasoning" in refused.value.hint
    with pytest.raises(SettingError, match="no questions of rag"):
        picked(picked(shipped(), ["qa"], None), ["rag"], None)
