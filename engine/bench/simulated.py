"""Presets on random weights with acceptance simulated: every kernel runs as it would, only what is said is planted."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import median

import torch

from engine.bench.drafters import DRAFTERS, shares
from engine.bench.library import by_library, prefill_seconds
from engine.bench.passes import copy_bandwidth, pass_cost
from engine.bench.planted import agreeing_levels, planted_levels
from engine.bench.report import PassCost, Report, Share, Speed
from engine.bench.rivals import lent_speed
from engine.bench.shapes import FAMILIES, SHAPES, random_transformer
from engine.config import PRESETS, Preset, Role, Sampling
from engine.decoding.facts import Fact, Judged
from engine.decoding.frequent import FrequentTokens
from engine.decoding.graphs import GraphRunner
from engine.decoding.graphs.chain import GraphChain
from engine.decoding.tape import Tape
from engine.errors import SettingError
from engine.gpus import device_of
from engine.model import Transformer

NEW = 256  # tokens of a simulated reply
KEYS = 9  # replies of which the one in the middle counts: other programs disturb some, and some keys are lucky
RUNS = 5  # of a prompt
SETTINGS = Sampling(temperature=1.0, top_p=1.0)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is to be measured: random weights of ``shape``, through the presets of these ``names`` (none: all it can),
    behind ``context`` tokens, judges keeping the shares ``rates`` of the level below, each with ``keys`` keys.

    ``drafter``: of DRAFTERS, measured beside them; without names, beside plain decoding alone.
    """

    shape: str
    names: Sequence[str]
    rates: Sequence[float]
    context: int
    keys: int = KEYS
    drafter: str | None = None
    against_transformers: bool = False

    @property
    def presets(self) -> list[Preset]:
        """The presets asked for."""
        usual = ("plain",) if self.drafter else ("plain", "draft", "hispec", "hsd")
        return [PRESETS[name] for name in self.names or usual]


@torch.inference_mode()
def simulate(asked: Simulation, say: Callable[[str], None]) -> Report:
    """Measure random weights of a shape on a GPU: passes, prefill, and presets with acceptance simulated.

    ``say`` hears each figure as soon as it is there. Raises SettingError for an unknown shape and DeviceError where
    there is no GPU.
    """
    device = _device(asked.shape)
    bandwidth = copy_bandwidth(device)
    torch.cuda.empty_cache()
    models = _models(asked, device, say)
    loaded = torch.cuda.memory_allocated()
    costs = list(_costs(models, asked.context, bandwidth, say))
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    plain, prefill, graphs = _plain(models["target"], asked)
    say(plain.line(None))
    speeds = [plain, *_speeds(models, asked, plain, say)]
    parts = {}
    if asked.drafter:
        for speed, shares in _drafted(models["target"], asked, costs[0].milliseconds[1] / 1e3):
            say("\n".join([speed.line(plain), *(share.line() for share in shares)]))
            speeds.append(speed)
            parts[speed.name] = shares
    peak = torch.cuda.max_memory_allocated()
    if asked.against_transformers:
        say("transformers")
        speeds.append(lent_speed(models["target"], asked.context))
    say("bitsandbytes")
    rates = ", ".join(f"{rate:.0%}" for rate in asked.rates)
    return Report(
        title=f"{asked.shape}, random weights; acceptance simulated at {rates}, that of drafters as their lines say",
        device=torch.cuda.get_device_name(device),
        software=f"torch {torch.__version__}",
        context=asked.context,
        bandwidth=bandwidth,
        passes=tuple(costs),
        speeds=tuple(speeds),
        prefill=prefill,
        peak_memory=peak,
        weights=loaded,
        graphs=graphs,
        library_prefill=_library_prefill(models["target"], list(prefill)),
        parts=parts,
    )


def _device(shape: str) -> torch.device:
    """Return the GPU, once ``shape`` is known."""
    if shape not in SHAPES:
        raise SettingError(f"{shape} is not a known shape.", f"Choose one of {', '.join(SHAPES)}.")
    return device_of("cuda")


def _costs(
    models: Mapping[Role, Transformer], context: int, bandwidth: float, say: Callable[[str], None]
) -> Iterator[PassCost]:
    """Yield what passes of each model cost."""
    for role, model in models.items():
        cost = pass_cost(role, model, context, bandwidth)
        say(cost.line())
        yield cost


def _speeds(
    models: Mapping[Role, Transformer], asked: Simulation, plain: Speed, say: Callable[[str], None]
) -> Iterator[Speed]:
    """Yield the speed of every preset but plain that these models can run."""
    for preset in asked.presets:
        if preset.name != "plain" and preset.roles <= models.keys():
            gc.collect()
            needed = {role: model for role, model in models.items() if role in preset.roles}
            speed = _speed(preset, _runner(needed, asked.rates, asked.context + NEW + 32), asked)
            say(speed.line(plain))
            yield speed


def _drafted(target: Transformer, asked: Simulation, step: float) -> Iterator[tuple[Speed, tuple[Share, ...]]]:
    """Yield the speed with a published kind of drafter, for each way targets agree with such, and a round's parts.

    ``step``: the seconds of a pass of one token.
    """
    drafter, room = DRAFTERS[asked.drafter or ""], asked.context + NEW + 32
    own = drafter.load(target, room)
    for agreement, (how, preset) in product(drafter.agreements, drafter.ways.items()):
        runner = GraphRunner(target.device, target.vocabulary, room, agreeing_levels(agreement.rates))
        runner.add("target", target, _frequent(target))
        runner.add_own(drafter.role, own)
        speed, facts = _median(preset, runner, asked)
        rates = " ".join(f"{rate:.3f}" for rate in agreement.rates)
        note = f"simulated: by place {rates}, {agreement.tokens:.2f} a round"
        yield replace(speed, name=f"{asked.drafter}, {agreement.what}{how}", note=note), tuple(shares(facts, step))


def _models(asked: Simulation, device: torch.device, say: Callable[[str], None]) -> dict[Role, Transformer]:
    names: dict[Role, str] = {"target": asked.shape}
    if asked.shape in FAMILIES:
        names["qualifier"], names["draft"] = FAMILIES[asked.shape]
    wanted = {role for preset in asked.presets for role in preset.roles}
    models: dict[Role, Transformer] = {}
    for role, name in names.items():
        if role in wanted:
            say(f"drawing {name}")
            models[role] = random_transformer(SHAPES[name], device)
    return models


def _runner(models: Mapping[Role, Transformer], rates: Sequence[float], room: int) -> GraphRunner:
    vocabulary = min(model.vocabulary for model in models.values())
    target = models["target"]
    runner = GraphRunner(target.device, vocabulary, room, planted_levels(rates))
    for role, model in models.items():
        runner.add(role, model, _frequent(model) if role == "target" else None)
    return runner


def _frequent(target: Transformer) -> FrequentTokens:
    """Return a quarter of the vocabulary, as a model without a list of its own has it."""
    return FrequentTokens(target, list(range(target.vocabulary // 4)))


def _library_prefill(target: Transformer, lengths: Sequence[int]) -> dict[int, float]:
    """Return the tokens per second of prompts of these lengths through bitsandbytes' own op."""
    library = by_library(target)
    return {
        tokens: tokens / median(prefill_seconds(library, tokens, GraphRunner.chunk) for _ in range(RUNS))
        for tokens in lengths
    }


def _plain(target: Transformer, asked: Simulation) -> tuple[Speed, dict[int, float], int]:
    """Measure the target alone: decoding, prefill by length, what the graphs take beside torch's memory."""
    free, held = torch.cuda.mem_get_info()[0], torch.cuda.memory_reserved()
    runner = _runner({"target": target}, (), asked.context + NEW)
    prefill = {}
    for tokens in sorted({n for n in (64, 512, asked.context) if n <= asked.context}):
        tape = Tape([7] * (tokens + 1))
        prefill[tokens] = tokens / median(_prefilled(runner, tape) for _ in range(RUNS))
    speed = _speed(PRESETS["plain"], runner, asked)
    taken, of_torch = free - torch.cuda.mem_get_info()[0], torch.cuda.memory_reserved() - held
    return speed, prefill, taken - of_torch


def _prefilled(runner: GraphRunner, tape: Tape) -> float:
    """Prefill all but the tape's last token for plain decoding, from nothing; return the seconds."""
    chain = runner.open(PRESETS["plain"], tape, SETTINGS)
    chain.rewind(0)
    return _read(chain, tape, runner.chunk)


def _read(chain: GraphChain, tape: Tape, chunk: int) -> float:
    total = len(tape) - 1
    torch.cuda.synchronize()
    began = time.perf_counter()
    for upto in [*range(chunk, total, chunk), total]:
        chain.prefill(tape, upto)
    torch.cuda.synchronize()
    return time.perf_counter() - began


def _speed(preset: Preset, runner: GraphRunner, asked: Simulation) -> Speed:
    return _median(preset, runner, asked)[0]


def _median(preset: Preset, runner: GraphRunner, asked: Simulation) -> tuple[Speed, list[Fact]]:
    """Decode NEW tokens behind the context, once with each key; return the run in the middle and what it told."""
    runs = [_decoded(preset, runner, asked.context, key) for key in range(asked.keys)]
    return sorted(runs, key=lambda run: run[0].tokens_per_second)[len(runs) // 2]


def _decoded(preset: Preset, runner: GraphRunner, context: int, key: int) -> tuple[Speed, list[Fact]]:
    tape = Tape([7] * context, limit=context + NEW)
    chain = runner.open(preset, tape, replace(SETTINGS, seed=key))
    _read(chain, tape, runner.chunk)
    facts: list[Fact] = []
    rounds, began = 0, time.perf_counter()
    while not tape.full:
        facts.extend(chain.draft(tape))
        rounds += 1
    seconds = time.perf_counter() - began
    chain.rewind(0)
    runner.rewind(0)  # what sources loaded for themselves, too
    judged = [fact for fact in facts if isinstance(fact, Judged)]
    kept = {
        f"level {level}": _share([fact for fact in judged if fact.level == level])
        for level in range(1, len(preset.stages))
    }
    busy, tokens = sum(fact.seconds for fact in facts), len(tape) - context
    note = "simulated" if kept else ""
    return Speed(preset.name, note, tokens, seconds, kept, tokens / rounds, 1 - busy / seconds), facts


def _share(verdicts: Sequence[Judged]) -> float:
    """Return what part of the tokens proposed to a judge it kept."""
    return sum(fact.kept for fact in verdicts) / max(sum(fact.proposed for fact in verdicts), 1)
