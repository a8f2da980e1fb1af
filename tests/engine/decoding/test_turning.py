"""Chains that turn into others between rounds: the reply must not show it, whoever was away for however long."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import cycle, islice
from unittest.mock import Mock, create_autospec

import pytest
import torch
from safetensors.torch import load_file

from engine.config import PRESETS, ModelSet, Preset, Sampling, Stage, Window
from engine.config.sources import Block, Exit, Head, Lookup, Model
from engine.decoding.facts import Drafted, Fact
from engine.decoding.goodput import Turns
from engine.decoding.graphs import stack
from engine.decoding.graphs.slots import Slots
from engine.decoding.relay import Relay
from engine.loaded import How
from engine.session import Session
from tests.engine.decoding.turning import Run, part, remembered
from tests.engine.drafters import write_block
from tests.engine.family import finish
from tests.engine.heads import write_head

WHOLE = Preset(  # every source there is, in an order that each chain keeps
    "all",
    "All",
    "Every level a chain may use.",
    (
        Stage(Lookup(), Window(7)),
        Stage(Head(), Window(5), fallback=True),
        Stage(Block(0.0), Window(5), fallback=True),
        Stage(Exit(1 / 8), Window(3, entropy=2.0)),
        Stage(Model("draft"), Window(4), trimmed=True),
        Stage(Exit(1 / 2)),
        Stage(Model("qualifier"), Window(3)),
        *PRESETS["plain"].stages,
    ),
)
SOURCES = [stage.source for stage in WHOLE.stages]
TOP = len(WHOLE.stages) - 1
TEXT = [int(token) for token in torch.randint(4, 250, (45,), generator=torch.Generator().manual_seed(2))]
TWICE = TEXT[:20] * 2
SETTINGS = {"greedy": Sampling(temperature=0, seed=1), "drawn": Sampling(temperature=2.5, top_p=1, seed=4)}


MIXED = [part(WHOLE, *levels, guessing=2) for levels in ((0, 1), (0, 2), (0, 3, 5), (0, 4), (0, 4, 6))]
CHAINS = [
    *(part(WHOLE, *levels) for levels in ((), (0,), (1,), (2,), (3,), (4,), (3, 5), (1, 5), (4, 6))),
    *MIXED,
    part(WHOLE, 2, window=2),
    part(WHOLE, 0, 1, guessing=2, window=1),
]


@pytest.fixture(scope="module")
def models(family: ModelSet, tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    root, tensors = tmp_path_factory.mktemp("all"), load_file(family.target / "model.safetensors")
    write_head(root / "head", "specforge", tensors)
    write_block(root / "block", len(tensors["model.embed_tokens.weight"]), "deepspec", dspark=True)
    return ModelSet("All", {**family.models, "head": root / "head", "block": root / "block"})


@pytest.fixture(scope="module")
def opened(models: ModelSet) -> Callable[[How], Session]:
    """Give a session of each way of running, with all its chains ready."""

    @cache
    def session(how: How) -> Session:
        found = finish(Session.open(models, "cpu", how, weights="exact", threads=1))
        list(found.prepare(WHOLE, *CHAINS))
        return found

    return session


@pytest.fixture(scope="module")
def plain(opened: Callable[[How], Session]) -> Callable[[str, int], list[int]]:
    """Give what plain decoding writes behind TEXT."""
    return cache(lambda settings, tokens: begin(opened("eager"), settings, tokens).to_the_end())


def begin(session: Session, settings: str, tokens: int, first: Preset = CHAINS[0]) -> Run:
    return Run(session, WHOLE, [first, *CHAINS], TEXT, tokens, SETTINGS[settings])


@pytest.mark.parametrize(("how", "reach"), [("eager", 0), ("graphs", 0), ("graphs", 10)])
@pytest.mark.parametrize("settings", SETTINGS)
def test_turning_at_any_round_changes_no_token(
    opened: Callable[[How], Session],
    plain: Callable[[str, int], list[int]],
    how: How,
    reach: int,
    settings: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows, states or keys of a level that was away, or work begun ahead by the chain before, would show here.

    ``reach``: how far back states are there where passes are recorded, if not as usual.
    """
    if reach:
        monkeypatch.setattr(stack, "REACH", reach)
    draw, run = random.Random(5), begin(opened(how), settings, 60)
    left = list(CHAINS)
    while True:
        if draw.random() < 0.8:
            run.turn(left.pop(draw.randrange(len(left))) if left else draw.choice(CHAINS))
        if run.tape.full:
            break
        at_work = {SOURCES.index(stage.source) for stage in run.relay.wanted.stages}
        facts = run.round()
        assert {fact.level for fact in facts} <= at_work
        assert isinstance(facts[0], Drafted) or facts[0].level == TOP
    assert not left
    assert run.tape[run.prompt :] == plain(settings, 60)


@pytest.mark.parametrize("reach", [0, 10])
def test_who_is_away_reads_along_in_recorded_passes(
    opened: Callable[[How], Session], reach: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows made of states that a ring has lost, of another place or another token, guess badly: no text shows it."""
    monkeypatch.setattr(stack, "REACH", reach or stack.REACH)
    session, draw = opened("graphs"), random.Random(7)
    intakes = session._loaded.runner._intakes.values()  # type: ignore[attr-defined]
    passes = [Mock(wraps=intake._recorded) for intake in intakes]
    for intake, made in zip(intakes, passes, strict=True):
        monkeypatch.setattr(intake, "_recorded", made)
    run = begin(session, "drawn", 100)
    while not run.tape.full:
        if draw.random() < 0.1:
            run.turn(draw.choice([CHAINS[0], *CHAINS[2:4]]))
        run.round()
    along = remembered(session)
    assert reach != 0 or len(TEXT) + 100 - min(held for held, _ in along.values()) <= 24, "they are within a pass"
    assert all((0 if reach else 6) <= made.call_count < 20 for made in passes)
    Run(session, WHOLE, CHAINS, run.tape, 1, SETTINGS["drawn"])
    for role, (_, anew) in remembered(session).items():
        held, kept = along[role]
        for one, other in zip(kept, anew, strict=True):
            torch.testing.assert_close(one, other[:, :held], atol=1e-3, rtol=1e-3)


def test_a_plain_step_leaves_those_alone_who_are_no_part_of_the_reply(
    opened: Callable[[How], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that read along in an earlier reply has lost touch, and would be asked to take in states that are gone."""
    monkeypatch.setattr(stack, "REACH", 10)
    session = opened("graphs")
    Run(session, WHOLE, [CHAINS[0], CHAINS[2]], TEXT, 20, SETTINGS["greedy"]).to_the_end()
    run = Run(session, WHOLE, [CHAINS[5], CHAINS[0]], TEXT, 80, SETTINGS["greedy"], kept=40)
    while len(run.tape) < run.prompt + 60:
        run.round()
    while run.relay.plain.expect(run.tape):
        run.round()
    with torch.inference_mode():
        assert run.relay.plain.measure(run.tape) > 0


def test_a_turn_drops_no_round(
    opened: Callable[[How], Session], plain: Callable[[str, int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the device has begun before a turn is part of the reply: what it works on in vain costs a round."""
    run, sent = begin(opened("graphs"), "drawn", 60), create_autospec(Slots.send, side_effect=Slots.send)
    monkeypatch.setattr(Slots, "send", sent)
    for chain in cycle(CHAINS[1:4]):
        run.round()
        if len(run.tape) >= run.prompt + 50:
            break
        run.turn(chain)
    assert run.to_the_end() == plain("drawn", 60)
    assert sent.call_count == run.rounds + 1  # one too many at a reply's end


@pytest.mark.parametrize("preset", MIXED, ids=lambda preset: preset.name)
def test_recorded_rounds_of_several_guessers_are_those_of_the_recursion(
    opened: Callable[[How], Session], preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who proposed what is shown; one that others took turns with must guess as if it had been at it all along."""
    monkeypatch.setattr(Turns, "worth", lambda _turns, _length, most: most)
    told = []
    for how in ("graphs", "eager"):
        run, facts = Run(opened(how), WHOLE, [preset], TWICE, 40, SETTINGS["greedy"]), list[Fact]()
        while not run.tape.full:
            facts += run.round()
        told.append([(f.level, f.tokens) if isinstance(f, Drafted) else (f.level, f.proposed, f.kept) for f in facts])
        assert {fact.level for fact in facts if isinstance(fact, Drafted)} == {
            0,
            SOURCES.index(preset.stages[1].source),
        }
    assert told[0] == told[1]


@pytest.mark.parametrize("how", ["eager", "graphs"])
def test_a_stop_behind_a_turn_leaves_the_caches_true(
    opened: Callable[[How], Session], plain: Callable[[str, int], list[int]], how: How
) -> None:
    """Whoever was at work, or had been before, must not count on tokens that went with the stop."""
    draw, expected, text = random.Random(8), plain("drawn", 60), list(TEXT)
    while len(text) < len(TEXT) + 40:
        chains = [draw.choice(CHAINS), *CHAINS]
        left, kept = len(TEXT) + 60 - len(text), len(text) - 1 if len(text) > len(TEXT) else 0
        run = Run(opened(how), WHOLE, chains, text, left, SETTINGS["drawn"], kept=kept)
        for _ in range(2):
            run.round()
            run.turn(draw.choice(CHAINS))
        settled, running = len(run.tape), run.relay.draft(run.tape)
        with torch.inference_mode():
            list(islice(running, draw.randrange(4)))
            running.close()
            del run.tape[settled:]
            run.relay.rewind(settled - 1)
        text = list(run.tape)
        assert text[len(TEXT) :] == expected[: len(text) - len(TEXT)]


def test_a_small_model_that_is_full_is_left_out_of_any_chain(
    opened: Callable[[How], Session], plain: Callable[[str, int], list[int]]
) -> None:
    """Its number stays nobody's: the log of a reply names its levels once."""
    session = opened("eager")
    expected = plain("greedy", 60)[:40]
    run = begin(session, "greedy", 40)
    contexts = {"draft": len(TEXT) + 20, "qualifier": 250, "target": 256}
    run.relay = Relay(WHOLE, contexts.__getitem__, run.runner.ready, run.runner.chains, run.tape, CHAINS[0])
    run.round()
    run.turn(part(WHOLE, 4, 6))
    while not run.tape.full:
        before, full = run.relay.whole, len(run.tape) >= contexts["draft"]
        levels = {fact.level for fact in run.round()}
        assert levels == ({6, TOP} if full else {4, 6, TOP})
        assert before is not full
    assert run.tape[run.prompt :] == expected


def test_a_chain_of_other_levels_is_refused(opened: Callable[[How], Session]) -> None:
    """Its facts would be told of levels that are not theirs."""
    run = begin(opened("eager"), "greedy", 40)
    for wrong in (PRESETS["hispec"], replace(CHAINS[0], stages=(WHOLE.stages[4], WHOLE.stages[3], WHOLE.stages[TOP]))):
        with pytest.raises(ValueError, match="in another order"):
            run.turn(wrong)


def test_a_chain_that_cannot_be_recorded_is_left_out(opened: Callable[[How], Session]) -> None:
    """Guards against one of the chains that auto may try making every reply run operation by operation."""
    session = opened("graphs")
    head, below_three = part(WHOLE, 1), part(WHOLE, 1, 6)  # three tokens of a small model are several verdicts a round
    for _ in session.prepare(WHOLE, head, below_three):
        pass
    assert session.how == "graphs"
    assert session._loaded.ready(head)
    assert not session._loaded.ready(below_three)
