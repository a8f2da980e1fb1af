"""The panel beside the chat: what it explains, and that it stands still."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from pytestqt.qtbot import QtBot

from app.ink.marks import Mark
from app.look.palette import LIGHT
from app.speculation.legend import ENTRIES, marks_of
from app.speculation.panel import SpeculationPanel
from engine.events import LevelInfo, Started
from engine.tally import Tally
from tests.app.scripted import LEVELS, plain, speculated
from tests.app.stage import Start

LOOKUP = LevelInfo("Lookup", "", "lookup")


def shown(qtbot: QtBot, height: int = 700) -> SpeculationPanel:
    panel = SpeculationPanel(LIGHT)
    qtbot.addWidget(panel)
    panel.resize(318, height)
    panel.show()
    return panel


def tally_of(count: int | None = None, seconds: float = 0.035) -> Tally:
    tally = Tally()
    tally.add(islice(speculated(seconds=seconds), count))
    return tally


def test_only_marks_that_can_occur_are_explained(qtbot: QtBot) -> None:
    """Guards: seven marks under an answer that has none, or a mark in the text that is explained nowhere."""
    panel = shown(qtbot)
    assert panel.legend.marks == []
    panel.show_tally(tally_of(), running=False)
    assert panel.legend.marks == [
        Mark.DRAFTED, Mark.CORRECTED, Mark.WRITTEN, Mark.REJECTED, Mark.PENDING, Mark.DISCARDED,
    ]  # fmt: skip
    alone = Tally()
    alone.add(plain())
    panel.show_tally(alone, running=False)
    assert panel.legend.marks == []
    assert not panel.legend.isVisible()
    assert marks_of([LOOKUP, LEVELS[-1]])[0] is Mark.LOOKED_UP
    assert set(ENTRIES) == set(Mark) - {Mark.BARE}


def test_nothing_moves_as_an_answer_goes_on(start: Start, qtbot: QtBot) -> None:
    """Guards: cards that jump by some lines, or narrow as a scroll bar comes, while one tries to read them."""
    window = start().window
    panel = window.panel

    def places() -> list[tuple[int, int]]:
        qtbot.wait(20)
        return [(card.pos().y(), card.width()) for card in panel.cards]

    panel.show_tally(tally_of(5), running=True)
    first = places()
    assert len(first) == 3
    for seconds in (0.035, 0.4):  # faster than plain decoding, and much slower
        panel.show_tally(tally_of(12, seconds), running=True)
        assert places() == first
        panel.show_tally(tally_of(None, seconds), running=False)
        assert bool(panel.reason.text()) == (seconds > 0.1)
        assert places() == first
    window.resize(1280, 450)
    qtbot.waitUntil(lambda: panel.verticalScrollBar().isVisible())
    qtbot.waitUntil(lambda: places() == first)
    window.resize(1280, 1000)
    qtbot.waitUntil(lambda: not panel.verticalScrollBar().isVisible())
    qtbot.waitUntil(lambda: places() == first)


def test_every_caption_explains_itself(qtbot: QtBot) -> None:
    """Guards: words a newcomer cannot read, with nothing that says more."""
    panel = shown(qtbot)
    panel.show_tally(tally_of(), running=False)
    captions = [label for label in panel.findChildren(type(panel.between)) if label.objectName() == "section"]
    assert len(captions) >= 5
    assert all(label.toolTip() for label in [*captions, panel.between])


def test_the_window_is_the_one_that_was_run(qtbot: QtBot) -> None:
    """Guards: a window of 20 that is asked for and cut to 14 without a word; words about windows nobody knows."""
    draft, middle, target = LEVELS
    levels = (replace(draft, window=14, asked=20), replace(middle, window=2, asked=2), target)
    tally = Tally()
    tally.add(replace(event, levels=levels) if isinstance(event, Started) else event for event in speculated())
    panel = shown(qtbot)
    panel.show_tally(tally, running=False)
    verbs = [card.verb.text() for card in panel.cards]
    assert verbs == ["guesses", "checks", "decides"]
    assert [card.cut.text() for card in panel.cards] == ["up to 14 at a time; 20 asked", "", ""]
    assert [card.cut.isHidden() for card in panel.cards] == [False, True, True]
    assert "up to 14 tokens at a time; 20 were asked for" in panel.cards[0].toolTip()
    assert "2 tokens or more at a time." in panel.cards[1].toolTip()
    assert "asked" not in panel.cards[1].toolTip()
    uncut = Tally()
    levels = (replace(draft, window=4, asked=4), replace(middle, window=1, asked=1), target)
    uncut.add(replace(event, levels=levels) if isinstance(event, Started) else event for event in speculated())
    panel.show_tally(uncut, running=False)
    assert [card.verb.text() for card in panel.cards] == ["guesses up to 4 at a time", "checks", "decides"]
    assert all(card.cut.isHidden() for card in panel.cards)
    panel.show_tally(tally_of(), running=False)  # a log kept before
    assert [card.verb.text() for card in panel.cards] == ["guesses", "checks", "decides"]
