"""An answer as it is written: every prefix of twenty, and blocks without end."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ink.marks import Mark
from app.look.palette import LIGHT
from app.reading.copying import CopyButton
from app.reading.cutting import HUGE
from app.reading.sheet import Sheet
from app.reading.typeset import Typesetter
from tests.app.reading.answers import ANSWERS

CHANGES = {  # what Markdown itself changes: brackets and signs that turn out to be a link, a formula, code
    "headings": 1,
    "formulas": 3,
    "emphasis": 1,
    "links": 2,
}


@pytest.fixture
def sheet(qtbot: QtBot) -> Sheet:
    made = Sheet(LIGHT, marked=False)
    qtbot.addWidget(made)
    made.resize(420, 100)
    return made


def pieces(text: str) -> list[str]:
    """Cut ``text`` as tokenizers do: beginnings of words with the space before them, signs, line breaks."""
    return re.findall(r"\s?\w{1,4}|\n+|\s?[^\w\s]|\s", text)


def letters(sheet: Sheet) -> str:
    return re.sub(r"\s", "", sheet.toPlainText())


def grow(sheet: Sheet, text: str, *, final: bool = False) -> None:
    sheet.grow([(text, Mark.WRITTEN)] if text else [], "", final=final)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_nothing_jumps_as_an_answer_is_written(qtbot: QtBot, sheet: Sheet, name: str) -> None:
    """Guards: signs that stand there until a block closes, text that goes away again, a page that shrinks."""
    before, height, changes = "", 0.0, 0
    for piece in [*pieces(ANSWERS[name]), ""]:
        grow(sheet, piece, final=not piece)
        now = letters(sheet)
        changes += not now.startswith(before)
        assert sheet.document().size().height() >= height - 0.5, now[-40:]
        before, height = now, sheet.document().size().height()
    assert changes <= CHANGES.get(name, 0)
    whole = Sheet(LIGHT, marked=False)
    whole.resize(420, 100)
    grow(whole, ANSWERS[name], final=True)
    qtbot.waitUntil(lambda: sheet.complete and whole.complete)
    assert sheet.toHtml() == whole.toHtml()


def test_blocks_appear_as_they_begin(sheet: Sheet) -> None:
    """Guards: three backquotes, pipes and dashes until the last line is there."""
    grow(sheet, "```py")
    assert letters(sheet) == ""
    grow(sheet, "thon\ndef f():")
    (button,) = sheet.findChildren(CopyButton)
    assert sheet.toPlainText().strip() == "def f():"
    assert "python" in button.accessibleName()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    grow(sheet, " pass")  # in mid-line, without typesetting
    assert button.text() == "Copied"
    grow(sheet, "\nf()")
    assert sheet.findChildren(CopyButton) == [button]  # somebody may be pressing it
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == "def f(): pass\nf()"
    grow(sheet, "\n``")
    assert sheet.toPlainText().strip() == "def f(): pass\nf()"
    grow(sheet, "`\n\n| a | b |\n|--")
    assert letters(sheet).endswith("f()")
    grow(sheet, "|--|\n| 1 | **2")
    assert letters(sheet).endswith("ab12")
    grow(sheet, "** |\n\n- [ ]")
    assert letters(sheet).endswith("ab12")
    grow(sheet, " one\n- *two")
    assert letters(sheet).endswith("onetwo")


@pytest.mark.parametrize(
    "line",
    [
        lambda n: f"- item {n} in `code`, and a few more words\n",
        lambda n: f"{n + 1}. item {n}, and a few words more than that\n",
        lambda n: f"x{n} = {n}  # and a few words of a comment\n",
    ],
)
def test_a_token_costs_little_however_long_the_block_is(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch, line: Callable[[int], str]
) -> None:
    """Guards: a list or code typeset from its beginning with every line, until the window stands still."""
    text = "".join(map(line, range(110)))
    if text.startswith("x"):
        text = f"```python\n{text}"
    written, write = [0], Typesetter.write

    def counted(self: Typesetter, cursor: object, source: str, *rest: object, **more: object) -> list[str]:
        written[0] += len(source)
        return write(self, cursor, source, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Typesetter, "write", counted)
    lines = re.findall(r".*\n", text)
    for piece in lines:
        grow(sheet, piece)
    assert written[0] < 1000 * len(lines)  # characters; from the beginning with every line it would be 2000 and more
    grow(sheet, "", final=True)
    assert letters(sheet).count("item" if "item" in text else "=") == 110


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "two words " * 10_000,
        "```python\n" + "value = 1  # one\n" * 2_000,
        "| a | b |\n|--|--|\n" + "| one | **two** |\n" * 900,
        "".join(f"{n}. item\n" for n in range(1, 3_000)),
        "> " + "quoted " * 3_000,
    ],
)
def test_no_block_is_too_long(qtbot: QtBot, sheet: Sheet, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Guards: a window that stands still for a word of a megabyte or a table of two thousand rows; anything lost."""
    longest, write = [0], Typesetter.write

    def measured(self: Typesetter, cursor: object, source: str, *rest: object, **more: object) -> list[str]:
        longest[0] = max(longest[0], len(source))
        return write(self, cursor, source, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Typesetter, "write", measured)
    grow(sheet, text, final=True)
    qtbot.waitUntil(lambda: sheet.complete, timeout=20_000)
    assert longest[0] <= HUGE + 100
    shown = letters(sheet)
    for word in ("x", "two", "value", "item", "quoted"):
        assert shown.count(word) == text.count(word)
    if text.startswith("`"):
        (button,) = sheet.findChildren(CopyButton)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert QApplication.clipboard().text() == text.partition("\n")[2].rstrip("\n")
    if text.startswith("|"):
        assert shown.startswith("abonetwo")
        assert shown.count("ab") == 1
