"""A race as a page: complete without anything from elsewhere, and true to what was timed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from app.log.ledger import Ledger
from app.log.race import Course, Result
from app.speculation.race_page import page
from engine.events import Round
from tests.app.plain import HOSTILE
from tests.app.scripted import plain, speculated


class Reader(HTMLParser):
    """Collects the tags of a page and the text of each answer."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if ("class", "text") in attrs:
            self._inside = True
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


def test_a_page_holds_both_answers_and_when_each_word_came() -> None:
    """Guards: markup of a model's in the page, something fetched or run, words at moments that were not measured."""
    story = f"Once there was {HOSTILE} </p></style><script>x</script> at  the end.\n\nIt slept."
    slow, fast = Ledger(), Ledger()
    slow.add(plain(story))
    told = list(speculated(story))
    fast.add(told)
    course = Course(f"Why? {HOSTILE}", HOSTILE, "HSD", True, 300)
    made = page(Result(course, (3.2, 2.0), (20, 20), None), slow, fast)
    reader = Reader()
    reader.feed(made)
    assert reader.texts == [story, story]
    assert not {"script", "img", "a", "b", "link", "iframe"} & set(reader.tags)
    assert "url(" not in made
    assert "HSD finished 1.6 times as soon" in made
    moments = {f"{round_.start + round_.seconds:.3f}" for round_ in told if isinstance(round_, Round)}
    assert moments <= set(re.findall(r"--t:([\d.]+)", made))
