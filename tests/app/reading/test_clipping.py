"""What is copied out of an answer."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.conversations.markup import typeset
from app.messages.clipboard import copy_answer
from app.reading.links import LinkQuestion
from app.reading.sheet import Sheet
from tests.app.reading.test_sheet import sheet, write

assert sheet  # a fixture


def copied(sheet: Sheet) -> str:
    sheet.selectAll()
    sheet.copy()
    return QApplication.clipboard().text()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1. one\n2. two\n   - sub\n\n- [x] done", "1. one\n2. two\n  - sub\n- [x] done"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | |", "a\tb\n1\t2\n3\t"),
        ("> quoted\n\nplain", "> quoted\nplain"),
        ("```python\nx = 1\n```\n\nand", "x = 1\nand"),
        ("[1]: https://a.b", "[1]: https://a.b"),
    ],
)
def test_a_selection_keeps_its_shape(qtbot: QtBot, sheet: Sheet, text: str, plain: str) -> None:
    """Guards: numbers, bullets, boxes and columns that are gone once they are pasted."""
    write(qtbot, sheet, text)
    assert copied(sheet).strip("\n") == plain


def test_a_selection_is_html_as_well(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: lists and tables pasted as lines; the colours of this window and its drafts in somebody's letter."""
    write(qtbot, sheet, "1. **one**\n\n| a |\n|---|\n| $x$ |\n\n[share](smb://host/x) [web](https://a.b)", final=True)
    sheet.grow([], " and a draft", final=False)
    copied(sheet)
    html = QApplication.clipboard().mimeData().html()
    assert "<ol" in html
    assert "<table" in html
    assert "$x$" in html
    assert 'href="https://a.b"' in html
    assert "smb:" not in html
    assert "draft" not in html
    assert "color:#1c2027" not in html


def test_an_answer_is_copied_without_its_thoughts(qapp: QApplication) -> None:
    """Guards: a page of thinking before what was asked for; a letter pasted as raw Markdown."""
    copy_answer("<think>\nhm\n</think>\n\nSo **be** it.")
    assert qapp.clipboard().text() == "So **be** it."
    assert "<strong>be</strong>" in qapp.clipboard().mimeData().html()
    copy_answer("<think>\nonly thoughts")
    assert "only thoughts" in qapp.clipboard().text()


def test_addresses_show_what_they_are(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: letters of another alphabet, and signs that turn the writing round, in the question about a link."""
    asked = LinkQuestion(QUrl("https://\u0430\u0440\u0440\u04cf\u0435.com/\u202efdp.exe"), sheet)
    assert asked.informativeText() == "https://xn--80ak6aa92e.com/%E2%80%AEfdp.exe"
    asked.close()


def test_exported_links_lead_to_the_web_alone() -> None:
    """Guards: a link to a share of a network, which gives away who follows it, in an exported page."""
    made = typeset("[a](smb://host/x) [b](file:///etc/passwd) [c](https://a.b) [d](mailto:a@b.c)")
    assert made.count("href=") == 2
    assert "smb://host/x" in made
