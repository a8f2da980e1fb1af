"""Presets on real prompts through a real session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import psutil
import torch

from engine.bench.passes import copy_bandwidth, pass_cost
from engine.bench.report import Report, Speed
from engine.bench.rivals import rivals
from engine.config import PRESETS, Preset, Sampling
from engine.errors import ModelSetError
from engine.events import Prefill
from engine.prompts import PROMPTS
from engine.session import Session
from engine.tally import Tally

PROSE = "The fox went over the hill and came to a river, where it sat down and looked at the water. "


def presets_of(session: Session, names: Iterable[str]) -> list[Preset]:
    """Return the presets of ``names``; if none are given, all that the session's models can run.

    Raises ModelSetError for one they cannot run.
    """
    chosen = [PRESETS[name] for name in names]
    lacking = ", ".join(preset.title for preset in chosen if not session.models.runs(preset))
    if lacking:
        raise ModelSetError(
            f"{session.models.name} does not have the models that {lacking} needs.",
            "Choose other presets, or a set with more models.",
        )
    return chosen or [preset for preset in PRESETS.values() if session.models.runs(preset)]


def measure(
    session: Session,
    presets: Sequence[Preset],
    sampling: Sampling,
    max_tokens: int,
    say: Callable[[str], None],
    *,
    context: int = 64,
    against_transformers: bool = False,
) -> Report:
    """Run every preset on every prompt, then time prefill and the passes of every model behind ``context`` tokens.

    Presets take turns prompt by prompt, so that a machine that slows down slows all of them.
    """
    on_gpu = session.device.type == "cuda"
    for preset in presets:  # loads what is missing, records, warms up
        for _ in session.reply([("user", "Hi")], preset=preset, sampling=sampling, max_tokens=4):
            pass
    weights = torch.cuda.memory_allocated() if on_gpu else psutil.Process().memory_info().rss
    speeds = _speeds(session, presets, sampling, max_tokens, say)
    prefill = _prefill(session, presets[0], context)
    peak = torch.cuda.max_memory_allocated() if on_gpu else psutil.Process().memory_info().rss
    say("passes")
    bandwidth = copy_bandwidth(session.device)
    costs = tuple(pass_cost(role, model, context, bandwidth) for role, model in session.loaded.items())
    if against_transformers:
        speeds += rivals(session.models, session.device, PROMPTS[:5], max_tokens, session.tokenizer, say)
    settings = "greedy" if sampling.temperature == 0 else f"temperature {sampling.temperature}, top-p {sampling.top_p}"
    return Report(
        title=f"{session.models.name}, {settings}, {session.how}",
        device=torch.cuda.get_device_name(session.device) if on_gpu else "CPU",
        software=f"torch {torch.__version__}, {torch.get_num_threads()} threads",
        context=context,
        bandwidth=bandwidth,
        passes=costs,
        speeds=tuple(speeds),
        prefill=prefill,
        peak_memory=peak,
        weights=weights,
    )


def _prefill(session: Session, preset: Preset, context: int) -> dict[int, float]:
    """Return the speed of reading a prompt that nearly fills the context, by its length."""
    room = session.context(preset)
    text = PROSE * max(1, min(room // 2, max(context, 512)) // session.count([("user", PROSE)]))
    speed: dict[int, float] = {}
    for start in ("One. ", "Two. "):  # the second time everything is warm, and no prefix is shared
        events = session.reply([("user", start + text)], preset=preset, sampling=Sampling(temperature=0), max_tokens=1)
        for event in events:
            if isinstance(event, Prefill) and event.total:
                speed = {event.total: event.done / event.seconds}
    return speed


def _speeds(
    session: Session, presets: Sequence[Preset], sampling: Sampling, max_tokens: int, say: Callable[[str], None]
) -> list[Speed]:
    """Answer every prompt through every preset, in turns."""
    replies: dict[str, list[Tally]] = {preset.name: [] for preset in presets}
    for number, prompt in enumerate(PROMPTS, start=1):
        say(f"prompt {number} of {len(PROMPTS)}")
        for preset in presets:
            counted = Tally()
            counted.add(session.reply([("user", prompt)], preset=preset, sampling=sampling, max_tokens=max_tokens))
            replies[preset.name].append(counted)
    return [_speed(preset, replies[preset.name]) for preset in presets]


def _speed(preset: Preset, replies: Sequence[Tally]) -> Speed:
    """Return what the ``replies`` of one preset come to; their levels may be others from reply to reply."""
    judged, stood = Counter[str](), Counter[str]()
    for level in (level for reply in replies for level in reply.levels):
        judged[level.info.title] += level.judged
        stood[level.info.title] += level.stood
    ends = tuple((reply.finished.tokens, reply.finished.seconds) for reply in replies if reply.finished)
    tokens, seconds = sum(tokens for tokens, _ in ends), sum(seconds for _, seconds in ends)
    busy = sum(level.seconds for reply in replies for level in reply.levels)
    return Speed(
        name=preset.name,
        note=_lossy(replies),
        tokens=tokens,
        seconds=seconds,
        kept={title: stood[title] / count for title, count in judged.items() if count},
        tokens_per_round=tokens / sum(reply.rounds for reply in replies),
        overhead=1 - busy / seconds,
        replies=ends,
    )


def _lossy(replies: Sequence[Tally]) -> str:
    """Say how much of what a lossy preset wrote is not the target's own; empty for one that is exact."""
    drifts = [reply.drift for reply in replies if reply.drift is not None]
    tokens = sum(drift.tokens for drift in drifts)
    return f"lossy, {sum(drift.foreign for drift in drifts) / tokens:.1%} not its own" if tokens else ""
