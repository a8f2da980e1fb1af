"""Early exits with adapters on a CUDA device, recorded: replies as plain decoding writes them, and guesses as good."""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file

from engine.architecture import read_architecture
from engine.config import PRESETS, ModelSet, Preset, Sampling, Stage, Window
from engine.config.sources import Exit, Head, Lookup, Model
from engine.decoding.sources.adapted import Adapters
from engine.events import Event, Loading, Round
from engine.prompts import PROMPTS
from engine.session import Session
from tests.engine.adapters import write_exits
from tests.engine.decoding.turning import Run, part
from tests.engine.family import finish
from tests.engine.heads import write_head_for
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
HISPEC = PRESETS["hispec"]
WHOLE = Preset(
    "all",
    "All",
    "Every level that may stand beside an exit.",
    (
        Stage(Lookup(), Window(7)),
        Stage(Head(), Window(3), fallback=True),
        Stage(Exit(2 / 16, adapted=True), Window(4)),
        Stage(Model("draft"), Window(3), trimmed=True),
        Stage(Exit(4 / 16, adapted=True)),
        Stage(Model("qualifier"), Window(1)),
        *PRESETS["plain"].stages,
    ),
)
LOW, DEEP = 2, 4
BOTH = part(WHOLE, LOW, DEEP)
CHAINS = [
    *(part(WHOLE, *levels) for levels in ((), (LOW,), (LOW, DEEP), (1, DEEP), (3, DEEP), (LOW, 5))),
    part(WHOLE, 0, LOW, DEEP, guessing=2),
]
SEVERAL = replace(
    BOTH, name="several", stages=(BOTH.stages[0], replace(BOTH.stages[1], window=Window(6)), BOTH.stages[2])
)
METHODS = {"hispec": HISPEC, "several": SEVERAL, **{chain.name: chain for chain in CHAINS[1:]}}
SETTINGS = {
    "greedy": Sampling(temperature=0),
    "usual": Sampling(temperature=0.7, top_p=0.9, seed=2),
    "even": Sampling(temperature=5, top_p=1, seed=5),  # levels agree on what all but the noise leaves open
    "penalty": Sampling(temperature=1.0, top_p=1, min_p=0.05, repetition_penalty=1.2, seed=4),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    folder, pocket = tmp_path_factory.mktemp("taught"), pocket_models(wide=True)
    shape = read_architecture(pocket.target)
    write_exits(folder / "exits", shape, (2, 4), norm=_norm(pocket.target))
    write_head_for(folder / "head", shape, shape.vocabulary // 2)
    return ModelSet("Pocket, with adapters", {**pocket.models, "exits": folder / "exits", "head": folder / "head"})


def _norm(target: Path) -> torch.Tensor:
    return load_file(target / "model.safetensors")["model.norm.weight"]


@pytest.fixture(scope="module")
def session(models: ModelSet) -> Iterator[Session]:
    session = finish(Session.open(models, "cuda"))
    yield session
    session.close()


def ask(session: Session, preset: Preset, prompt: str, sampling: Sampling, tokens: int = 120) -> list[Event]:
    events = session.reply([("user", prompt)], preset=preset, sampling=sampling, max_tokens=tokens)
    return [event for event in events if not isinstance(event, Loading)]


def ids(events: Sequence[Event]) -> list[int]:
    return [token.id for event in events if isinstance(event, Round) for token in event.settled]


def writers(events: Sequence[Event]) -> Counter[int]:
    """Count the tokens that stand by the level that wrote them."""
    return Counter(token.level for event in events if isinstance(event, Round) for token in event.settled)


@pytest.mark.parametrize("method", METHODS)
def test_replies_equal_plain_decoding(session: Session, method: str) -> None:
    """The promise, token for token, whatever stands below or above an exit."""
    for sampling in SETTINGS.values():
        for prompt in PROMPTS[:4]:
            expected = ids(ask(session, PRESETS["plain"], prompt, sampling))
            assert ids(ask(session, METHODS[method], prompt, sampling)) == expected
    assert (session.how, session.why_eager) == ("graphs", "")


def test_guesses_are_as_good_as_operation_by_operation(models: ModelSet, session: Session) -> None:
    """And as those of exits without adapters: these change little of what they are given."""
    shares = {"recorded": kept(session)}
    called, bare = finish(Session.open(models, "cuda", "eager")), finish(Session.open(pocket_models(wide=True), "cuda"))
    for name, other in (("called", called), ("bare", bare)):
        shares[name] = kept(other)
        other.close()
    assert shares["recorded"] > 0.3, shares
    assert all(abs(share - shares["recorded"]) < 0.1 for share in shares.values()), shares


def kept(session: Session) -> float:
    """Return the share of the tokens of a few replies that exits wrote.

    A share, since other kernels round otherwise: replies part where two tokens are nearly as likely, and end elsewhere.
    """
    made = [writers(ask(session, HISPEC, prompt, SETTINGS["usual"])) for prompt in PROMPTS[:16]]
    return sum(found[0] + found[1] for found in made) / sum(found.total() for found in made)


def test_a_dropped_reply_and_another_method_leave_no_trace(session: Session) -> None:
    """Keys of tokens that are gone must not be taken for the conversation's."""
    expected = ids(ask(session, HISPEC, PROMPTS[0], SETTINGS["even"]))
    for taken, preset in ((3, HISPEC), (9, PRESETS["plain"]), (20, METHODS[CHAINS[1].name]), (31, SEVERAL)):
        reply = session.reply([("user", PROMPTS[1])], preset=preset, sampling=SETTINGS["even"], max_tokens=90)
        list(islice(reply, taken))
        reply.close()  # type: ignore[attr-defined]
        assert ids(ask(session, HISPEC, PROMPTS[0], SETTINGS["even"])) == expected


@pytest.mark.parametrize("settings", SETTINGS)
def test_turning_at_any_round_changes_no_token(session: Session, settings: str) -> None:
    """Adapters that are away read along; what they remember is what they make of the conversation read anew."""
    ready(session)
    expected, draw = begin(session, CHAINS[0], settings).to_the_end(), random.Random(3)
    run = begin(session, CHAINS[0], settings)
    while not run.tape.full:
        if draw.random() < 0.2:
            run.turn(draw.choice(CHAINS))
        if not run.tape.full:  # with the round that had begun
            run.round()
    assert run.tape[run.prompt :] == expected
    assert (session.how, session.why_eager) == ("graphs", "")
    along = remembered(session)
    assert min(held for held, _ in along) > len(run.tape) - 30
    begin(session, BOTH, settings, run.tape, 1)
    for (held, kept), (_, anew) in zip(along, remembered(session), strict=True):
        for one, other in zip(kept, anew, strict=True):
            assert (one - other[:, :held]).norm() < 0.03 * one.norm()


def ready(session: Session) -> None:
    """Load and record all that a reply may turn to."""
    list(session.prepare(WHOLE, PRESETS["plain"]))
    list(session.prepare(session._loaded.fit(WHOLE), *CHAINS))


def begin(session: Session, first: Preset, settings: str, text: Sequence[int] = (), tokens: int = 500) -> Run:
    text = text or session.tokenizer.render([("user", PROMPTS[0])])
    return Run(session, WHOLE, [first, *CHAINS], text, tokens, SETTINGS[settings])


def remembered(session: Session) -> list[tuple[int, list[torch.Tensor]]]:
    """Return how many tokens each adapter holds, and the keys and values of these."""
    own = session._loaded.own["exits"]
    assert isinstance(own, Adapters)
    each = [(adapter.held, adapter.cache.layers[0]) for adapter in own.adapters.values()]
    return [(held, [part[:, :held].float().clone() for part in past.held]) for held, past in each]


def test_closing_gives_the_memory_back(models: ModelSet) -> None:
    """Adapters that stay after their session would be a gigabyte beside a large model."""
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    for _ in range(2):
        session = finish(Session.open(models, "cuda"))
        ask(session, HISPEC, "Tell me about dogs.", SETTINGS["usual"], 8)
        assert torch.cuda.memory_allocated() > before
        session.close()
        del session
        gc.collect()
        assert torch.cuda.memory_allocated() <= before + (1 << 20)
