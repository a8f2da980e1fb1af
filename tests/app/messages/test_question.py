"""A question as it is shown."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.messages.question import LONGEST, Question, beginning


@pytest.mark.parametrize("text", ["", "Why?", "one\ntwo", "\n".join(["x"] * 12), "word " * 150, "\n".join(["x"] * 14)])
def test_a_question_of_usual_length_is_shown_whole(text: str) -> None:
    """Guards: a button to show one more line."""
    assert beginning(text) == text


@pytest.mark.parametrize("text", ["\n".join(["line"] * 40), "x" * 10_000, "word " * 2_000, f"one\n{'y' * 5_000}\ntwo"])
def test_of_a_long_question_the_beginning_is_shown(qtbot: QtBot, text: str) -> None:
    """Guards: a pasted page that pushes the answer out of the window; a fold that cannot be opened or closed again."""
    question = Question(text)
    qtbot.addWidget(question)
    question.resize(600, 400)
    question.show()
    shown = question.text.toPlainText()
    assert shown.endswith(" …")
    assert text.startswith(shown[:-2])
    assert len(shown) < 1_500
    question.fold.click()
    assert question.text.toPlainText() == text
    question.fold.click()
    assert question.text.toPlainText() == shown


def test_a_megabyte_in_one_word_is_never_laid_out(qtbot: QtBot) -> None:
    """Guards: a window that stands still for half a minute as a question is shown, or opened."""
    question = Question("x" * 10**6)
    qtbot.addWidget(question)
    question.show_all(whole=True)
    assert len(question.text.toPlainText()) < LONGEST + 100
    assert "Copy takes all of it" in question.text.toPlainText()
