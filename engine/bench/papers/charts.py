"""A table as a picture: a bar for each category and sampling, its error, and what is published as a mark. SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from xml.etree import ElementTree as ET

from engine.bench.papers.figures import WITHHELD, Ratio
from engine.bench.papers.tables import Table

# The window's colours, light and dark (app/look/palette.py, which the engine does not import): text, muted text, lines,
# the card all lies on, bars of greedy and of sampled replies, and the published mark.
LIGHT = {
    "text": "#1c2027",
    "muted": "#646b79",
    "line": "#e1e4e9",
    "card": "#ffffff",
    "greedy": "#1b69c9",
    "sampled": "#0b7a55",
    "mark": "#b8372a",
}
DARK = {
    "text": "#e6e8ec",
    "muted": "#8b93a1",
    "line": "#2a2e37",
    "card": "#1d2027",
    "greedy": "#6aa9f7",
    "sampled": "#2fb98a",
    "mark": "#e06a5f",
}
WIDTH, MARGIN, FIGURES, LETTER = 820, 24, 96, 7.5  # of the picture, of the column of figures, of a label's letter
BAR, GAP = 12, 10  # a bar's height, and the space between two rows
FONT = "Inter, Helvetica, Arial, sans-serif"
LETTERS = 104  # of small text in a line


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a ratio lies from left to right: the axis begins at ``left`` and ends at ``most``."""

    left: float
    most: float

    def at(self, value: float) -> float:
        """Return the place of ``value``."""
        return self.left + (WIDTH - MARGIN - FIGURES - self.left) * value / self.most

    @property
    def ticks(self) -> list[float]:
        """The ratios that have a line."""
        step = next(step for step in (0.25, 0.5, 1, 2, 5, 10, 100) if self.most / step <= 10)
        return [step * number for number in range(ceil(self.most / step) + 1) if step * number <= self.most]


def draw(table: Table, colours: Mapping[str, str] = LIGHT) -> str:
    """Return the chart of ``table``, on a card of its own so that it can be read on any page."""
    rows = {label: each for label, each in table.rows.items() if any(each.values())}
    ratios = [ratio for each in rows.values() for ratio in each.values() if ratio is not None]
    reach = [1.0, *(ratio.value + ratio.error for ratio in ratios), *(value for _, value in table.claims)]
    longest = max((len(_shown(label)) for label in rows), default=0)
    scale = Scale(MARGIN + 10 + LETTER * longest, 1.08 * max(reach))
    picture = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
    pen = Pen(picture, colours)
    card = pen.add("rect", x=0, y=0, width=WIDTH, rx=10, fill=colours["card"])
    top = _heading(pen, table)
    bottom = top + sum(BAR * len(each) + GAP for each in rows.values())
    _axis(pen, scale, table, top, bottom)
    for label, each in rows.items():
        _row(pen, scale, label, each, top)
        top += BAR * len(each) + GAP
    foot = WITHHELD.removeprefix("-: ")
    pen.write(MARGIN, bottom + 44, f"Left out: {foot}." if rows else f"Too little was measured ({foot}).", font_size=11)
    height = bottom + 60
    card.set("height", f"{height:g}")
    picture.set("viewBox", f"0 0 {WIDTH} {height:g}")
    picture.set("width", str(WIDTH))
    picture.set("height", f"{height:g}")
    return ET.tostring(picture, encoding="unicode") + "\n"


@dataclass(frozen=True, slots=True)
class Pen:
    """Adds shapes and words to a picture."""

    picture: ET.Element
    colours: Mapping[str, str]

    def add(self, shape: str, **attributes: str | float) -> ET.Element:
        """Add a shape; an underscore in a name stands for a hyphen."""
        given = {
            name.replace("_", "-"): value if isinstance(value, str) else f"{value:.6g}"
            for name, value in attributes.items()
        }
        return ET.SubElement(self.picture, shape, given)

    def write(self, x: float, y: float, text: str, **style: str | float) -> None:
        """Add ``text`` with its baseline at ``y``: small and muted, but for what ``style`` says."""
        usual: dict[str, str | float] = {"font_size": 12, "fill": self.colours["muted"]}
        made = self.add("text", x=x, y=y, font_family=FONT, **(usual | style))
        made.text = text

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: str, **style: str | float) -> None:
        """Add a line of that name of a colour."""
        (x1, y1), (x2, y2) = start, end
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=self.colours[colour], **style)


def _heading(pen: Pen, table: Table) -> float:
    """Write what the chart shows and on what it was measured; returns where the rows begin."""
    title = ET.SubElement(pen.picture, "title")
    title.text = f"{table.title}: how many times as fast"
    pen.write(MARGIN, 38, title.text, font_size=17, font_weight="600", fill=pen.colours["text"])
    y = 60.0
    held = "; ".join(f"{name}: {pair}" for name, pair in table.measured.items())
    about = "; ".join(filter(None, (table.source, table.published)))
    for said in (about, f"Here: {table.model}, {table.settings}", held):
        for line in textwrap.wrap(said, LETTERS):
            pen.write(MARGIN, y, line)
            y += 17
    x = float(MARGIN)
    for name in table.measured:
        pen.add("rect", x=x, y=y - 6, width=10, height=10, rx=2, fill=pen.colours[name])
        pen.write(x + 15, y + 3, name)
        x += 32 + 7 * len(name)
    pen.write(x, y + 3, "whiskers: 19 times in 20")
    return y + 18 + 16 * len(table.claims) + 12


def _axis(pen: Pen, scale: Scale, table: Table, top: float, bottom: float) -> None:
    for tick in scale.ticks:
        x = scale.at(tick)
        pen.line((x, top), (x, bottom), "line")
        pen.write(x, bottom + 16, f"{tick:g}x", font_size=11, text_anchor="middle")
    pen.line((scale.at(1), top), (scale.at(1), bottom), "muted", stroke_width=1.5)
    for number, (words, value) in enumerate(reversed(table.claims)):
        x, y = scale.at(value), top - 10 - 16 * number
        pen.line((x, y - 8), (x, bottom), "mark", stroke_width=1.5, stroke_dasharray="5 4")
        pen.write(x - 6, y, f"{table.mark} {words}", font_size=11, fill=pen.colours["mark"], text_anchor="end")


def _row(pen: Pen, scale: Scale, label: str, each: Mapping[str, Ratio | None], top: float) -> None:
    text, top = pen.colours["text"], top + GAP / 2
    pen.write(scale.left - 10, top + BAR * len(each) / 2 + 4, _shown(label), fill=text, text_anchor="end")
    for number, (name, ratio) in enumerate(each.items()):
        y = top + BAR * number
        if ratio is None:
            continue
        left, right = scale.at(0), scale.at(ratio.value)
        pen.add("rect", x=left, y=y + 1, width=right - left, height=BAR - 2, rx=2, fill=pen.colours[name])
        low, high = scale.at(max(ratio.value - ratio.error, 0)), scale.at(ratio.value + ratio.error)
        pen.line((low, y + BAR / 2), (high, y + BAR / 2), "text", stroke_width=1.2)
        for end in (low, high):
            pen.line((end, y + 3), (end, y + BAR - 3), "text", stroke_width=1.2)
        pen.write(WIDTH - MARGIN, y + BAR - 2, str(ratio), font_size=11, fill=text, text_anchor="end")


def _shown(label: str) -> str:
    return {"mt_bench": "MT-bench", "qa": "questions", "rag": "RAG"}.get(label, label.replace("_", " "))
