"""The catalogue's numbers and the fit, against models that really exist."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.account import LEAST, STEP, needs
from engine.bandwidth import Bandwidth
from engine.config import DRAFTERS, PRESETS, Model, ModelSet
from engine.decoding.planning.costs import Costs
from engine.decoding.planning.kept import Plans
from engine.dimensions import read_dimensions
from engine.library import CATALOGUE, Gpu, Hardware, Library, judge, shown
from engine.library.agreed import agreed
from engine.library.fit import SPARE, if_alone, streaming
from engine.placement import place

GB = 10**9


def machine(free: int = 0, total: int = 0, ram: int = 16 * GB, cuda: str | None = "12.8") -> Hardware:
    """A machine with one GPU, or none where ``total`` is 0."""
    gpus = (Gpu("RTX", "570", (8, 9), total, total - free, free),) if total else ()
    return Hardware(gpus, cuda, ram, ram, 8, Path(), 500 * GB, 400 * GB)


@pytest.mark.parametrize(
    ("name", "role", "billions"),
    [
        ("qwen3-8b", "target", 8.19),
        ("qwen3-8b", "qualifier", 1.72),
        ("qwen3-8b", "draft", 0.596),
        ("qwen3-4b", "target", 4.02),
        ("qwen3-14b", "target", 14.77),
        ("qwen3-32b", "target", 32.76),
        ("llama-70b", "target", 70.55),
        ("qwen2.5-7b", "target", 7.62),
        ("qwen2.5-7b", "draft", 0.494),
        ("llama-8b", "target", 8.03),
        ("llama-8b", "qualifier", 3.21),
        ("llama-8b", "draft", 1.24),
        ("layerskip-7b", "target", 6.74),
        ("smollm2", "target", 1.71),
        ("smollm2", "qualifier", 0.362),
        ("smollm2", "draft", 0.1345),
    ],
)
def test_catalogue_has_the_published_sizes(name: str, role: Any, billions: float) -> None:
    """Guards against a typing error in the catalogue's architectures: all sizes follow from them."""
    assert CATALOGUE[name].models[role].dimensions.parameters / 1e9 == pytest.approx(billions, rel=0.006)


def test_catalogue_is_consistent() -> None:
    """Guards against sets without a target, and presets that do not exist or that nothing of the set can run."""
    for name, entry in CATALOGUE.items():
        assert name == entry.name
        assert next(iter(entry.models)) == "target"
        assert set(entry.presets) <= set(PRESETS)
        for preset in entry.presets:
            assert PRESETS[preset].roles <= {*entry.models, *(drafter.role for drafter in entry.drafters)}
        assert {drafter.role for drafter in entry.drafters} <= {*DRAFTERS} & {*entry.presets}
        sizes = [model.dimensions.parameters for model in entry.models.values()]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(("name", "gigabytes"), [("qwen3-4b", 2.79), ("qwen3-8b", 4.74)])
def test_blocks_are_as_large_as_published(name: str, gigabytes: float) -> None:
    """Guards against a drafter said to be small whose files repeat its model's embedding and head."""
    (drafter,) = (each for each in CATALOGUE[name].drafters if each.role == "block")
    assert drafter.download / GB == pytest.approx(gigabytes, rel=0.005)


def test_verdicts() -> None:
    """Guards the three answers and their numbers: what is said to fit must fit by the same account, and no more."""
    levels = CATALOGUE["qwen3-8b"].dimensions
    needed = needs(levels, 8192, "cuda").total
    assert judge(levels, machine(needed + SPARE, 24 * GB), 8192).answer == "fits"
    tight = judge(levels, machine(needed + SPARE - 1, 24 * GB), 8192)
    assert tight.answer == "shorter"
    assert 8192 - STEP <= tight.context < 8192
    assert f"{tight.context:,}" in tight.sentence
    assert needs(levels, tight.context, "cuda").total <= tight.free
    assert needs(levels, tight.context + STEP, "cuda").total > tight.free


def test_does_not_fit_says_why() -> None:
    """Guards against "does not fit" without the reason: the machine is too small, or others hold its memory."""
    levels = CATALOGUE["qwen3-8b"].dimensions
    small = judge(levels, machine(GB, 2 * GB), 4096)
    assert (small.answer, small.context) == ("no", 0)
    assert "this machine has" in small.sentence
    crowded = judge(levels, machine(GB, 24 * GB), 4096)
    assert crowded.answer == "no"
    assert "other programs" in crowded.sentence
    poor = judge(levels, machine(5 * GB, 6 * GB, ram=4 * GB), 4096)
    assert (poor.answer, poor.context) == ("no", 0)
    assert re.search(r"GB of it would have to stay in the computer's memory, of which 1\.9 GB", poor.sentence)


def test_what_is_larger_than_the_card_says_how_it_runs() -> None:
    """Guards against a refusal of what runs, silence about how slowly, and other numbers than what is loaded."""
    levels = CATALOGUE["qwen3-8b"].dimensions
    small = judge(levels, machine(5 * GB, 6 * GB), 2048)
    assert (small.answer, small.context, small.word) == ("streams", 2048, "Runs slowly")
    placed = place(levels, 2048, small.free)
    assert placed is not None
    assert small.needed == needs(levels, 2048, "cuda", streamed=placed.streamed).total <= small.free
    assert small.forecast is not None
    assert small.forecast.layers == (placed.streamed, 36)
    assert small.sentence == small.forecast.sentence
    assert "a guess" in small.sentence
    known = replace(machine(5 * GB, 6 * GB), bandwidth=Bandwidth(50e9, 500e9, measured=True))
    measured = judge(levels, known, 2048).forecast
    assert measured is not None
    assert "estimated" in measured.sentence
    assert measured.plain > 2 * small.forecast.plain
    assert "Close other programs" in judge(levels, machine(5 * GB, 24 * GB), 2048).sentence


def test_a_gpu_too_small_for_the_smaller_models_is_not_called_too_small() -> None:
    """Guards: "Does not fit" of what the engine loads without its smaller models."""
    levels = CATALOGUE["llama-70b"].dimensions
    tight = judge(levels, machine(streaming(levels[:1], 2048).total + SPARE, 12 * GB, ram=64 * GB), 2048)
    assert (tight.answer, tight.context) == ("streams", 2048)
    assert "find no room beside it" in tight.sentence
    assert "guessing ahead" not in tight.sentence
    assert judge(levels, machine(streaming(levels[:1], LEAST).total, 12 * GB, ram=64 * GB), 2048).answer == "no"


def test_smaller_models_make_way_where_the_computer_could_not_hold_the_rest() -> None:
    """Guards: a refusal for the sake of models that only make it faster, with room for the large one alone."""
    levels = CATALOGUE["llama-70b"].dimensions
    tight, poor = (judge(levels, machine(23 * GB, 24 * GB, ram=ram * GB), 2048) for ram in (28, 20))
    assert tight.answer == "streams"
    assert "find no room beside it" in tight.sentence
    assert (poor.answer, poor.context) == ("no", 0)


def test_a_drafter_pays_over_the_bus_where_nothing_else_guesses() -> None:
    """Guards: none advised where every token waits for the bus; one that takes the place of layers beside a draft."""
    levels = CATALOGUE["qwen3-14b"].dimensions
    more = CATALOGUE["qwen3-14b"].drafters[0].on_gpu
    alone, beside = (judge(some, machine(8 * GB, 8 * GB, ram=32 * GB), 2048) for some in (levels[:1], levels))
    assert alone.answer == beside.answer == "streams"
    assert alone.holds_besides(more)
    assert not alone.holds_besides(8 * GB)
    assert not beside.holds_besides(more)


def test_what_the_models_agreed_on_before_is_reckoned_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Guards: a careful guess told to somebody whose models have talked for hours, and counts that nobody can read."""
    levels = {Path(role): listed.dimensions for role, listed in CATALOGUE["qwen3-8b"].models.items()}
    models = ModelSet("Set", {role: Path(role) for role in CATALOGUE["qwen3-8b"].models})
    monkeypatch.setattr("engine.library.fit.read_dimensions", levels.__getitem__)
    file = tmp_path / "plans.json"
    monkeypatch.setattr("engine.library.fit.usual_file", lambda: file)
    small = machine(GB, 6 * GB, ram=32 * GB)
    before = if_alone(models, small, 4096)
    plans = Plans(file)
    planner = plans.of(f"{models.target} | 36 layers | auto", lambda: Costs(Model("target")), picky=False)
    for _ in range(20):
        planner.beliefs.agreements.learn(Model("qualifier"), Model("target"), 9, fell=True)
    assert agreed(file, models) == {}
    plans.save()
    assert agreed(file, models) == {"qualifier": pytest.approx(0.9, abs=0.02)}
    after = if_alone(models, small, 4096)
    assert paced(after) > paced(before)
    for damage in ("[1]", "{", file.read_text(encoding="utf-8").replace('"agreements"', '"x"')):
        file.write_text(damage, encoding="utf-8")
        assert if_alone(models, small, 4096) == before


def paced(sentence: str) -> float:
    found = re.search(r"About ([\d.]+) tokens a second guessing ahead", sentence)
    assert found is not None, sentence
    return float(found[1])


def test_what_is_in_use_now_says_nothing_of_what_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: every other model called larger than the GPU for as long as one is loaded that fills it."""
    levels = {Path(role): listed.dimensions for role, listed in CATALOGUE["qwen3-8b"].models.items()}
    models = ModelSet("Set", {role: Path(role) for role in CATALOGUE["qwen3-8b"].models})
    monkeypatch.setattr("engine.library.fit.read_dimensions", levels.__getitem__)
    assert if_alone(models, machine(GB, 24 * GB), 4096) == if_alone(models, machine(GB), 4096) == ""
    assert "tokens a second guessing ahead" in if_alone(models, machine(GB, 6 * GB, ram=32 * GB), 4096)
    assert "would have to stay" in if_alone(models, machine(GB, 6 * GB, ram=6 * GB), 4096)
    monkeypatch.setattr("engine.library.fit.read_dimensions", read_dimensions)
    assert if_alone(models, machine(GB, 6 * GB), 4096) == "", "what cannot be read is said when it is loaded"


def test_the_largest_model_alone_is_said_to_fit() -> None:
    """Guards: "does not fit" of a set whose target the engine runs whole, by itself."""
    levels = CATALOGUE["qwen3-8b"].dimensions
    room = needs(levels[:1], 4096, "cuda").total + SPARE
    alone = judge(levels, machine(room, 12 * GB), 4096)
    assert (alone.answer, alone.context) == ("alone", 4096)
    assert "4,096 tokens" in alone.sentence


def test_longer_than_trained() -> None:
    """Guards against offering a context the model was never trained for."""
    verdict = judge(CATALOGUE["layerskip-7b"].dimensions, machine(40 * GB, 48 * GB), 100_000)
    assert (verdict.answer, verdict.context) == ("shorter", 4096)
    assert "trained" in verdict.sentence


def test_without_a_usable_gpu_the_cpu_is_judged() -> None:
    """Guards against judging a GPU that the installed torch cannot use, or weights of 8 bits at the size of 4."""
    levels = CATALOGUE["smollm2"].dimensions
    verdict = judge(levels, machine(20 * GB, 24 * GB, cuda=None), 1024)
    assert verdict.device == "cpu"
    assert verdict.needed == needs(levels, 1024, "cpu").total
    assert 2.5 * GB < verdict.needed < 3.5 * GB  # at 8 bits, where a GPU would hold 4


def test_least_context_is_a_chat() -> None:
    """Guards against "fits" with a context in which no conversation can be had."""
    level = CATALOGUE["smollm2"].models["draft"].dimensions
    room = needs([level], LEAST - 1, "cpu").total + SPARE
    assert judge([level], machine(ram=room, cuda=None), 4096).answer == "no"


def test_a_drafter_that_does_not_fit_besides_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Guards: "Fits", and a drafter of gigabytes fetched that the card then has no room for."""
    entry = CATALOGUE["qwen3-8b"]
    needed = needs(entry.dimensions, 8192, "cuda").total + SPARE
    for free, said in ((needed, True), (needed + entry.drafters[0].on_gpu, False)):
        monkeypatch.setattr(shown, "probe", lambda _folder, free=free: machine(free, 64 * GB))
        assert shown.show_fit(Library(tmp_path / "models", tmp_path / "library.json"), "qwen3-8b", 8192) == 0
        told = capsys.readouterr().out
        assert "Fits." in told
        assert ("Not with its drafter" in told) == said
