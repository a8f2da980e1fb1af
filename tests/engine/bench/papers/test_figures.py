"""Means as Spec-Bench has them, what is withheld, and sentences that follow from the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.bench.papers.claims import Claim, Paper
from engine.bench.papers.figures import Making, Part, Ratio, groups, making, ratio
from engine.bench.papers.running import PLAIN, Answer, Levels, Run, Share, Way, mean_pace
from engine.bench.papers.sentences import verdict, why
from engine.config import PRESETS, Sampling
from engine.events import LevelInfo, Pass, Round, Token
from engine.tally import Drift

WAY = Way("HiSpec", PRESETS["hispec"])


def answer(tokens: int, seconds: float, category: str = "qa", reading: float = 0.0, text: str = "a") -> Answer:
    return Answer(1, category, tokens, tokens, reading, seconds, (text,))


def test_the_mean_is_that_of_the_questions_paces() -> None:
    """Spec-Bench's: 10 and 100 tokens/s are 55, however long the answers were; reading the prompt counts."""
    turns = [answer(10, 0.5, reading=0.5).turn, answer(1000, 10.0).turn]
    assert mean_pace(turns) == pytest.approx(55)
    assert mean_pace(turns, left_out=0) == pytest.approx(100)


def test_a_ratio_that_rests_on_too_little_is_withheld() -> None:
    """One question, few tokens, or answers that contradict each other."""
    plain, fast = [answer(50, 5.0), answer(50, 5.0)], [answer(50, 2.5), answer(50, 2.5)]
    found = ratio(fast, plain)
    assert found is not None
    assert found.value == 2.0
    assert found.error == pytest.approx(0)
    assert ratio(fast[:1], plain[:1]) is None
    assert ratio([answer(10, 1.0)] * 2, [answer(10, 1.0)] * 2) is None
    assert ratio([answer(50, 1.0), answer(50, 9.0)], plain) is None


def a_run() -> Run:
    """Two questions: plain takes a second a token; HiSpec two tokens a round of 3.5 seconds."""
    shares = {
        "guessing": Share(passes=50, positions=50, seconds=50.0),
        "sifting": Share(passes=25, positions=75, seconds=25.0, offered=50, stood=40, vetoed=10),
        "deciding": Share(passes=25, positions=75, seconds=75.0, offered=50, stood=25, vetoed=25),
    }
    levels = Levels(shares, unaided=0)  # type: ignore[arg-type] # a literal's keys
    own = (
        Answer(1, "qa", 50, 25, 0.0, 87.5, ("a",), levels),
        Answer(2, "rag", 50, 25, 0.0, 87.5, ("b",), levels),
    )
    plain = answer(50, 50.0), answer(50, 50.0, "rag")
    return Run(
        "m", "CPU", {"greedy": Sampling(temperature=0)}, 50, {("greedy", PLAIN): plain, ("greedy", WAY): own}, ""
    )


def test_a_round_is_measured_in_plain_steps() -> None:
    """What each place takes, and the rest of the round between the passes."""
    made = making(a_run(), "greedy", WAY)
    assert (made.tokens, made.steps, made.equal) == (2.0, 3.5, 0.5)
    assert made.parts["sifting"] == Part(passes=1.0, steps=1.0, width=3.0, vetoed=0.4, kept=0.8)
    assert made.parts["deciding"].kept == 0.5
    assert made.between == 0.0, "passes of 6 steps in a round of 3.5: clocks differ, nothing is negative"
    assert list(groups(a_run())) == ["qa", "rag", "all"]


def part(steps: float, **figures: float) -> Part:
    return Part(**{"passes": 1.0, "width": 4.0, "vetoed": 0.0, "kept": 0.5, **figures, "steps": steps})


def made(tokens: float, steps: float, unaided: float = 0.0, **parts: Part) -> Making:
    return Making(100.0, tokens, steps, parts, unaided, 1.0, Drift(100, 0, 0.0))  # type: ignore[arg-type] # places by name


def test_why_follows_from_the_figures() -> None:
    """The part that grew most, what the middle costs and spares, and whether wrong guesses cost the target anything."""
    single = made(2.5, 2.0, guessing=part(0.8), deciding=part(1.1, kept=0.6))
    middle = part(0.44, vetoed=0.2)
    own = made(2.6, 2.5, guessing=part(0.9), sifting=middle, deciding=part(1.1, kept=0.7))
    told = why(own, single, "HiSpec", "one exit")
    assert "brings 2.60 tokens and takes 2.50 steps of plain decoding, one of one exit 2.50 and 2.00" in told
    assert "+4% tokens for +25% time" in told
    assert "The largest difference is the level in the middle: +0.44 steps a round." in told
    assert "costs 0.40 of the target's, 1.00 run a round and take out 0.20 wrong tokens" in told
    assert "70% stands instead of 60%" in told
    assert "0.03 more a token: verification is flat" in told
    assert "a level that sorts it out before has little to save" in told
    dear = made(2.6, 4.5, guessing=part(0.9), sifting=middle, deciding=part(3.1))
    assert "The largest difference is the target's pass: +2.00" in why(dear, single, "HiSpec", "one exit")
    assert "Reading" not in told
    read = why(replace(own, reading=9.0), replace(single, reading=4.5), "HiSpec", "one exit")
    assert "Reading a question's prompts takes 9.0 steps instead of 4.5" in read
    lossy = why(replace(own, drift=Drift(100, 7, 2.5)), single, "HiSpec", "one exit")
    assert "7.0% of its tokens are not what the target would have written there" in lossy
    assert "the target's own choices are 0.025 nats a token likelier to it" in lossy
    assert "is paid for" in why(dear, single, "HiSpec", "one exit")


def test_what_differs_most_is_said_where_the_rest_makes_up_for_it() -> None:
    """Rounds of nearly the same length: as "most of that" a part would be more than the whole difference."""
    other = made(2.0, 2.0, guessing=part(0.8), deciding=part(1.2))
    own = made(2.0, 2.05, guessing=part(0.4), deciding=part(1.2))
    assert "The largest difference is what happens between passes: +0.45 steps" in why(own, other, "one", "another")


def test_verification_is_flat_by_what_a_token_adds() -> None:
    """Not by what the pass takes: a fifth more is flat for eleven tokens, and not for three."""
    for width, flat in ((11.0, True), (3.0, False)):
        own = made(2.0, 1.5, guessing=part(0.2), deciding=part(1.2, width=width))
        assert ("verification is flat" in why(own, own, "one", "another")) == flat


def test_a_verdict_weighs_the_claim_against_the_error() -> None:
    """It holds, it does not, or cannot be told; the best case is that of a category, not of a group."""
    paper = Paper("x", "X", "", "one exit", (), (Claim(1.28, "mean"), Claim(2.01, "best")))
    own = made(2.0, 2.0, sifting=part(0.4))

    def told(overall: Ratio, **rows: Ratio) -> str:
        return verdict(paper, {**rows, "all": overall}, "one exit", own)

    sure = told(Ratio(0.9, 0.1), qa=Ratio(1.0, 0.1), rag=Ratio(2.3, 0.1))
    assert "1.28x on average, here it is 0.90 ± 0.10: it does not hold" in sure
    assert "up to 2.01x, here it is 2.30 ± 0.10 (rag, the best of 2): it holds" in sure
    assert "too uncertain" in told(Ratio(1.2, 0.2), mt_bench=Ratio(9.0, 0.1), qa=Ratio(2.0, 0.1))
    assert "cannot be told: no category has a figure" in told(Ratio(1.2, 0.2), mt_bench=Ratio(9.0, 0.1))
    assert "too little was measured" in verdict(paper, {"qa": Ratio(1.3, 0.1), "all": None}, "one exit", own)
    idle = made(1.1, 1.2, unaided=0.9)
    goal = replace(paper, claims=(Claim(0.97, "worst"),), goal=True)
    slow = verdict(goal, {"qa": Ratio(1.1, 0.1), "rag": Ratio(0.9, 0.01), "all": Ratio(1.0, 0.1)}, "plain", idle)
    assert "Goal is never below 0.97x, here it is 0.90 ± 0.01 (rag, the worst of 2): it does not hold." in slow
    assert "confirms nothing" in verdict(paper, {"all": Ratio(2.0, 0.1)}, "one exit", idle)


def test_a_round_is_counted_by_who_took_part() -> None:
    """Of a chain chosen in mid-reply: what guesses is handed nothing, what does not take part is not either."""
    names = ("Lookup", "Draft", "Middle", "Target")
    infos = [LevelInfo(name, "", "model", guesses=name == "Draft") for name in names]
    tokens = (
        Token(1, "a", 0, 3),
        Token(2, "b", 1, 1, rejected_by=3),
        Token(3, "c", 1, 1, discarded=True),
        Token(4, "d", 3, 3),
    )
    passes = Pass(1, "draft", 1, 0.0, 0.5), Pass(3, "verify", 4, 0.5, 1.0)
    levels = Levels()
    levels.add(Round(0, tokens, passes, "ad", 0.0, 1.5), infos, (0, 1, 3))
    assert levels.shares["deciding"] == Share(passes=1, positions=4, seconds=1.0, offered=3, stood=1, vetoed=1)
    assert levels.shares["guessing"] == Share(passes=1, positions=1, seconds=0.5)
    assert levels.shares.get("sifting", Share()) == Share()
    assert levels.unaided == 0
    alone = Round(1, (Token(5, "e", 3, 3),), (Pass(3, "verify", 1, 1.5, 1.0),), "e", 1.5, 1.0)
    levels.add(alone, infos, (3,))
    assert levels.unaided == 1
