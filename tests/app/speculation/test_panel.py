"""The panel beside the chat: what it explains, and that it stands still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.ink.marks import Mark
from app.log.ledger import Ledger
from app.look.palette import LIGHT
from app.speculation.legend import ENTRIES, Sample, marks_of
from app.speculation.level_card import Bar, Elided
from app.speculation.panel import SpeculationPanel
from engine.events import Event, LevelInfo, Started
from engine.tally import Tally
from tests.app.scripted import LEVELS, plain, speculated
from tests.app.stage import Ask, Start

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


def played(chain: tuple[LevelInfo, ...]) -> Iterator[Event]:
    """Yield a reply of ``chain``, by plain decoding where it is one level alone."""
    for event in speculated() if len(chain) > 1 else plain():
        yield replace(event, levels=chain) if isinstance(event, Started) else event


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
        assert bool(panel.pace.reason.text()) == (seconds > 0.1)
        assert places() == first
    window.resize(1280, 450)
    qtbot.waitUntil(lambda: panel.verticalScrollBar().isVisible())
    qtbot.waitUntil(lambda: places() == first)
    window.resize(1280, 1000)
    qtbot.waitUntil(lambda: not panel.verticalScrollBar().isVisible())
    qtbot.waitUntil(lambda: places() == first)


@pytest.mark.parametrize("technical", [False, True])
@pytest.mark.parametrize("chain", [LEVELS, (LOOKUP, *LEVELS[1:]), LEVELS[-1:]], ids=["early layers", "lookup", "plain"])
def test_every_caption_explains_itself(qtbot: QtBot, chain: tuple[LevelInfo, ...], technical: bool) -> None:
    """Guards: words a newcomer cannot read, with nothing that says more."""
    panel = shown(qtbot)
    panel.show_technical(technical)
    tally, ledger = Tally(), Ledger()
    tally.add(played(chain))
    ledger.add(played(chain))
    panel.show_tally(tally, running=False)
    panel.show_ledger(ledger)
    qtbot.waitUntil(lambda: all(card.cost.isVisible() for card in panel.cards))
    labels = [label for label in panel.findChildren(QLabel) if label.isVisible() and label.text()]
    explained = [*labels, *panel.findChildren(Sample), *panel.findChildren(Bar), panel.rounds.replay]
    assert len(labels) > 6 + 5 * len(chain)
    for widget in explained:
        assert len(widget.toolTip().split()) > 3, widget
        assert widget is panel.rounds.replay or widget.toolTip().endswith("."), widget.toolTip()


def test_people_s_words_stand_first_and_change_at_once(start: Start, ask: Ask) -> None:
    """Guards: captions that need a paper to be read, a setting that holds from the next answer on."""
    running = start()
    ask(running, "Hi")
    panel, answer = running.window.panel, running.window.transcript.answers[-1]
    running.window.inspector.show_view("trace")
    assert [(card.title.text(), card.detail.text()) for card in panel.cards] == [
        ("Guesser", "Draft"), ("Checker", "Intermediate"), ("Big model", "Target"),
    ]  # fmt: skip
    assert panel.cards[1].verb.text() == "4 of 16 layers"
    assert "(in technical words: Intermediate)" in panel.cards[1].title.toolTip()
    answer.trace._go(0)
    assert "kept by the checker, kept by the big model" in answer.trace.accessibleDescription()
    assert "the checker 6 passes" in panel.rounds.timeline.accessibleDescription()
    figures = [(card.cost.text(), card.counts.text()) for card in panel.cards]
    running.preferences.change(technical=True)
    assert [(card.title.text(), card.detail.text()) for card in panel.cards] == [
        (level.title, level.detail) for level in LEVELS
    ]
    assert [(card.cost.text(), card.counts.text()) for card in panel.cards] == figures
    assert "kept by Intermediate, kept by Target" in answer.trace.accessibleDescription()
    assert "Intermediate 6 passes" in panel.rounds.timeline.accessibleDescription()
    assert panel.rounds.over_time.accessibleDescription().startswith("Target keeps")
    ask(running, "Again")
    assert panel.cards[0].title.text() == "Draft"
    running.preferences.change(technical=False)
    assert panel.cards[0].title.text() == "Guesser"
    assert panel.rounds.over_time.accessibleDescription().startswith("The big model keeps")


@pytest.mark.parametrize("size", [14, 24])
@pytest.mark.parametrize("technical", [False, True])
def test_nothing_is_cut_off(start: Start, ask: Ask, qtbot: QtBot, size: int, technical: bool) -> None:
    """Guards: names and figures that need more room than the panel has, at any size of text."""
    running = start()
    running.window.resize(2200, 1300)
    running.preferences.change(font_size=size, technical=technical)
    ask(running, "Hi")
    qtbot.wait(20)
    panel = running.window.panel
    for widget in panel.findChildren(QLabel):
        if widget.isVisible() and not widget.wordWrap() and not isinstance(widget, Elided):
            assert widget.width() >= widget.sizeHint().width(), widget.text()
    for card in panel.cards:
        assert card.geometry().right() <= panel.viewport().width()
        for gives_way in (card.detail, card.verb):
            assert any(gives_way.fontMetrics().horizontalAdvance(t) <= gives_way.width() for t in gives_way.texts)


def test_the_window_is_the_one_that_was_run(qtbot: QtBot) -> None:
    """Guards: a window of 20 that is asked for and cut to 14 without a word; words about windows nobody knows."""
    draft, middle, target = LEVELS
    levels = (replace(draft, window=14, asked=20), replace(middle, window=2, asked=2), target)
    tally = Tally()
    tally.add(replace(event, levels=levels) if isinstance(event, Started) else event for event in speculated())
    panel = shown(qtbot)
    panel.show_technical(True)
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
    panel.show_technical(False)
    assert [card.verb.text() for card in panel.cards] == [
        "2 of 16 layers, up to 4 ahead",
        "4 of 16 layers",
        "16 layers",
    ]
    panel.show_technical(True)
    panel.show_tally(tally_of(), running=False)  # a log kept before
    assert [card.verb.text() for card in panel.cards] == ["guesses", "checks", "decides"]
