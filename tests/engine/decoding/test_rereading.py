"""What a chat has said goes through the target once, whichever method or chain comes next: twice only where it pays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import pytest
import torch
from safetensors.torch import load_file

from engine.config import PRESETS, TARGET, ModelSet, Preset, Sampling, Stage, Window
from engine.config.sources import Head, Lookup, Model
from engine.decoding.planning.beliefs import Beliefs
from engine.decoding.planning.costs import Costs
from engine.decoding.planning.planner import Planner
from engine.decoding.planning.search import Chain
from engine.decoding.relay import Relay
from engine.decoding.tape import Tape
from engine.events import Finished, Planned
from engine.loaded import How
from engine.session import Session
from tests.engine.decoding.layering import Runs, count_called
from tests.engine.decoding.turning import part
from tests.engine.family import finish
from tests.engine.heads import write_head

LEVELS = (Stage(Lookup(), Window(7)), Stage(Head(), Window(5), fallback=True), *PRESETS["plain"].stages)
WHOLE = Preset("all", "All", "Lookup and a head.", LEVELS)
COPYING, HEADED, PLAIN = part(WHOLE, 0), part(WHOLE, 1), PRESETS["plain"]
TOP, COPY = Model(TARGET), PRESETS["auto"].stages[0].source
TEXT = [int(token) for token in torch.randint(4, 250, (200,), generator=torch.Generator().manual_seed(2))]
GREEDY = Sampling(temperature=0, seed=1)


@pytest.fixture(scope="module")
def models(family: ModelSet, tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    folder = tmp_path_factory.mktemp("headed") / "head"
    write_head(folder, "specforge", load_file(family.target / "model.safetensors"))
    return ModelSet("Headed", {TARGET: family.target, "head": folder})


@pytest.fixture(scope="module")
def opened(models: ModelSet) -> Callable[[How], Session]:
    """Give a session of each way of running, with all chains ready."""

    @cache
    def session(how: How) -> Session:
        found = finish(Session.open(models, "cpu", how, weights="exact", threads=1))
        list(found.prepare(WHOLE, PLAIN, COPYING, HEADED))
        assert all(map(found._loaded.runner.ready, (COPYING, HEADED)))
        return found

    return session


@torch.inference_mode()
def begun(session: Session, chains: Sequence[Preset], text: Sequence[int], kept: int) -> tuple[Relay, Tape]:
    """Begin a reply behind ``text``, of which caches may hold what was ``kept``, that may turn to any of ``chains``."""
    runner, tape = session._loaded.runner, Tape(text, frozenset(), len(text) + 40)
    runner.rewind(kept)
    runner.begin(tape, GREEDY, *chains)
    return Relay(WHOLE, runner.context, runner.ready, runner.chains, tape, chains[0]), tape


@torch.inference_mode()
def write(relay: Relay, tape: Tape, tokens: int) -> None:
    """Read what is missing, and write at least so many ``tokens``."""
    relay.prefill(tape, len(tape) - 1)
    length = len(tape) + tokens
    while len(tape) < length:
        list(relay.draft(tape))


@torch.inference_mode()
def turned(relay: Relay, tape: Tape) -> None:
    """Turn to the head, behind the round that has begun."""
    while not relay.turn_to(HEADED, tape):
        list(relay.draft(tape))


@pytest.mark.parametrize("how", ["eager", "graphs"])
def test_a_head_that_was_away_makes_the_target_read_nothing_again_until_it_is_its_turn(
    opened: Callable[[How], Session], how: How
) -> None:
    """Guards: a chat that is read once more because the next reply might turn to a head, or a head that stays away."""
    session, runner = opened(how), opened(how)._loaded.runner
    relay, tape = begun(session, [COPYING], TEXT[:100], 0)
    write(relay, tape, 20)
    text, kept = [*tape, *TEXT[100:130]], len(tape) - 1
    relay, tape = begun(session, [COPYING, HEADED], text, kept)
    assert runner.held(PLAIN) == kept, "nothing is to be run again"
    assert runner.left(HEADED)[TOP] == 0, "all of it would be, for the head"
    write(relay, tape, 10)
    turned(relay, tape)
    assert runner.held(HEADED) >= len(tape) - 3
    write(relay, tape, 10)
    text, kept = [*tape, *TEXT[:20]], len(tape) - 1
    relay, tape = begun(session, [COPYING, HEADED], text, kept)
    assert runner.left(HEADED)[TOP] >= kept - 32, "it goes along from then on"
    write(relay, tape, 10)
    turned(relay, tape)
    write(relay, tape, 10)
    alone, plain = begun(session, [PLAIN], text, 0)
    write(alone, plain, 25)
    assert tape[: len(text) + 20] == plain[: len(text) + 20]


def test_who_was_met_once_is_never_out_of_touch(opened: Callable[[How], Session]) -> None:
    """Guards: a method in between after which all that was said would have to be read again for the head."""
    session, runner = opened("eager"), opened("eager")._loaded.runner
    relay, tape = begun(session, [COPYING, HEADED], TEXT[:60], 0)
    write(relay, tape, 10)
    relay, tape = begun(session, [PLAIN], [*tape, *TEXT[60:90]], len(tape) - 1)
    write(relay, tape, 10)
    kept = len(tape) - 1
    relay, tape = begun(session, [COPYING, HEADED], [*tape, *TEXT[90:120]], kept)
    write(relay, tape, 10)
    seen = runner.left(HEADED)[TOP]
    assert seen == runner.held(PLAIN) >= kept
    assert runner.held(HEADED) < 60, "it has yet to read"


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("dear", [True, False])
def test_a_chat_is_read_again_only_for_a_chain_that_is_worth_it(
    models: ModelSet, listed: bool, dear: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A switch of methods to Auto, or a chain that is new on Auto's list, in the second turn of a chat."""
    plain, head = Chain((), (TOP,)), Chain((Head(),), (TOP,), (2,))
    lists = iter([[plain, Chain((COPY,), (TOP,), (3,))], [plain, head]] if listed else [[plain, head]])
    monkeypatch.setattr(Planner, "shortlist", lambda *_asked, **_how: next(lists))
    monkeypatch.setattr(Costs, "reading", lambda _costs, source: 1.0 if dear and source == TOP else 1e-9)
    monkeypatch.setattr("engine.decoding.planning.charting.rehearse", lambda *_: False)
    session = finish(Session.open(models, "cpu", "eager", weights="exact", threads=1))
    monkeypatch.setattr(Beliefs, "pace", lambda _beliefs, chain, _hope=0.0: 0.5 if chain == head else 1.0)
    runs, asked = Runs(), [("user", "What is a tree? " * 4)]
    count_called(monkeypatch, runs, session.loaded["target"])
    runs.on = True
    events = list(session.reply(asked, preset=PRESETS["auto" if listed else "plain"], sampling=GREEDY, max_tokens=20))
    (ended,) = (event for event in events if isinstance(event, Finished))
    first = runs.all
    asked += [("assistant", ended.text), ("user", "And a bush?")]
    events = list(session.reply(asked, preset=PRESETS["auto"], sampling=GREEDY, max_tokens=20))
    begins = next(event for event in events if isinstance(event, Planned))
    assert (begins.chain == "Target") is dear
    again, layers = runs.again.total(), session.loaded["target"].layers
    assert again <= 20 * layers if dear else again > 0.8 * first - 40 * layers
