"""Why a chain was chosen and what came of it, wherever that is said."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.conversations.conversation import Conversation, Message, Reply
from app.conversations.export_file import markdown, needs_log, page
from app.log import wording
from app.log.planning import chain_of, plan_of
from app.look.palette import LIGHT
from app.speculation.panel import SpeculationPanel
from app.talk.continuation import Continuation
from engine.events import Event, Finished, LevelInfo, Pass, Planned, Round, Started, Token
from engine.tally import Tally
from engine.terminal import Terminal

LEVELS = (
    LevelInfo("Lookup", "", "lookup", guesses=True),
    LevelInfo("Head", "", "head", guesses=True),
    LevelInfo("Target", "30 layers", "model"),
)
ALONE = Planned(0, "Target", (2,), None, None, "Nothing is known of this model yet.")
WHY = "The head is right 61 % of the time and costs 5 % of a pass."
MIXED = Planned(2, "Lookup, else Head → Target", (0, 1, 2), 1.6, 45.2, WHY)


def round_of(index: int, count: int, plan: Planned) -> Round:
    tokens = tuple(Token(0, " yes", 2, 2) for _ in range(count))
    return Round(index, tokens, (Pass(2, "verify", count, 0.1 * index, 0.1),), " yes" * count, 0.1 * index, 0.1, plan)


PLAINLY, FASTER = round_of(0, 2, ALONE), round_of(1, 4, MIXED)
TOLD: list[Event] = [
    Started("hsd", LEVELS, True, 24, 0, 1024, "CPU"),
    PLAINLY,
    FASTER,
    Finished(" yes" * 6, 6, 0.2, 30.0, "end", 0.0, None),
]


def tally_of(told: list[Event]) -> Tally:
    tally = Tally()
    tally.add(told)
    return tally


@pytest.mark.parametrize(
    ("technical", "chain", "before"),
    [(False, "Copier, else guesser → big model", "Big model"), (True, MIXED.chain, ALONE.chain)],
)
def test_what_was_expected_and_what_came(technical: bool, chain: str, before: str) -> None:
    plan = plan_of(tally_of(TOLD), technical=technical)
    assert plan is not None
    assert (plan.chain, plan.reason) == (chain, WHY)
    assert plan.came == "Expected 45 tokens/s (1.6× plain), came 40 tokens/s."
    assert plan.before == f"From token 3 on; before it {before}, 20 tokens/s."
    first = plan_of(tally_of(TOLD[:2]), technical=technical)
    assert first is not None
    assert (first.came, first.before) == ("Nothing was known beforehand, came 20 tokens/s.", "")
    assert plan_of(tally_of(TOLD[:1]), technical=technical) is None


@pytest.mark.parametrize(
    ("working", "guessing", "chain"),
    [
        ((0, 1, 3), 2, "Copier, else guesser → big model"),
        ((1, 2, 3), 1, "Guesser → checker → big model"),
        ((2, 3), 1, "Guesser → big model"),
        ((0, 2, 3), 1, "Copier → checker 2 → big model"),
    ],
)
def test_who_judges_in_one_chain_may_guess_in_another(working: tuple[int, ...], guessing: int, chain: str) -> None:
    """Guards: the second that guesses called a checker, as if it judged what was copied."""
    levels = [LEVELS[0], *(LevelInfo(f"{n}", "", "model") for n in ("Draft", "Qualifier", "Target"))]
    plan = Planned(0, "in technical words", working, None, None, "Because.", guessing)
    assert chain_of(plan, levels, technical=False) == chain


def test_the_panel_says_it_and_forgets_it(qtbot: QtBot) -> None:
    """Guards: the reason of an earlier answer beside one that was made otherwise."""
    panel = SpeculationPanel(LIGHT)
    qtbot.addWidget(panel)
    panel.resize(318, 900)
    panel.show()
    panel.show_tally(tally_of(TOLD), running=True)
    assert panel.plan.isVisible()
    assert (panel.plan.chain.text(), panel.plan.reason.text()) == ("Copier, else guesser → big model", WHY)
    panel.show_technical(True)
    assert panel.plan.chain.text() == MIXED.chain
    assert WHY in panel.plan.accessibleName()
    panel.reset()
    assert not panel.plan.isVisible()


def test_it_is_seen_in_a_small_window_and_moves_nothing(qtbot: QtBot) -> None:
    """Guards: a sentence below five cards, where nobody scrolls; cards that jump when the first round brings it."""
    panel = SpeculationPanel(LIGHT)
    qtbot.addWidget(panel)
    panel.resize(318, 420)
    panel.show()
    told = [Started("auto", LEVELS, True, 24, 0, 1024, "CPU"), *TOLD[1:]]
    panel.show_tally(tally_of(told[:1]), running=True)
    qtbot.wait(20)
    first = [card.pos().y() for card in panel.cards]
    assert panel.plan.isVisible()
    panel.show_tally(tally_of(told[:2]), running=True)
    qtbot.wait(20)
    assert [card.pos().y() for card in panel.cards] == first
    came = panel.plan.came
    assert "tokens/\u2060s" in came.text(), "or a line may end behind the stroke"
    assert came.mapTo(panel, came.rect().bottomLeft()).y() < panel.viewport().height()


def test_a_target_that_was_offered_nothing_kept_nothing() -> None:
    """Guards: "0 of 0 kept, 100%" of a chain in which the engine let the big model write alone."""
    alone = tally_of(TOLD[:2]).levels[-1]
    assert wording.counts(alone, bottom=False, top=True) == "2 written"


def test_exports_and_the_terminal_say_it() -> None:
    """Guards: a reason that is shown once and gone; one that only the log knows."""
    reply = Reply().after(TOLD).ended("finished")
    talk = Conversation().plus(Message("user", "Really?")).plus(Message("assistant", reply.text, reply))
    for text in (markdown(talk), page(talk)):
        assert f"How it was made faster: Copier, else guesser → big model. {WHY} Expected 45 tokens/s" in text
    assert needs_log(Path("talk.md"), talk.messages[-1])
    assert not needs_log(Path("talk.md"), talk.messages[0])
    err = io.StringIO()
    terminal = Terminal(io.StringIO(), err)
    for event in TOLD:
        terminal.show(event)
    assert f"{MIXED.chain}: {WHY} Expected 45 tokens/s (1.6× plain), came 40 tokens/s." in err.getvalue()
    assert "\nTarget (30 layers)" in err.getvalue()
    assert "\nHead (" not in err.getvalue(), "a row of noughts for a level that did nothing"


def test_a_choice_in_an_answer_gone_on_with_is_at_its_place() -> None:
    """Guards: "from token 3 on" of an answer whose first part had a hundred."""
    before = Reply().after(TOLD)
    following = Continuation(before).follow(FASTER)
    assert isinstance(following, Round)
    assert following.plan == replace(MIXED, token=8)
