"""Exits of one model share its cache and states: what they compute must be what a fresh model would."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from engine.config import ModelSet, Sampling
from engine.decoding.frequent import FrequentTokens, frequent_tokens
from engine.decoding.laws import Sampler
from engine.decoding.sources.model import ModelReader
from engine.decoding.trunk import Trunk
from engine.errors import CheckpointError
from engine.model import Transformer, load
from tests.engine.family import finish

CPU = torch.device("cpu")
TOKENS = [5, 17, 42, 7, 99, 3, 250, 61, 8, 8, 120, 33]


@pytest.fixture(scope="module")
def model(family: ModelSet) -> Transformer:
    return finish(load(family.target, CPU))


def levels(model: Transformer, exits: tuple[int, ...]) -> list[ModelReader]:
    """Return one level per exit of a fresh trunk."""
    trunk = Trunk(model)
    trunk.cut(exits)
    sampler = Sampler(Sampling(temperature=1, top_p=1))
    return [ModelReader(trunk, span, model.vocabulary, sampler, span) for span in range(len(exits))]


def fresh(model: Transformer, depth: int, tokens: list[int], rows: int) -> torch.Tensor:
    """Return the last ``rows`` laws after ``depth`` layers, computed from nothing."""
    states = model.run(model.embed(torch.tensor(tokens)), range(depth), model.new_cache())
    return model.read(states)[-rows:].softmax(dim=1)


@torch.inference_mode()
def test_every_exit_agrees_with_a_fresh_model_through_a_round(model: Transformer) -> None:
    """Drafting, judging with catch-up, a veto and the rewind must leave every cache as if nothing had happened."""
    low, middle, top = levels(model, (2, 4, 8))
    tape = TOKENS[:4]
    for level, depth in ((low, 2), (middle, 4), (top, 8)):
        level.prefill(tape, 3)
        assert level.laws(tape, 4, 1).probs == pytest.approx(fresh(model, depth, tape, 1), abs=1e-5)
        level.rewind(3)
    for token in TOKENS[4:7]:  # three drafted tokens
        law = low.laws(tape, len(tape), 1)
        assert law.probs == pytest.approx(fresh(model, 2, tape, 1), abs=1e-5)
        tape.append(token)
    judged = middle.laws(tape, 4, 4)
    assert judged.probs == pytest.approx(fresh(model, 4, tape, 4), abs=1e-5)
    assert judged.positions == 4
    del tape[6:]  # the third is vetoed, another follows
    middle.rewind(6)
    tape.append(77)
    law = low.laws(tape, 7, 1)
    assert law.probs == pytest.approx(fresh(model, 2, tape, 1), abs=1e-5)
    assert law.positions == 1
    tape.append(11)
    assert top.laws(tape, 4, 5).probs == pytest.approx(fresh(model, 8, tape, 5), abs=1e-5)


@torch.inference_mode()
def test_a_drafted_token_goes_through_each_layer_once(model: Transformer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recomputing the early layers of drafted tokens would cost what the shared cache is there to save."""
    work = 0
    run = Transformer.run

    def counted(self: Transformer, hidden: torch.Tensor, layers: range, cache: object) -> torch.Tensor:
        nonlocal work
        work += len(layers) * len(hidden)
        return run(self, hidden, layers, cache)  # type: ignore[arg-type]

    monkeypatch.setattr(Transformer, "run", counted)
    low, middle, top = levels(model, (2, 4, 8))
    tape = TOKENS[:1]
    for token in TOKENS[1:6]:
        low.laws(tape, len(tape), 1)
        tape.append(token)
    middle.laws(tape, 1, 5)
    top.laws(tape, 1, 5)
    assert work == 5 * 8


@torch.inference_mode()
def test_cutting_anew_keeps_what_every_layer_has_seen(model: Transformer) -> None:
    """Changing the preset between turns must not compute the conversation again."""
    low, _, top = levels(model, (2, 4, 8))
    top.prefill(TOKENS, 8)
    low.prefill(TOKENS, 10)
    top.trunk.cut((1, 8))
    assert top.trunk.seen(0) == top.trunk.seen(1) == 8
    again = ModelReader(top.trunk, 1, model.vocabulary, top.sampler, 0)
    assert again.laws(TOKENS, 12, 1).probs == pytest.approx(fresh(model, 8, TOKENS, 1), abs=1e-5)


@torch.inference_mode()
def test_a_trimmed_exit_reads_its_frequent_tokens_alone(model: Transformer) -> None:
    """Logits put at the wrong ids would still decode, only with hopeless acceptance."""
    trunk = Trunk(model, FrequentTokens(model, [250, 3, 17, 17]))
    sampler = Sampler(Sampling(temperature=1, top_p=1))
    whole = ModelReader(trunk, 0, model.vocabulary, sampler, 0).laws(TOKENS, 12, 1).probs[0]
    trunk.rewind(11)
    cut = ModelReader(trunk, 0, model.vocabulary, sampler, 0, trimmed=True).laws(TOKENS, 12, 1).probs[0]
    assert cut.nonzero().flatten().tolist() == [3, 17, 250]
    assert cut[[3, 17, 250]] == pytest.approx(whole[[3, 17, 250]] / whole[[3, 17, 250]].sum(), abs=1e-6)


def test_draft_vocabularies_come_from_their_file(model: Transformer, tmp_path: Path) -> None:
    """The file beside the weights decides; ends of turn are always in, or no draft could end one."""
    assert frequent_tokens(tmp_path, model, 300, frozenset({0})) is None
    (tmp_path / "draft_vocabulary.json").write_text("[5, 6]")
    found = frequent_tokens(tmp_path, model, 300, frozenset({0}))
    assert found is not None
    assert found.tokens.tolist() == [0, 5, 6]
    for wrong in ("{}", "[300]", "[-1]", '["a"]', "[1", "[" * 100_000):
        (tmp_path / "draft_vocabulary.json").write_text(wrong)
        with pytest.raises(CheckpointError, match="list of token ids"):
            frequent_tokens(tmp_path, model, 300, frozenset({0}))


def test_exits_must_rise_to_the_models_depth(model: Transformer) -> None:
    """A cut that leaves layers out would read the model at the wrong depth."""
    for exits in ((2, 4), (4, 2, 8), (2, 2, 8), (9,)):
        with pytest.raises(ValueError, match="do not rise"):
            Trunk(model).cut(exits)


@torch.inference_mode()
def test_asking_for_states_that_are_gone_is_refused(model: Transformer) -> None:
    """Silently answering with another position's states would corrupt a reply unseen."""
    low, _, top = levels(model, (2, 4, 8))
    top.prefill(TOKENS, 8)
    with pytest.raises(RuntimeError, match="are gone"):
        low.laws(TOKENS, 4, 1)


@torch.inference_mode()
def test_taps_keep_what_every_position_makes_of_a_layer(model: Transformer) -> None:
    """Any chunks, exits, vetoes and releases: a tap must hold what a fresh pass gives, and what it let go is gone."""
    draw = random.Random(7)
    tokens = [draw.randrange(200) for _ in range(40)]
    states = {
        depth: model.run(model.embed(torch.tensor(tokens)), range(depth), model.new_cache()) for depth in (2, 5, 8)
    }
    for _ in range(6):
        trunk, taken = Trunk(model), 0
        trunk.advance(0, tokens, draw.randrange(12))
        trunk.cut(draw.choice([(8,), (4, 8), (2, 5, 8)]))
        taps = [trunk.tap(depth, taken) for depth in states]
        assert trunk.seen(0) == 0, "what ran unseen runs again"
        for _ in range(12):
            span, length = draw.randrange(len(trunk.spans)), trunk.seen(len(trunk.spans) - 1)
            trunk.advance(span, tokens, min(trunk.seen(span) + draw.randrange(1, 6), len(tokens)))
            if draw.random() < 0.4:
                trunk.rewind(length - draw.randrange(3) if length > taken + 3 else length)
            stop = min(tap.stop for tap in taps)
            for tap in taps:
                assert tap.states(taken, stop) == pytest.approx(states[tap.depth][taken:stop], abs=1e-3)
                tap.release(max(taken, stop - 3))
            taken = max(taken, stop - 3)
        assert taken
        with pytest.raises(RuntimeError, match="are gone"):
            taps[0].states(0, 1)
    with pytest.raises(ValueError, match="of 8 layers"):
        trunk.tap(9, 0)
