"""An answer as it is written: every prefix of twenty, and blocks without end."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial

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

ODD = [  # what ends otherwise than it looked, or looks like something else on the way
    "> ```\n\nafter a quote of nothing but a fence",
    "- ```\n\n  x = 1\n\n  ```\n\nafter code in an item",
    "    code    \n\nafter code that was moved in",
    "a\n1. \xa0 word that is no item",
    "```\nx\n\n```\n~~~\n~~~\nafter code",
    "a &amp; b, **bold.**, `code`` and *more",
    "[one] before\n\n[one]: https://example.org/page\n\n[one] after",
]


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


def shape(sheet: Sheet) -> list[tuple[str, object]]:
    """Return the text and the format of every block, without what the draft's place needs behind open code."""
    block, found = sheet.document().begin(), list[tuple[str, object]]()
    while block.isValid():
        form = block.blockFormat()
        found.append((block.text(), (form.properties() if block.textList() is None else form.indent())))
        block = block.next()
    return found


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


@pytest.mark.parametrize("seed", range(8))
def test_however_it_is_cut_it_looks_as_if_written_at_once(qtbot: QtBot, sheet: Sheet, seed: int) -> None:
    """Guards: a block kept as it was shown while it grew that should have been typeset again, at its end or before."""
    draw = random.Random(seed)
    parts = pieces("\n\n".join(draw.sample([*ANSWERS.values(), *ODD], 4)))
    while parts:
        count = draw.choice((1, 1, 2, 5, 40))
        for piece in parts[:count] if draw.random() < 0.5 else ["".join(parts[:count])]:
            grow(sheet, piece)
        del parts[:count]
        if not parts or (draw.random() < 0.05 and "]:" not in sheet.markdown):  # a link may stand before its target
            grow(sheet, "", final=not parts)
            whole = Sheet(LIGHT, marked=False)
            qtbot.addWidget(whole)
            whole.resize(420, 100)
            grow(whole, sheet.markdown, final=not parts)
            for shown in (sheet, whole):
                qtbot.waitUntil(partial(getattr, shown, "complete"))
            assert shape(sheet) == shape(whole), sheet.markdown[-80:]
    assert sheet.toHtml() == whole.toHtml()


def test_what_stands_as_it_will_be_is_not_typeset_again(sheet: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: every paragraph, list, table and piece of code typeset once more as it ends."""
    complete, write = [0], Typesetter.write

    def counted(self: Typesetter, *given: object, whole: bool = True, resumed: str = "") -> list[str]:
        complete[0] += whole
        return write(self, *given, whole=whole, resumed=resumed)  # type: ignore[arg-type]

    monkeypatch.setattr(Typesetter, "write", counted)
    for text in (
        "A **few** words.\n\n",
        "- one\n- two\n\n",
        "```python\nx = 1\n```\n\n",
        "> said\n\n",
        "# Head\n\nEnd.",
    ):
        for piece in pieces(text):
            grow(sheet, piece)
    assert complete[0] == 0
    grow(sheet, "\n\nOne that comes as a whole.\n\nAnd")
    assert complete[0] == 1


@pytest.mark.parametrize("text", ["words and words. " * 600, "\n\n".join(ANSWERS.values())])
def test_what_comes_at_once_is_typeset_once(
    qtbot: QtBot, sheet: Sheet, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Guards: a kept answer typeset as if it were being written, and then again."""
    written, write = list[str](), Typesetter.write

    def counted(self: Typesetter, cursor: object, source: str, *rest: object, **more: object) -> list[str]:
        written.append(source)
        return write(self, cursor, source, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Typesetter, "write", counted)
    grow(sheet, text, final=True)
    qtbot.waitUntil(lambda: sheet.complete)
    assert "".join(written) == text
