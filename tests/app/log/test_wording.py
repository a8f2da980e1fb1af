"""The words for an answer's figures, here and in the panel."""

from __future__ import annotations

from dataclasses import replace

from pytestqt.qtbot import QtBot

from app.log import wording
from app.log.ledger import Ledger
from app.log.token_fate import fate_of
from app.look.palette import LIGHT
from app.speculation.panel import SpeculationPanel
from engine import words
from engine.events import Finished, Pass, PlainPace, Round, Started
from engine.tally import Tally
from tests.app.scripted import LEVELS, token

TOKENS = (
    token("a"),  # drafted, stands everywhere
    token("b", 0, 0, rejected_by=1),
    token("c", 1, 2),  # written by the middle
    token("d", 0, 1, rejected_by=2),
    token("e", 0, 1, discarded=True),
    token("f", 2, 2),  # written by the target
)
PASSES = (
    Pass(0, "draft", 2, 0.00, 0.01),
    Pass(0, "draft", 2, 0.01, 0.01),
    Pass(1, "verify", 3, 0.02, 0.02),
    Pass(2, "verify", 4, 0.04, 0.05),
)


def test_counts_and_costs_in_words() -> None:
    """Guards: a rate whose denominator leaves out what was dropped behind a veto; shares of something else."""
    tally = long(None, rounds=1)
    draft, _, target = tally.levels
    assert wording.counts(target, bottom=False, top=True) == "2 of 4 kept · 50%"
    assert wording.cost(draft, tally.seconds) == "10.0 ms · 20%"
    assert wording.cost(target, tally.seconds) == "50.0 ms · 50%"


def long(pace: PlainPace | None, rounds: int = 20, seconds: float = 0.1) -> Tally:
    """Return the counts of ``rounds`` of TOKENS: three tokens each."""
    made = Tally(pace)
    made.add([Started("hispec", LEVELS, True, 9, 0, 1024, "CPU")])
    made.add([Round(index, TOKENS, PASSES, "acf", index * seconds, seconds) for index in range(rounds)])
    return made


def test_the_factor_is_measured_or_not_claimed() -> None:
    """Guards: a speed-up claimed without a measurement, a loss shown as anything but a loss."""
    assert wording.verdict(long(PlainPace(0.05, 0.005))) == "about 1.5× (± 0.1) plain decoding"
    assert wording.verdict(long(PlainPace(0.026, 0.002))) == "about 0.8× (± 0.1) plain: slower here"
    assert wording.verdict(long(PlainPace(0.032, 0.005))) == "about 1.0× (± 0.1) plain decoding"
    assert wording.verdict(long(None)) == "not compared with plain decoding yet"
    made = long(PlainPace(0.05, None, "busy"))
    made.add([Finished("acf", 60, 2.0, 30.0, "end", 0.0, None, None, "busy")])
    assert wording.verdict(made) == "not compared with plain decoding"
    assert wording.counterfactual(made) == "This computer was busy with something else.", (
        "and not once more that it is not"
    )


def test_a_lossy_answer_says_how_far_it_went(qtbot: QtBot) -> None:
    """Guards: an answer that is not quite the model's own with no sign of it, below it or in the panel."""
    panel = SpeculationPanel(LIGHT)
    qtbot.addWidget(panel)
    made = Tally()
    made.add([Started("pyramid", LEVELS, False, 9, 0, 1024, "CPU")])
    panel.show_tally(made, running=True)
    assert panel.pace.drift.isHidden()
    made.add([Round(0, TOKENS, PASSES, "acf", 0.0, 0.1)])
    assert wording.drift(made) == "All tokens so far are the big model’s own, although this method is lossy."
    other = replace(token("z", 1, 2), instead="y", lag=0.5)
    made.add([Round(1, (other, token("a")), PASSES, "za", 0.1, 0.1)])
    panel.show_tally(made, running=True)
    assert panel.pace.drift.text() == "1 of 5 tokens is not the big model’s own (20%)."
    assert wording.line(made)[-1] == "lossy: 1 not the big model’s own"
    ledger = Ledger()
    ledger.add([Started("pyramid", LEVELS, False, 9, 0, 1024, "CPU"), Round(0, (other,), PASSES, "z", 0.1, 0.1)])
    fate = fate_of(ledger, 0, technical=False)
    assert fate.story.endswith(", kept by the big model. The big model would have written “y”.")
    panel.show_tally(long(None), running=False)
    assert panel.pace.drift.isHidden()


def test_one_speed_everywhere(qtbot: QtBot) -> None:
    """The panel said 11 and the line 12 tokens/s of a stopped answer: one looked back a second, the other on all."""
    panel = SpeculationPanel(LIGHT)
    qtbot.addWidget(panel)
    made = long(PlainPace(0.05, 0.005))
    made.add([Round(20, (token("a"),), (), "a", 2.0, 1.5)])
    for running in (True, False):
        panel.show_tally(made, running=running)
        assert panel.pace.figure.text() == words.pace(made.average or 0)
        assert f"{panel.pace.figure.text()} tokens/s" in wording.line(made)
        assert "average" in panel.pace.unit.text()
    panel.show_tally(made, running=True)
    assert panel.pace.now.text() == f"now {words.pace(made.now or 0)}"


def test_the_end_says_what_plain_decoding_would_have_taken() -> None:
    """Guards: a comparison that ignores the engine's own measurement."""
    tally = long(None)
    tally.add([Finished("acf", 60, 2.0, 30.0, "end", 0.0, 4.2, 0.3)])
    assert wording.counterfactual(tally) == "took 2.0\u00a0s, plain would have taken about 4.2\u00a0s"
    tally.add([Finished("acf", 60, 2.0, 30.0, "end", 0.0, 4.2)])  # as kept by earlier versions, from three steps
    assert (tally.factor, wording.counterfactual(tally)) == (None, "")
