"""The whole comparison on the tiny family: the same text by every exact way, a table, JSON and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from app.look.palette import DARK as DARK_WINDOW
from app.look.palette import LIGHT as LIGHT_WINDOW
from engine.__main__ import main
from engine.bench.papers.charts import DARK, LIGHT, draw
from engine.bench.papers.comparing import Papers, compare
from engine.bench.papers.figures import Ratio
from engine.bench.papers.questions import Question
from engine.bench.papers.tables import LETTERS, Rows, Table
from engine.config import ModelSet, Sampling
from engine.errors import ModelSetError, UpdraftError
from engine.session import Session
from tests.engine.family import finish

QUESTIONS = (
    Question(1, "writing", ("The fox?", "And the hen?")),
    Question(2, "qa", ("The river?",)),
    Question(3, "rag", ("The fox? " * 200,)),
    Question(4, "rag", ("The hen?",)),
)


@pytest.fixture(scope="module")
def papers(family: ModelSet) -> Papers:
    """Give what one short run found."""
    session = finish(Session.open(family, "cpu"))
    return compare(session, ["hsd", "hispec"], QUESTIONS, Sampling(), 6, lambda _: None, minutes=0)


def test_every_exact_way_writes_plains_text(papers: Papers) -> None:
    """Greedy and sampled; each table has plain decoding beside its ways, and says what came and why."""
    (hsd,) = papers.tables
    for sampling in ("greedy", "sampled"):
        assert {made.equal for made in hsd.ways[sampling].values()} == {1.0}
        assert hsd.ways[sampling]["plain"].tokens == 1.0
        assert hsd.ways[sampling]["HSD, all three"].parts["sifting"].passes > 0
    assert list(hsd.rows) == ["writing", "qa", "all"]
    assert len(hsd.sentences) == 4
    assert "2 questions (1 too long for this model and 1 left out for time)" in hsd.settings
    assert "HiSpec is left out" in papers.left_out[0]


def test_the_figures_are_text_and_json(papers: Papers) -> None:
    """The same of both, with the claim and where it was published."""
    text = papers.table()
    assert "arXiv 2510.19705" in text
    assert "published: up to 1.2x over the best single draft model" in text
    assert "\nwithheld: writing, qa, all\n" in text, "no row that says nothing"
    assert max(map(len, "\n".join(papers.tables[0].sentences).split("\n"))) > 300 > 2 * LETTERS
    told = text[text.index(papers.tables[0].sentences[0][:40]) :]
    assert max(map(len, told.split("\n"))) <= LETTERS
    kept = json.loads(json.dumps(papers.to_json()))
    assert kept["tables"][0]["claims"] == [["up to 1.2x", 1.2]]
    assert set(kept["tables"][0]["ways"]["greedy"]) > {"plain", "HSD, all three"}


def test_pictures_are_written_light_and_dark(papers: Papers, tmp_path: Path) -> None:
    """Two of each table; a folder that cannot be is said."""
    papers.draw(tmp_path / "new")
    assert len(list((tmp_path / "new").glob("*-light.svg"))) == len(papers.tables)
    (tmp_path / "file").touch()
    with pytest.raises(UpdraftError, match="cannot be written"):
        papers.draw(tmp_path / "file" / "folder")


def test_a_set_that_can_show_nothing_is_refused(family: ModelSet) -> None:
    """Before any question is asked."""
    session = finish(Session.open(ModelSet.alone("alone", family.target), "cpu"))
    with pytest.raises(ModelSetError, match="lacks"):
        compare(session, ["hsd"], QUESTIONS, Sampling(), 8, lambda _: None)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_a_chart_has_bars_errors_and_the_claim(colours: dict[str, str]) -> None:
    """A bar for every figure there is, none for one that is withheld, and the published mark where it belongs."""
    rows: Rows = {"qa": {"greedy": Ratio(0.5, 0.1), "sampled": None}, "rag": {"greedy": None, "sampled": None}}
    claims = (("1.5x on average", 1.5),)
    measured = {"greedy": "one exit", "sampled": "<another>"}
    table = Table("x", "X", "a, b", "published: so", "published", claims, "m", "CPU", measured, rows, rows, {}, {}, ())
    root = ET.fromstring(draw(table, colours))  # noqa: S314 - our own
    space = {"s": "http://www.w3.org/2000/svg"}
    bars = [each for each in root.iterfind("s:rect", space) if each.get("fill") == colours["greedy"]]
    assert len(bars) == 2, "one in the legend, one in the chart"
    (mark,) = (each for each in root.iterfind("s:line", space) if each.get("stroke") == colours["mark"])
    one, half = float(mark.get("x1", 0)) - float(bars[1].get("x", 0)), float(bars[1].get("width", 0))
    assert one == pytest.approx(3 * half, abs=0.01), "1.5 is three times 0.5"
    words = [each.text for each in root.iterfind("s:text", space)]
    assert {"published 1.5x on average", "0.50 ± 0.10", "questions"} <= set(words)
    assert "RAG" not in words


def test_a_chart_has_the_windows_colours() -> None:
    """The engine cannot import them; they are written twice and stay the same."""
    for own, window in ((LIGHT, LIGHT_WINDOW), (DARK, DARK_WINDOW)):
        names = ("text", "muted", "line", "card", "target", "draft", "rejected")
        assert list(own.values()) == [getattr(window, name) for name in names]


def test_what_is_wrong_with_questions_is_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before a model is looked for: there is none in that folder."""
    asked = ["bench", "papers", "--model", str(tmp_path)]
    assert main([*asked, "--categories", "poetry"]) == 1
    assert "poetry is no category" in capsys.readouterr().err
    (tmp_path / "questions").write_text("{}\n")
    assert main([*asked, "--questions", str(tmp_path / "questions")]) == 1
    assert "Line 1 of" in capsys.readouterr().err
