"""The benchmark: what it plants is what it measures, and what it says can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log

import pytest
import torch

from engine.__main__ import main
from engine.bench.library import LibraryNf4, by_library
from engine.bench.passes import matrices
from engine.bench.planted import planted_levels
from engine.bench.replies import measure
from engine.bench.report import WIDTHS, PassCost, Report, Speed
from engine.bench.rivals import lent_speed
from engine.bench.shapes import FAMILIES, SHAPES, random_transformer
from engine.bench.simulated import SETTINGS
from engine.config import PRESETS, ModelSet, Sampling
from engine.decoding.facts import Judged
from engine.decoding.graphs import GraphRunner
from engine.decoding.tape import Tape
from engine.model import Transformer, load
from engine.session import Session
from engine.teaching.lending import lent
from tests.engine.family import finish


def test_acceptance_is_what_was_planted(family: ModelSet) -> None:
    """A simulated rate that is not the real one makes every figure of a known shape wrong."""
    rates = (0.9, 0.6)
    runner = GraphRunner(torch.device("cpu"), 64, 256, planted_levels(rates))
    for role in PRESETS["hsd"].roles:
        runner.add(role, finish(load(family.models[role], torch.device("cpu"))), None)
    tape = Tape([3] * 40, limit=250)
    chain = runner.open(PRESETS["hsd"], tape, replace(SETTINGS, seed=5))
    chain.prefill(tape, len(tape) - 1)
    verdicts: list[Judged] = []
    while not tape.full:
        verdicts += [fact for fact in chain.draft(tape) if isinstance(fact, Judged)]
    for level, rate in enumerate(rates, start=1):
        first = [fact.kept > 0 for fact in verdicts if fact.level == level and fact.proposed]
        assert sum(first) / len(first) == pytest.approx(rate, abs=0.2)


def test_a_report_can_be_read_and_kept(family: ModelSet, capsys: pytest.CaptureFixture[str]) -> None:
    """One table and one JSON object from the same figures."""
    session = finish(Session.open(family, "cpu"))
    presets = [PRESETS["plain"], PRESETS["hispec"]]
    report = measure(session, presets, Sampling(temperature=0), 6, lambda _: None, context=16)
    table = report.table()
    assert "x plain" in table
    assert all(preset.name in table for preset in presets)
    kept = json.loads(json.dumps(report.to_json()))
    assert kept["tokens_per_second"]["plain"] == pytest.approx(report.speeds[0].tokens_per_second)
    assert set(report.passes[0].milliseconds) == set(WIDTHS)
    assert capsys.readouterr().out == ""


def test_ratios_are_against_one_token_and_plain_decoding() -> None:
    """A table whose ratios are upside down looks like a success."""
    cost = PassCost("target", {n: 2.0 + n for n in WIDTHS}, floor=1.5)
    plain, quick = Speed("plain", "", 100, 10.0, {}, 1.0), Speed("hispec", "", 100, 5.0, {"Target": 0.5}, 2.5, 0.03)
    report = Report("x", "GPU", "torch", 64, 3e12, (cost,), (plain, quick), {512: 9000.0}, 10, 5)
    assert cost.ratio(4) == 2.0
    lines = report.table().splitlines()
    assert any(line.startswith("hispec") and "about 2.0× " in line and "3.0%" in line for line in lines)
    assert any("50% of the speed of a copy" in line for line in lines)


def test_a_ratio_has_the_error_its_replies_betray() -> None:
    """Guards: a figure to a hundredth from replies that differ by half."""

    def speed(*seconds: float) -> Speed:
        replies = tuple((60, each) for each in seconds)
        return Speed("", "", 60 * len(replies), sum(seconds), {}, None, None, replies)

    plain = speed(2.0, 2.0, 2.0, 2.0)
    assert speed(1.0, 1.0, 1.0, 1.0).against(plain) == "about 2.0× (± 0.1)", "as the window rounds"
    assert speed(0.6, 1.4, 0.7, 1.3).against(plain) == "about 2.0× (± 0.8)"
    assert Speed("", "", 60, 60.0, {}, None).against(plain) == "about 0.03×"


def test_shapes_are_those_of_the_real_models() -> None:
    """A shape off by a row is another model: the sizes are on the models' cards."""
    assert SHAPES["llama-3.1-8b"].parameters == pytest.approx(8.03e9, rel=0.01)
    assert SHAPES["qwen3-8b"].parameters == pytest.approx(8.19e9, rel=0.01)
    small = SHAPES["llama-3.2-1b"]
    assert small.parameters - small.vocabulary * small.width == pytest.approx(1.24e9, rel=0.01)  # its head is tied
    assert SHAPES["llama-3.1-8b"].rope[0] == 1.0
    assert log(SHAPES["llama-3.1-8b"].rope[1]) == pytest.approx(-log(500_000) * 2 / 128)
    assert all(name in SHAPES for pair in FAMILIES.values() for name in pair)


@pytest.fixture(params=["llama-3.2-1b", "qwen3-0.6b"])
def random_model(request: pytest.FixtureRequest) -> Transformer:
    """Draw a model of a known family, made small."""
    sizes = {"layers": 2, "width": 64, "heads": 2, "kv_heads": 1, "head_dim": 64, "mlp": 128, "vocabulary": 96}
    rope = SHAPES["llama-3.2-1b"].rope  # for heads of 64
    shape = replace(SHAPES[request.param], **sizes, rope=rope, windows=(None, None))  # type: ignore[arg-type]
    torch.manual_seed(3)
    return random_transformer(shape, torch.device("cpu"))


def test_the_librarys_products_are_of_the_same_weights(random_model: Transformer) -> None:
    """A rival that multiplies by other weights, or leaves some products to us, is no rival."""
    library = by_library(random_model)
    assert all(isinstance(matrix, LibraryNf4) for matrix in matrices(library))
    hidden = random_model.embed(torch.arange(9))
    states = [each.run(hidden, range(2), each.new_cache(16)) for each in (random_model, library)]
    torch.testing.assert_close(*states)


@torch.inference_mode()
def test_transformers_runs_what_it_is_lent(random_model: Transformer) -> None:
    """Rows given to the wrong matrix, or positions turned otherwise, make the rival's figure that of another model."""
    ids = torch.arange(20) * 7 % 96
    hidden = random_model.run(random_model.embed(ids), range(2), random_model.new_cache(20))
    ours, theirs = random_model.read(hidden), lent(random_model)(ids[None]).logits[0].float()
    assert float((ours - theirs).norm() / ours.norm()) < 0.03
    assert lent_speed(random_model, 20).tokens_per_second > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what is missing where there is no GPU")
def test_a_shape_needs_a_gpu_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback tells a person nothing."""
    assert main(["bench", "--shape", "llama-3.1-8b"]) == 1
    assert "GPU" in capsys.readouterr().err
    assert main(["bench", "--shape", "gpt-5"]) == 1
    assert "llama-3.1-8b" in capsys.readouterr().err
