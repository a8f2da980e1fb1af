"""Who paid for a token, and what it is said to have gone through."""

from __future__ import annotations

import pytest

from app.log.captions import captions_of
from app.log.ledger import Ledger
from app.log.token_fate import fate_of, story
from engine.events import Drafting, Finished, LevelInfo, Pass, Round, Started
from tests.app.log.logs import PASSES, STARTED, TOKENS, TOLD, judged, ledger
from tests.app.scripted import speculated, token


@pytest.fixture
def told() -> Ledger:
    return ledger(2, TOLD)


def test_a_log_does_not_depend_on_how_events_arrive() -> None:
    """Guards: a replayed reply that differs from the live one."""
    whole, piecemeal = Ledger(), Ledger()
    events = list(speculated())
    whole.add(events)
    for event in events:
        piecemeal.add([event])
    assert (whole.tokens, whole.owners, whole.text) == (piecemeal.tokens, piecemeal.owners, piecemeal.text)
    assert [list(whole.of_round(at)) for at in range(3)] == [list(piecemeal.of_round(at)) for at in range(3)]


def test_tokens_of_a_pass() -> None:
    """Guards: a bar that selects its neighbour's tokens, or a whole round where the order tells more."""
    log = ledger(2)
    assert [list(log.of_pass(0, number)) for number in range(7)] == [
        [0],
        [1],
        [0, 1, 2],
        [3],
        [4],
        [3, 4, 5],
        [0, 2, *range(3, 7)],
    ]
    assert list(log.of_pass(1, 2)) == [7, 8, 9]
    for index in range(14):
        for number in range(7):
            assert (number in log.passes_of(index)) == (
                log.owners[index] == 0 and index in log.of_pass(0, number)
            ) or index > 6


def test_where_windows_cannot_be_told_apart_all_are_selected() -> None:
    """Guards: a guess sold as knowledge when one pass drafts several tokens or a window ends without an own token."""
    log = Ledger()
    passes = (Pass(0, "draft", 3, 0, 0.01), Pass(1, "verify", 3, 0.01, 0.01))
    levels = (LevelInfo("Lookup", "", "lookup"), LevelInfo("Target", "", "model"))
    tokens = tuple(judged(text, 0, 1, 0.5, 0.5) for text in "abc")
    log.add([Started("lookup", levels, True, 1, 0, 9, "CPU"), Round(0, tokens, passes, "abc", 0, 0.02)])
    assert list(log.of_pass(0, 0)) == [0, 1, 2]
    assert list(log.of_pass(0, 1)) == [0, 1, 2]


def test_each_level_s_share_of_a_token() -> None:
    """Guards: probabilities on another level's line, milliseconds of one pass where several were made."""
    shares = ledger().shares(0)
    assert [(s.level, s.probability, s.passes) for s in shares] == [(2, 0.7, 1), (1, 0.8, 2), (0, 0.9, 4)]
    assert [s.seconds for s in shares] == pytest.approx([0.014, 0.008, 0.008])
    assert [s.probability for s in ledger().shares(6)] == [0.9996, None, None]


def test_a_newer_log_knows_the_pass(told: Ledger) -> None:
    """Guards: a round's milliseconds charged to every token, and a shared pass sold as one token's own."""
    shares = {share.level: share for share in told.shares(8 + 3)}  # " after", of the second round
    assert (shares[1].probability, shares[1].rank, shares[1].others) == (0.6, 2, 2)
    assert [shares[level].seconds for level in (2, 1, 0)] == pytest.approx([0.014, 0.004, 0.002])
    assert [shares[level].others for level in (2, 1, 0)] == [5, 2, 0]
    assert [list(told.of_pass(1, number)) for number in (1, 5, 6)] == [[8], [10, 11, 12], [7, 9, 10, 11, 12, 13]]
    assert told.passes_of(9) == [2, 6]
    assert [(row.rank, row.cost) for row in fate_of(told, 11, technical=True).rows] == [
        ("rank 2", "14.0 ms with 5 others"),
        ("rank 2", "4.0 ms with 2 others"),
        ("rank 1", "2.0 ms alone"),
    ]
    later = fate_of(told, 13, technical=True)
    assert [(row.probability, row.cost) for row in later.rows[1:]] == [("not asked", "")] * 2
    assert later.spoken.count("not asked;") == 1
    assert "Intermediate 60%, rank 2, 4.0 ms with 2 others" in fate_of(told, 11, technical=True).spoken


def test_the_story_of_every_kind_of_token() -> None:
    """Guards: a veto blamed on the wrong level, a correction that does not say what it corrects."""
    log = ledger()
    assert [story(log, index, captions_of(log.levels, technical=True)) for index in range(7)] == [
        "Guessed by Draft, kept by Intermediate, kept by Target.",
        "Guessed by Draft, rejected by Intermediate, which wrote “ upon” instead.",
        "Written by Intermediate in place of “ there”, kept by Target.",
        "Guessed by Draft, kept by Intermediate, rejected by Target, which wrote “ a” instead.",
        "Guessed by Draft, kept by Intermediate, dropped because a token before it was rejected.",
        "Written by Intermediate, dropped because a token before it was rejected.",
        "Written by Target in place of “ day”.",
    ]


def test_the_card_s_figures() -> None:
    """Guards: a certainty that is none, a price that is not the round's."""
    fate = fate_of(ledger(3), 13, technical=True)
    assert fate.quote == "“ a”"
    assert fate.round == "Round 2: 32.0 ms for 3 tokens"
    assert [(row.title, row.probability, row.cost) for row in fate.rows] == [
        ("Target", "> 99.9%", "14.0 ms · 1 pass"),
        ("Intermediate", "not asked", "8.0 ms · 2 passes"),
        ("Draft", "not asked", "8.0 ms · 4 passes"),
    ]
    assert fate_of(ledger(), 3, technical=True).rows[0].probability == "0.4%"
    assert "Target > 99.9%" in fate.spoken


def test_tokens_behind_a_stop_text_are_taken_back() -> None:
    """Guards: text shown that is not in the answer's final form."""
    log = Ledger()
    tokens = (token("Yes."), token(" was", 0, 0, rejected_by=1), token(" User:", 1, 2))
    log.add([STARTED, Drafting(tokens[:1]), Round(0, tokens, PASSES, "Yes. User:", 0, 0.1)])
    assert log.add([Finished("Yes. U", 2, 0.1, 20, "stop", 0, None)])
    assert log.text == "Yes. U"
    assert log.pending == ()
    assert len(log.owners) == len(log.tokens)


def test_an_answer_without_a_log_is_its_text() -> None:
    """Guards: replies written before there were logs, or whose log is lost, that cannot be shown."""
    log = Ledger()
    log.become("Yes.\n\nNo.")
    assert log.text == "Yes.\n\nNo."
    assert story(log, 0, captions_of(log.levels, technical=True)) == "Written by Target, one token a pass."
    assert log.shares(0) == []


def test_the_tokens_in_use_are_consistent() -> None:
    """Guards: a test log that contradicts itself."""
    assert "".join(t.text for t in TOKENS if not t.ghost) == "Once upon a"


def test_a_veto_may_be_made_good_by_another_level() -> None:
    """Guards: the vetoing level credited with a token that the target wrote."""
    log = Ledger()
    tokens = (token(" day", 0, 0, rejected_by=1), token(" and", 0, 0, discarded=True), token(" night", 2, 2))
    log.add([STARTED, Round(0, tokens, PASSES, " night", 0, 0.1)])
    captions = captions_of(log.levels, technical=True)
    assert story(log, 0, captions) == "Guessed by Draft, rejected by Intermediate, and Target wrote “ night” instead."
