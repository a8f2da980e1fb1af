"""Early exits with adapters, recorded, run as plain calls: the rounds of the recursion, and turns to and from them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file

from engine.architecture import read_architecture
from engine.config import PRESETS, Acceptance, ModelSet, Preset, Sampling, Stage, Window
from engine.config.sources import Exit, Head, Lookup, Model
from engine.decoding.facts import Drafted, Fact
from engine.decoding.goodput import Goodput, Turns
from engine.decoding.graphs import stack
from engine.decoding.graphs.adapting import AdapterIntake
from engine.decoding.sources.adapted import Adapters
from engine.loaded import How
from engine.session import Session
from tests.engine.adapters import write_exits
from tests.engine.decoding.turning import Run, part
from tests.engine.family import finish
from tests.engine.heads import write_head

DEPTHS = (2, 4)  # of eight layers
WHOLE = Preset(
    "all",
    "All",
    "Every level that may stand beside an exit.",
    (
        Stage(Lookup(), Window(3)),
        Stage(Head(), Window(3), fallback=True),
        Stage(Exit(2 / 8, adapted=True), Window(3, entropy=5.0), trimmed=True),
        Stage(Model("draft"), Window(3)),
        Stage(Exit(4 / 8, adapted=True)),
        Stage(Model("qualifier"), Window(1)),
        *PRESETS["plain"].stages,
    ),
)
LOW, DEEP, TOP = 2, 4, len(WHOLE.stages) - 1
HISPEC, MIXED = part(WHOLE, LOW, DEEP), part(WHOLE, 0, LOW, DEEP, guessing=2)
CHAINS = [HISPEC, MIXED, *(part(WHOLE, *levels) for levels in ((), (LOW,), (1, DEEP), (3, DEEP), (LOW, 5)))]


def several(preset: Preset, *, bonus: bool) -> Preset:
    """Return ``preset`` with a level in the middle that takes several turns."""
    wide = replace(preset.stages[-2], window=Window(6), bonus=bonus)
    return replace(preset, name=f"{preset.name}, several", stages=(*preset.stages[:-2], wide, preset.stages[-1]))


SILENT = replace(HISPEC, name="silent", stages=tuple(replace(stage, bonus=False) for stage in HISPEC.stages))
# Below one who keeps what random models copy; and below one who does so several times before the target is asked.
EASY, OTHERS = Acceptance("likely", 40.0), part(WHOLE, 0, LOW, 5, guessing=2)
TURNS = [
    replace(preset, stages=(*preset.stages[:2], replace(preset.stages[2], acceptance=EASY), *preset.stages[3:]))
    for preset in (part(WHOLE, 0, LOW, guessing=2), several(OTHERS, bonus=True))
]
STEPWISE = [several(HISPEC, bonus=True), several(HISPEC, bonus=False)]
ALONE = [*TURNS, *CHAINS[3:], HISPEC, MIXED, SILENT, *STEPWISE]
SETTINGS = {"greedy": Sampling(temperature=0), "drawn": Sampling(temperature=2.5, top_p=1, seed=4)}
TEXT = [int(token) for token in torch.randint(4, 250, (20,), generator=torch.Generator().manual_seed(0))]
TOKENS = 16  # a dozen rounds, as random models seldom agree


@pytest.fixture(scope="module")
def opened(family: ModelSet, tmp_path_factory: pytest.TempPathFactory) -> Callable[[How], Session]:
    """Give a session of each way of running."""
    root = tmp_path_factory.mktemp("adapted")
    write_exits(root / "exits", read_architecture(family.target), DEPTHS)
    write_head(root / "head", "specforge", load_file(family.target / "model.safetensors"))
    models = ModelSet("All", {**family.models, "exits": root / "exits", "head": root / "head"})

    @cache
    def session(how: How) -> Session:
        found = finish(Session.open(models, "cpu", how, weights="exact", threads=1))
        list(found.prepare(WHOLE, *CHAINS))
        return found

    return session


def begin(session: Session, settings: str, tokens: int, first: Preset, text: list[int] = TEXT) -> Run:
    return Run(session, WHOLE, [first, *CHAINS], text, tokens, SETTINGS[settings])


@pytest.fixture(scope="module")
def plain(opened: Callable[[How], Session]) -> Callable[[str, int], list[int]]:
    """Give what plain decoding writes behind TEXT."""
    return cache(lambda settings, tokens: begin(opened("eager"), settings, tokens, part(WHOLE)).to_the_end())


def told(session: Session, preset: Preset, text: list[int], settings: str) -> list[object]:
    """Return all that is told of a reply behind ``text`` but its times."""
    run, facts = Run(session, WHOLE, [preset], text, TOKENS, SETTINGS[settings]), list[Fact]()
    while not run.tape.full:
        facts += run.round()
    return [
        (fact.level, fact.tokens, fact.ranks)
        if isinstance(fact, Drafted)
        else (fact.level, fact.proposed, fact.kept, fact.following, fact.ranks)
        for fact in facts
    ]


@pytest.mark.parametrize("how", ["eager", "graphs"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_turning_at_any_round_changes_no_token(
    opened: Callable[[How], Session], plain: Callable[[str, int], list[int]], how: How, settings: str
) -> None:
    """States that another chain has left, or has not, would show here."""
    session, draw = opened(how), random.Random(4)
    list(session.prepare(WHOLE, *CHAINS))
    run, left = begin(session, settings, 60, CHAINS[0]), [*CHAINS]
    while not run.tape.full:
        run.round()
        if not run.tape.full:
            run.turn(left.pop(draw.randrange(len(left))) if left else draw.choice(CHAINS))
    assert not left
    assert run.tape[run.prompt :] == plain(settings, 60)


@pytest.mark.parametrize("reach", [0, 10])
def test_who_is_away_reads_along_in_recorded_passes(
    opened: Callable[[How], Session], reach: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of states that a ring has lost, or of another place, guess badly: no text shows it.

    ``reach``: how far back states are there, if not as usual.
    """
    monkeypatch.setattr(stack, "REACH", reach or stack.REACH)
    session, draw = opened("graphs"), random.Random(7)
    list(session.prepare(WHOLE, *CHAINS))
    intakes = session._loaded.runner._intakes.values()  # type: ignore[attr-defined]
    made = {intake: Mock(wraps=intake._recorded) for intake in intakes if isinstance(intake, AdapterIntake)}
    for intake, passes in made.items():
        monkeypatch.setattr(intake, "_recorded", passes)
    run = begin(session, "drawn", 100, HISPEC)
    while not run.tape.full:
        if draw.random() < 0.1:
            run.turn(draw.choice([part(WHOLE), part(WHOLE, LOW), HISPEC]))
        run.round()
    along = remembered(session)
    assert reach or len(run.tape) - min(held for held, _ in along) <= 24, "they are within a pass"
    assert [(0 if reach else 3) <= passes.call_count < 20 for passes in made.values()] == [True, True]
    begin(session, "drawn", 1, HISPEC, run.tape)
    for (held, kept), (_, anew) in zip(along, remembered(session), strict=True):
        for one, other in zip(kept, anew, strict=True):
            torch.testing.assert_close(one, other[:, :held], atol=1e-3, rtol=1e-3)


def remembered(session: Session) -> list[tuple[int, list[torch.Tensor]]]:
    """Return how many tokens each adapter holds, and the keys and values of these."""
    own = session._loaded.own["exits"]
    assert isinstance(own, Adapters)
    each = [(adapter.held, adapter.cache.layers[0]) for adapter in own.adapters.values()]
    return [(held, [part[:, :held].clone() for part in past.held]) for held, past in each]


@pytest.mark.parametrize("preset", ALONE, ids=lambda preset: preset.name)
def test_recorded_rounds_are_those_of_the_recursion(
    opened: Callable[[How], Session], preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of a token that is gone, or missing, in an adapter's own layer: no text shows it, what it guesses does."""
    for kind in (Goodput, Turns):
        monkeypatch.setattr(kind, "worth", lambda _known, _length, most: most)
    for _ in opened("graphs").prepare(preset):
        pass
    for settings in SETTINGS:
        recorded, called = (told(opened(how), preset, TEXT * 2, settings) for how in ("graphs", "eager"))
        assert recorded == called
    assert opened("graphs").how == "graphs"
