"""The round log: who proposed, how far it rose, who vetoed it."""

from __future__ import annotations

from engine.decoding.facts import Drafted, Fact, Judged
from engine.decoding.rounds import RoundLog


def test_folds_a_three_level_round() -> None:
    """Every view is a projection of this fold: ghosts before their replacement, ranks and probabilities in order."""
    log = RoundLog(epoch=10.0)
    log.add(Drafted(0, (1,), (0.5,), (2,), 1, 10.0, 0.1))
    log.add(Drafted(0, (2,), (0.6,), (1,), 1, 10.1, 0.1))
    log.add(Judged(1, 2, 1, 7, (0.4, 0.1, 0.8), (1, 5, 1), 3, 10.2, 0.2))  # keeps 1, puts 7 for 2
    log.add(Drafted(0, (3,), (0.9,), (1,), 1, 10.4, 0.1))
    log.add(Judged(1, 1, 1, None, (0.7,), (1,), 1, 10.5, 0.2))
    log.add(Judged(2, 3, 1, 8, (0.3, 0.2, 0.1, 0.6), (3, 4, 9, 1), 4, 10.7, 0.3))  # keeps 1, 8 for 7: 3 falls
    tokens = log.tokens(lambda previous, token: f"{previous}>{token}", 0)
    assert [(t.id, t.level, t.reached, t.rejected_by, t.discarded) for t in tokens] == [
        (1, 0, 2, None, False),
        (2, 0, 0, 1, False),
        (7, 1, 1, 2, False),
        (3, 0, 1, None, True),
        (8, 2, 2, None, False),
    ]
    assert [t.judged for t in tokens] == [
        ((0, 0.5), (1, 0.4), (2, 0.3)),
        ((0, 0.6), (1, 0.1)),
        ((1, 0.8), (2, 0.2)),
        ((0, 0.9), (1, 0.7), (2, 0.1)),
        ((2, 0.6),),
    ]
    assert [t.ranks for t in tokens] == [(2, 1, 3), (1, 5), (1, 4), (1, 1, 9), (1,)]
    assert [t.passes for t in tokens] == [(0, 2, 5), (1, 2), (2, 5), (3, 4, 5), (5,)]
    assert [t.text for t in tokens] == ["0>1", "1>2", "1>7", "1>3", "1>8"]
    assert [t.id for t in tokens if not t.ghost] == [1, 8]
    assert [(p.level, p.kind, p.tokens, round(p.start, 3)) for p in log.passes][:3] == [
        (0, "draft", 1, 0.0),
        (0, "draft", 1, 0.1),
        (1, "verify", 3, 0.2),
    ]


def test_only_what_there_is_news_of_is_made_again() -> None:
    """A round of many tokens is told as often as it has passes: all of them made anew would be quadratic.

    What is told late is what a log that was never asked before would tell.
    """
    asked, facts = list[int](), list[Fact]()
    for token in range(1, 41):
        facts.append(Drafted(0, (token,), (0.5,), (2,), 1, 0.0, 0.1))
        if token % 4 == 0:  # keeps two of four, one of them not its own choice, and writes another
            others = (token - 3, 7, 7, 7), (0.0, 0.5, 0.0, 0.0)
            facts.append(Judged(1, 4, 2, token + 100, (0.4,) * 5, (1,) * 5, 5, 0.0, 0.2, *others))

    def text(previous: int, token: int) -> str:
        asked.append(token)
        return f"{previous}>{token}"

    log, anew = RoundLog(epoch=0.0), RoundLog(epoch=0.0)
    for fact in facts:
        log.add(fact)
        anew.add(fact)
        told = log.tokens(text, 0)
    assert len(asked) < 3 * len(told)
    assert told == anew.tokens(text, 0)


def test_cut_replies_lose_their_last_tokens() -> None:
    """A reply that reached its limit inside a round shows no token beyond it."""
    log = RoundLog(epoch=0.0)
    log.add(Drafted(0, (1, 2, 3), (0.5, 0.5, 0.5), (1, 1, 1), 1, 0.0, 0.1))
    log.add(Judged(1, 3, 3, 4, (0.4, 0.4, 0.4, 0.8), (2, 1, 1, 1), 4, 0.2, 0.2))
    assert [t.text for t in log.tokens(lambda *_: "?", 0, ["a", "b"])] == ["a", "b"]
