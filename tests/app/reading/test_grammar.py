"""No line of an answer vanishes, whatever Markdown makes of it."""

from __future__ import annotations

import random
import re

import pytest
from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextListFormat
from pytestqt.qtbot import QtBot

from app.ink.document_edit import SOURCE_PROPERTY, own_text
from app.look.palette import LIGHT
from app.reading.formats import LANGUAGE
from app.reading.sheet import Sheet
from tests.app.reading.test_sheet import blocks, form_of, sheet, tokens, write

assert sheet  # a fixture

SIGNS = [*"[]():*_`#>|-+.~$\\!<&\"'=^{}", "**", "``", "$$", "\\(", "\\[", "](", "]: ", "[^", "~~", "1. ", "- ", "```"]
LINES = [
    "[{}]: https://a.b/c",
    "[{}]: {}",
    "[^{}]: https://a.b",
    "[{}]: https://a.b 'x'",
    "- [ ] {}",
    "- {} {}",
    "3. {}",
    "> {} {}",
    "## {}",
    "| {} | {} |\n|---|---|\n| {} | {} | {} |",
    "```text\n{}\n```",
    "    {}",
    "{}\n---",
    "{} $$ {} $$$ {}",
    r"\[{} {}\] {}",
    "**{}**{} `{}`",
    "[{}][1] and {}",
    "{}<br>{}",
    "INFO: {} [{}] {{{}}}",
]
HIDDEN = re.compile(r"\]\([^\n]*|\]\[[^\n]*|<[^\n>]*:[^\n]*|&#?\w+;")  # where a target or a name may rightly be gone


def made_up(draw: random.Random) -> str:
    """Return lines that look like Markdown; every word occurs once."""
    words = iter(f"w{number}w" for number in range(10_000))
    lines = list[str]()
    for _ in range(draw.randint(1, 12)):
        kind = draw.random()
        if kind < 0.6:
            line = draw.choice(LINES)
            lines.append(re.sub(r"\{\}", lambda _: next(words), line).replace("{{", "{").replace("}}", "}"))
        elif kind < 0.85:
            pieces = [draw.choice(SIGNS) if draw.random() < 0.45 else next(words) for _ in range(draw.randint(1, 10))]
            lines.append(draw.choice(["", " "]).join(pieces))
        else:
            lines.append("")
    return "\n".join(lines)


def page(sheet: Sheet) -> str:
    """Return all that can be read on the page, formulas as they were written and the names above code."""
    shown = list[str]()
    for block in blocks(sheet):
        shown.append(own_text(block, block.position(), block.position() + block.length()))
        shown.append(str(block.blockFormat().property(LANGUAGE) or ""))
    return "\n".join(shown)


@pytest.mark.parametrize("seed", range(12))
def test_every_word_is_on_the_page(qtbot: QtBot, sheet: Sheet, seed: int) -> None:
    """Guards: link targets, lines of a log, cells beyond a table's header and prices that vanish from view and copy."""
    draw = random.Random(seed)
    for _ in range(40):
        source = made_up(draw)
        sheet.clear()
        write(qtbot, sheet, source)
        shown = page(sheet)
        certain = HIDDEN.sub(" ", source)
        assert [word for word in re.findall(r"w\d+w", certain) if word not in shown] == [], source


@pytest.mark.parametrize(
    "text",
    ["[1]: https://a.b/fox", "[INFO]: started\n[WARN]: slow", "2.", "#", "-", ">", "<", "[^1]: https://a.b", "- a\n-"],
)
def test_an_answer_of_little_is_shown(qtbot: QtBot, sheet: Sheet, text: str) -> None:
    """Guards: an answer that is nothing but what Markdown calls a definition, an empty heading, an empty item."""
    write(qtbot, sheet, text)
    said = page(sheet)
    assert all(word in said for word in re.findall(r"[\[\]\w:/.<#^]+", text) if word != "2.")
    if text in ("2.", "-"):
        (listed,) = {block.textList() for block in blocks(sheet) if block.textList() is not None}
        assert listed.format().start() == (2 if text == "2." else 1)
    assert sheet.document().size().height() > 10


def test_sources_stay_and_links_to_them_work(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: footnotes without their sources, a reference without its brackets, a log line that becomes a target."""
    write(qtbot, sheet, "It is so [1], see [this][1].\n\n[INFO] is kept.\n\n[1]: https://a.b/c\n[INFO]: started")
    assert "so [1], see this." in sheet.toPlainText()
    assert "[INFO] is kept." in sheet.toPlainText()
    assert form_of(sheet, "this").anchorHref() == "https://a.b/c"
    assert form_of(sheet, "https").anchorHref() == "https://a.b/c"


@pytest.mark.parametrize(
    ("text", "strong"),
    [
        ("これは**「強調」**です", "「強調」"),
        ("请看**“这里”**吧", "“这里”"),
        ("**중요(重要)**하다", "중요(重要)"),
        ("a **b** c", "b"),
    ],
)
def test_emphasis_needs_no_spaces_in_cjk(qtbot: QtBot, sheet: Sheet, text: str, strong: str) -> None:
    """Guards: stars left standing where Chinese, Japanese or Korean has no space around them."""
    write(qtbot, sheet, text)
    assert "*" not in sheet.toPlainText()
    assert form_of(sheet, strong).fontWeight() > 500


def test_cells_break_lines_and_prose_keeps_its_tags(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: ``<br>`` as text in a cell, or taken away where it is what the answer is about."""
    write(qtbot, sheet, "| a |\n|---|\n| b<br>c |\n\nUse <br> here.")
    assert "b\nc" in sheet.toPlainText()
    assert "Use <br> here." in sheet.toPlainText()


def test_tasks_have_boxes(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: ``[ ]`` before a task, a box where brackets are only spoken of."""
    write(qtbot, sheet, "- [x] done\n- [ ] open\n- plain\n\n[ ] no task")
    markers = {block.text(): block.blockFormat().marker() for block in blocks(sheet)}
    kinds = QTextBlockFormat.MarkerType
    assert (markers["done"], markers["open"], markers["plain"]) == (kinds.Checked, kinds.Unchecked, kinds.NoMarker)
    assert markers["[ ] no task"] == kinds.NoMarker


def test_lists_and_code_keep_their_shape(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: code that begins with an Arabic comment set from right to left; a list that forgets its numbers."""
    write(qtbot, sheet, "4. a\n5. b\n\n```python\n# مرحبا\nx = 1\n```")
    code = next(block for block in blocks(sheet) if "x = 1" in block.text())
    assert code.textDirection().name == "LeftToRight"
    listed = next(block.textList() for block in blocks(sheet) if block.textList() is not None)
    assert (listed.format().start(), listed.format().style()) == (4, QTextListFormat.Style.ListDecimal)


def test_a_formulas_tip_is_plain(qtbot: QtBot) -> None:
    """Guards: files opened by the tool tip of a formula that a model wrote as HTML."""
    made = Sheet(LIGHT, marked=False)
    qtbot.addWidget(made)
    made.grow(tokens("So $x<img src=/dev/zero>y$ it is"), "", final=True)
    tips = [form.toolTip() for form in _forms(made) if form.property(SOURCE_PROPERTY)]
    assert all("<img" not in tip for tip in tips)
    assert tips


def _forms(sheet: Sheet) -> list[QTextCharFormat]:
    found = list[QTextCharFormat]()
    for block in blocks(sheet):
        pieces = block.begin()
        while not pieces.atEnd():
            found.append(pieces.fragment().charFormat())
            pieces += 1
    return found
