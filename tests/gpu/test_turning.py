"""Chains that turn into others on a CUDA device: the text stays plain decoding's, and nothing is recorded meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from unittest.mock import create_autospec

import pytest

pytest.importorskip("torch")

import torch

from engine.architecture import read_architecture
from engine.config import PRESETS, ModelSet, Preset, Sampling, Stage, Window
from engine.config.sources import Block, Head, Lookup, Model
from engine.decoding.facts import Fact, Judged
from engine.decoding.graphs.slots import Slots
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.decoding.turning import Run, part, remembered
from tests.engine.drafters import knowing, write_knowing
from tests.engine.family import finish
from tests.engine.heads import write_head_for
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
WHOLE = Preset(
    "all",
    "All",
    "Every level a chain may use.",
    (
        Stage(Lookup(), Window(7)),
        Stage(Head(), Window(4), fallback=True),
        Stage(Block(0.0), Window(5), fallback=True),
        Stage(Model("draft"), Window(4), trimmed=True),
        *PRESETS["hispec"].stages[:2],
        Stage(Model("qualifier"), Window(4)),
        *PRESETS["plain"].stages,
    ),
)
LEVELS = ((), (0,), (1,), (3,), (4, 5), (3, 6), (1, 5), (2,))
SETTINGS = {
    "greedy": Sampling(temperature=0, seed=1),
    "even": Sampling(temperature=5, top_p=1, seed=5),  # levels agree on what all but the noise leaves open
    "penalty": Sampling(temperature=1.0, top_p=1, min_p=0.05, repetition_penalty=1.2, seed=4),
}
TOKENS = 700  # a head that is away for the whole of it is kept within reach of the rings


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder, pocket = tmp_path_factory.mktemp("head"), pocket_models(wide=True)
    target = read_architecture(pocket.target)
    write_head_for(folder, target, target.vocabulary // 2)
    write_knowing(folder / "block", knowing(pocket.target), [[5, 6, 7]])
    models = ModelSet("Pocket, with both", {**pocket.models, "head": folder, "block": folder / "block"})
    session = finish(Session.open(models, "cuda"))
    list(session.prepare(WHOLE, PRESETS["plain"]))  # loads
    list(session.prepare(session._loaded.fit(WHOLE), *chains(session)))
    yield session
    session.close()


def chains(session: Session) -> list[Preset]:
    whole = session._loaded.fit(WHOLE)
    return [part(whole, *levels) for levels in LEVELS]


def begin(session: Session, first: Preset, settings: str, tokens: int = TOKENS) -> Run:
    text = session.tokenizer.render([("user", PROMPTS[0])])
    whole = session._loaded.fit(WHOLE)
    return Run(session, whole, [first, *chains(session)], text, tokens, SETTINGS[settings])


def kept(facts: Sequence[Fact]) -> int:
    return sum(fact.kept for fact in facts if isinstance(fact, Judged) and fact.level == len(WHOLE.stages) - 1)


@pytest.mark.parametrize("settings", SETTINGS)
def test_turning_at_any_round_changes_no_token(session: Session, settings: str) -> None:
    """A state, a row or a key of a level that was away, or what a round begun ahead has left, would show here."""
    plain, *others = chains(session)
    expected, draw = begin(session, plain, settings).to_the_end(), random.Random(3)
    run = begin(session, plain, settings)
    while not run.tape.full:
        if draw.random() < 0.3:
            run.turn(draw.choice([plain, *others]))
        if not run.tape.full:  # with the round that had begun
            run.round()
    assert run.tape[run.prompt :] == expected
    assert (session.how, session.why_eager) == ("graphs", "")


def test_who_is_away_reads_along_in_recorded_passes(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their keys and values are those of a conversation read anew; and a turn records nothing and drops no round."""
    plain, _, head, *_, block = chains(session)
    sent = create_autospec(Slots.send, side_effect=Slots.send)
    monkeypatch.setattr(Slots, "send", sent)
    run = begin(session, plain, "even")
    for chain in (head, plain, block, plain, head, block):
        for _ in range(12):
            run.round()
        run.turn(chain)
    run.to_the_end()
    assert sent.call_count == run.rounds + 1  # one too many at the end
    along = remembered(session)
    assert min(held for held, _ in along.values()) > len(run.tape) - 30
    Run(session, session._loaded.fit(WHOLE), [plain, *chains(session)], run.tape, 1, SETTINGS["even"])
    for (held, kept), (_, anew) in zip(along.values(), remembered(session).values(), strict=True):
        for one, other in zip(kept, anew, strict=True):
            assert (one - other[:, :held]).norm() < 0.03 * one.norm()


def test_who_was_away_guesses_as_well_as_who_was_not(session: Session) -> None:
    """Rows made of states that a ring has lost or mixed up guess badly: the text would not show it."""
    plain, _, head, *_ = chains(session)
    stays, away = begin(session, head, "even"), begin(session, plain, "even")
    while len(away.tape) < away.prompt + TOKENS - 60:
        away.round()
    away.turn(head)
    while len(stays.tape) < len(away.tape):
        stays.round()
    counts = []
    for run in (stays, away):
        facts = [fact for _ in range(12) for fact in run.round()]
        counts.append(kept(facts))
    assert abs(counts[0] - counts[1]) <= 8
