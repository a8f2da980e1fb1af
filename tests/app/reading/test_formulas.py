"""Formulas in Markdown: which text is one, what is drawn, what is copied, and what stays text."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from app.ink.marks import Mark
from app.look.palette import DARK, LIGHT
from app.reading.alignment import STAND_IN, begin_at
from app.reading.formula_drawing import source_at
from app.reading.formula_grammar import KIND, find_formulas, formulas
from app.reading.formula_svg import Foresight, picture
from app.reading.sheet import Sheet


def found(source: str) -> list[tuple[str, str]]:
    """Return the delimiter and the TeX of every formula in ``source``."""
    tokens = MarkdownIt("commonmark", {"html": False}).enable(["table"]).use(formulas).parse(source)
    inside = [child for token in tokens for child in token.children or []]
    return [(token.markup, token.content) for token in (*tokens, *inside) if token.type == KIND]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"so \(x^2\) is", [(r"\(", "x^2")]),
        ("so $x^2$ is, $y$.", [("$", "x^2"), ("$", "y")]),
        ("$$\na\n= b\n$$\nwhere", [("$$", "a\n= b")]),
        ("text\n\\[\na\n- b\n\\]\nmore", [(r"\[", "a\n- b")]),
        (r"text \[ a \] where b", [(r"\[", "a")]),
        (r"\[ a \] where b", [(r"\[", "a")]),
        ("- item\n  $$x$$\n- next", [("$$", "x")]),
        ("> \\[\n> a\n> \\]", [(r"\[", "a")]),
        ("| a | b |\n|---|---|\n| $x_1$ | 2 |", [("$", "x_1")]),
        (r"\(a\_b\) and **\(c\)**", [(r"\(", r"a\_b"), (r"\(", "c")]),
        (r"$\text{costs } \$5$", [("$", r"\text{costs } \$5")]),
    ],
)
def test_formulas_are_found(source: str, expected: list[tuple[str, str]]) -> None:
    """Guards: a formula shown as its source, or one whose lines Markdown took for a list, a heading or emphasis."""
    assert found(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "It costs $5, or $10 for two.",
        "between $5-$10 and US$7, $5.",
        "from 5$ to 6$ each",
        "cost $5 (or 6$)",
        "set $HOME and $PATH, or $HOME/$USER",
        "a $ b $ c",
        "`$x$` and\n\n    $$y$$\n\n```\n\\[z\\]\n```",
        r"an escaped \$x\$ and \\(y\\)",
        "half \\(x + y",
        "$$\nx\n\ny\n$$",
        r"empty \(\) $$ $$ \[ \]",
        "you pay $the same price$ twice",
    ],
)
def test_dollars_in_prose_stay_dollars(source: str) -> None:
    """Guards: a price list turned into italics, a formula over two paragraphs, code that is rewritten."""
    assert found(source) == []


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{-b\pm\sqrt{b^2-4ac}}{2a}",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        r"\begin{aligned}a&=b\\c&<d\end{aligned}",
        r"\sum_{i=1}^n i \tag{1}",
        r"P(A \mid B) \le \mathbb{E}[X], \; x > 0",
    ],
)
def test_formulas_are_drawn(tex: str) -> None:
    """Guards: a renderer that lost what replies are full of."""
    drawn = picture(tex, displayed=True)
    assert drawn is not None
    assert 0.5 < drawn.width < 30
    assert drawn.ascent > 0
    assert "<path" in drawn.svg


@pytest.mark.parametrize(
    "tex", [r"\foo{x}", r"\frac{1}{", "x^", r"\ce{H2O}", "a & b", r"\text{日本}", "x" * 3000, "{" * 900]
)
def test_what_cannot_be_drawn_is_not(tex: str) -> None:
    """Guards: half a formula, boxes for letters the font has not, or an error in the middle of a reply."""
    assert picture(tex, displayed=False) is None


def sheet(qtbot: QtBot, *texts: str, final: bool = True, dark: bool = False) -> Sheet:
    made = Sheet(DARK if dark else LIGHT, marked=True)
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.grow([(text, Mark.DRAFTED) for text in texts], "", final=final)
    qtbot.waitUntil(lambda: made.complete)
    return made


def test_a_formula_is_one_letter_that_copies_as_its_source(qtbot: QtBot) -> None:
    """Guards: a copied answer with holes where its formulas were."""
    made = sheet(qtbot, "So $x^2$ and\n\n\\[\n\\frac12\n\\]\n\nor \\(\\foo\\).")
    assert made.toPlainText().split("\n") == [f"So {STAND_IN} and", STAND_IN, r"or \(\foo\)."]
    made.selectAll()
    assert made.createMimeDataFromSelection().text() == "So $x^2$ and\n\\[\n\\frac12\n\\]\nor \\(\\foo\\)."


def test_a_formula_half_written_stays_text(qtbot: QtBot) -> None:
    """Guards: a formula drawn before it is complete, or text that jumps while one is written."""
    made = sheet(qtbot, "First.\n\nSo \\(x", "^2", final=False)
    assert made.toPlainText().endswith("So (x^2")
    made.grow([("\\) is.", Mark.DRAFTED)], "", final=True)
    assert made.toPlainText().endswith(f"So {STAND_IN} is.")


def test_a_formula_is_copied_from_beside_it(qtbot: QtBot) -> None:
    """Guards: a menu that knows the formula from one side only, or everywhere."""
    made = sheet(qtbot, "a $x^2$ b")
    cursor = QTextCursor(made.document())
    beside = []
    for at in range(6):
        cursor.setPosition(at)
        beside.append(source_at(QTextCursor(cursor)))
    assert beside == ["", "", "$x^2$", "$x^2$", "", ""]


def test_formulas_are_drawn_before_their_block_is_complete(qtbot: QtBot) -> None:
    """Guards: a reply that stands still for every formula it completes."""
    picture.cache_clear()
    ahead = Foresight()
    ahead.look(r"so \(z_{91}\) and $$z_{92}$$ and \(z_{9")
    qtbot.waitUntil(lambda: picture.cache_info().currsize == 2)
    picture(r"z_{91}", displayed=False)
    picture(r"z_{92}", displayed=True)
    assert picture.cache_info().hits == 2


def test_marks_stand_where_they_belong_behind_a_formula(qtbot: QtBot) -> None:
    """Guards: tints that slip into the words behind a formula because these occur in its source."""
    made = sheet(qtbot, "if ", r"\(\text{is it}\)", " is", " it", ".")
    assert [text for text, _ in made.marked_text] == ["if ", STAND_IN, " is", " it", "."]
    assert list(begin_at([0, 4, 9], r"so $\alpha$ al", f"so {STAND_IN} al", [r"$\alpha$"])) == [0, 4, 4]


def shades(made: Sheet) -> list[int]:
    """Return how light the sheet is, place by place."""
    image = made.grab().toImage()
    return [image.pixelColor(x, y).lightness() for x in range(image.width()) for y in range(0, image.height(), 2)]


def test_formulas_are_painted_in_the_colour_of_the_text(qtbot: QtBot) -> None:
    """Guards: black formulas on a dark ground, and formulas that are not there at all."""
    made = sheet(qtbot, r"\[\int_0^1 x\,dx\]", dark=True)
    made.show()
    dark = shades(made)
    assert max(dark) > 150 > dark[0]
    made.set_palette(LIGHT)
    light = shades(made)
    assert min(light) < 90 < light[0]


def width_of_square(qtbot: QtBot, pixels: int) -> float:
    made = Sheet(LIGHT, marked=True)
    qtbot.addWidget(made)
    font = made.font()
    font.setPixelSize(pixels)
    made.setFont(font)
    made.resize(500, 300)
    made.grow([(r"\[x^2\]", Mark.DRAFTED)], "", final=True)
    qtbot.waitUntil(lambda: made.complete)
    made.show()
    return made.document().firstBlock().layout().lineAt(0).naturalTextWidth()


def test_formulas_are_as_large_as_their_text(qtbot: QtBot) -> None:
    """Guards: formulas, and headings, in the size of the font before, where it was changed before there was text."""
    assert width_of_square(qtbot, 28) == pytest.approx(2 * width_of_square(qtbot, 14), rel=0.1)


def test_a_wide_formula_fits_its_column(qtbot: QtBot) -> None:
    """Guards: the right half of a long formula cut off without a word."""
    made = sheet(qtbot, "$$" + "+".join(f"x_{{{i}}}^2" for i in range(60)) + "$$")
    made.show()
    line = made.document().firstBlock().layout().lineAt(0)
    assert line.naturalTextWidth() <= 500


@pytest.mark.parametrize(
    "text",
    [
        "A ($$) is cheaper than B ($$$)",
        "kill $$ and echo $$ now",
        "PID=$$; log=$$x",
        "a=$$ b=$$",
        "$$ is cheap $$",
        "costs $$ to $$$$",
        "from $5 to $6, or $HOME and $PATH",
        "one $$ here\n\nand $$ there",
        r"\[not a link\] and \(like this one\)",
        r"\[TODO\]",
        "`$$` and `$$`",
    ],
)
def test_money_and_shells_are_no_formulas(text: str) -> None:
    """Guards: the words between two prices set as one formula, without their spaces."""
    assert find_formulas(text) == []


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("so $$ E = mc^2 $$ holds", "E = mc^2"),
        ("$$\na b\n$$", "a b"),
        (r"\(n \log n\)", r"n \log n"),
        (r"\[ x = 1 \text{ if it is so} \]", r"x = 1 \text{ if it is so}"),
        (r"a \(x\) b", "x"),
    ],
)
def test_formulas_of_every_spelling_are_found(text: str, tex: str) -> None:
    """Guards: a doubt that takes real formulas for prose."""
    assert [found for found, _ in find_formulas(text)] == [tex]
