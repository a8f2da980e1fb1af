"""Presets on random weights with acceptance simulated: every kernel runs as it would, only what is said is planted."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from statistics import median

import torch
from torch import Tensor

from engine.bench.library import by_library, prefill_seconds
from engine.bench.passes import copy_bandwidth, pass_cost
from engine.bench.report import PassCost, Report, Speed
from engine.bench.rivals import lent_speed
from engine.bench.shapes import FAMILIES, SHAPES, random_transformer
from engine.config import PRESETS, Preset, Role, Sampling
from engine.decoding.frequent import FrequentTokens
from engine.decoding.graphs import GraphRunner
from engine.decoding.graphs.chain import GraphChain
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.levels import Ground, levels_of
from engine.decoding.hierarchy import Fact, Judged
from engine.decoding.tape import Tape
from engine.errors import SettingError
from engine.gpus import device_of
from engine.model import Transformer

UNSAID = -80.0  # a logit that is never drawn
NEW = 256  # tokens of a simulated reply
RUNS = 9  # of which the one in the middle counts: other programs disturb some, and some keys are lucky
SETTINGS = Sampling(temperature=1.0, top_p=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class PlantedLevel(Level):
    """A level that computes its logits and says ``planted`` [rows, columns] instead."""

    planted: Tensor

    def logits(self, hidden: Tensor, idle: Tensor | None = None) -> Tensor:
        """See Level.logits."""
        computed = Level.logits(self, hidden, idle)
        return self.planted[: len(hidden), : computed.shape[1]].contiguous()


def planted_levels(
    rates: Sequence[float],
) -> Callable[[Preset, Ground], list[Level | None]]:
    """Return what makes levels of which each keeps ``rates[i]`` of the one below: i.i.d., judged one by one.

    Level 0 always says token 0. Level i says what the one below it would with probability rates[i - 1], else token i.
    """

    def levels(preset: Preset, ground: Ground) -> list[Level | None]:
        law = [1.0]
        planted: list[Level | None] = []
        for index, level in enumerate(levels_of(preset, ground)):
            if index:
                rate = rates[min(index, len(rates)) - 1]
                law = [rate * p for p in law] + [1 - rate]
            planted.append(level and _plant(level, law))
        return planted

    return levels


def _plant(level: Level, law: Sequence[float]) -> PlantedLevel:
    raw = level.slot.laws.raw
    row = torch.full((raw.shape[1],), UNSAID, dtype=raw.dtype, device=raw.device)
    row[: len(law)] = torch.tensor(law, device=raw.device).clamp(min=1e-30).log().to(raw.dtype)
    given = {field.name: getattr(level, field.name) for field in fields(level)}
    return PlantedLevel(**given, planted=row.expand(16, -1).contiguous())


@torch.inference_mode()
def simulate(
    shape: str,
    names: Sequence[str],
    rates: Sequence[float],
    context: int,
    say: Callable[[str], None],
    *,
    against_transformers: bool = False,
) -> Report:
    """Measure random weights of ``shape`` on a GPU: passes, prefill, and presets with acceptance at ``rates``.

    Raises SettingError for an unknown shape and DeviceError where there is no GPU.
    """
    device = _device(shape)
    presets = [PRESETS[name] for name in names or ("plain", "draft", "hispec", "hsd")]
    bandwidth = copy_bandwidth(device)
    torch.cuda.empty_cache()
    models = _models(shape, presets, device, say)
    loaded = torch.cuda.memory_allocated()
    costs = list(_costs(models, context, bandwidth, say))
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    say("Plain")
    plain, prefill, graphs = _plain(models["target"], context)
    speeds = [plain, *_speeds(presets, models, rates, context, say)]
    peak = torch.cuda.max_memory_allocated()
    if against_transformers:
        say("transformers")
        speeds.append(lent_speed(models["target"], context))
    say("bitsandbytes")
    return Report(
        title=f"{shape}, random weights; acceptance simulated at {', '.join(f'{rate:.0%}' for rate in rates)}",
        device=torch.cuda.get_device_name(device),
        software=f"torch {torch.__version__}",
        context=context,
        bandwidth=bandwidth,
        passes=tuple(costs),
        speeds=tuple(speeds),
        prefill=prefill,
        peak_memory=peak,
        weights=loaded,
        graphs=graphs,
        library_prefill=_library_prefill(models["target"], list(prefill)),
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
        say(f"passes of the {role}")
        yield pass_cost(role, model, context, bandwidth)


def _speeds(
    presets: Sequence[Preset],
    models: Mapping[Role, Transformer],
    rates: Sequence[float],
    context: int,
    say: Callable[[str], None],
) -> Iterator[Speed]:
    """Yield the speed of every preset but plain that these models can run."""
    for preset in presets:
        if preset.name != "plain" and preset.roles <= models.keys():
            say(preset.title)
            gc.collect()
            needed = {role: model for role, model in models.items() if role in preset.roles}
            yield _speed(preset, _runner(needed, rates, context + NEW + 32), context)


def _models(
    shape: str, presets: Sequence[Preset], device: torch.device, say: Callable[[str], None]
) -> dict[Role, Transformer]:
    names: dict[Role, str] = {"target": shape}
    if shape in FAMILIES:
        names["qualifier"], names["draft"] = FAMILIES[shape]
    wanted = {role for preset in presets for role in preset.roles}
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
        frequent = FrequentTokens(model, list(range(vocabulary // 4))) if role == "target" else None
        runner.add(role, model, frequent)
    return runner


def _library_prefill(target: Transformer, lengths: Sequence[int]) -> dict[int, float]:
    """Return the tokens per second of prompts of these lengths through bitsandbytes' own op."""
    library = by_library(target)
    return {
        tokens: tokens / median(prefill_seconds(library, tokens, GraphRunner.chunk) for _ in range(RUNS))
        for tokens in lengths
    }


def _plain(target: Transformer, context: int) -> tuple[Speed, dict[int, float], int]:
    """Measure the target alone: decoding, prefill by length, what the graphs take beside torch's memory."""
    free, held = torch.cuda.mem_get_info()[0], torch.cuda.memory_reserved()
    runner = _runner({"target": target}, (), context + NEW)
    prefill = {}
    for tokens in sorted({n for n in (64, 512, context) if n <= context}):
        tape = Tape([7] * (tokens + 1))
        prefill[tokens] = tokens / median(_prefilled(runner, tape) for _ in range(RUNS))
    speed = _speed(PRESETS["plain"], runner, context)
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


def _speed(preset: Preset, runner: GraphRunner, context: int) -> Speed:
    """Decode NEW tokens behind ``context`` others, with RUNS keys; return the run in the middle."""
    runs = sorted((_decoded(preset, runner, context, key) for key in range(RUNS)), key=lambda r: r.tokens_per_second)
    return runs[RUNS // 2]


def _decoded(preset: Preset, runner: GraphRunner, context: int, key: int) -> Speed:
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
    judged = [fact for fact in facts if isinstance(fact, Judged)]
    kept = {
        f"level {level}": _share([fact for fact in judged if fact.level == level])
        for level in range(1, len(preset.stages))
    }
    busy, tokens = sum(fact.seconds for fact in facts), len(tape) - context
    note = "simulated" if kept else ""
    return Speed(preset.name, note, tokens, seconds, kept, tokens / rounds, 1 - busy / seconds)


def _share(verdicts: Sequence[Judged]) -> float:
    """Return what part of the tokens proposed to a judge it kept."""
    return sum(fact.kept for fact in verdicts) / max(sum(fact.proposed for fact in verdicts), 1)
