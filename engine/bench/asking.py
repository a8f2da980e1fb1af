"""What ``python -m engine bench`` was asked for, measured. No torch until something is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from engine.config import PRESETS, Sampling
from engine.config.tailoring import tailored
from engine.errors import UpdraftError
from engine.teaching.offered import OFFERED

if TYPE_CHECKING:
    from engine.session import Session

Say = Callable[[str], None]
Opened = Callable[[argparse.Namespace], "Session"]  # loads the models asked for


class Found(Protocol):
    """What a benchmark found."""

    def table(self) -> str:
        """Return the figures as text."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""


def measured(arguments: argparse.Namespace, sampling: Sampling, say: Say, opened: Opened) -> Found:
    """Measure what was asked for; ``say`` hears how far it is.

    Raises UpdraftError for what cannot be measured here, before anything is loaded.
    """
    if arguments.transformers and find_spec("transformers") is None:
        raise UpdraftError(
            "The Python package transformers is not installed.",
            "Leave --transformers out, or install Updraft anew; in a checkout: python packaging/run.py.",
        )
    if arguments.what is not None:
        return WORDS[arguments.what](arguments, sampling, say, opened)
    if arguments.shape is not None:
        return _simulated(arguments, say)
    if arguments.llama_cpp is not None:
        return _raced(arguments, sampling, say, opened)
    return _replied(arguments, sampling, say, opened)


def _replied(arguments: argparse.Namespace, sampling: Sampling, say: Say, opened: Opened) -> Found:
    session = opened(arguments)
    from engine.bench.replies import measure, presets_of

    if arguments.paces or arguments.drift or arguments.rules:
        return _checked(arguments, session, sampling, say)
    rules = arguments.acceptance, arguments.tolerance, arguments.recipe
    return measure(
        session,
        [tailored(preset, (), *rules) for preset in presets_of(session, arguments.presets)],
        sampling,
        arguments.max_tokens,
        say,
        context=_context(arguments, session),
        against_transformers=arguments.transformers,
    )


def _checked(arguments: argparse.Namespace, session: Session, sampling: Sampling, say: Say) -> Found:
    from engine.bench.replies import presets_of

    if arguments.rules:
        from engine.bench.rules import compare_rules

        return compare_rules(session, sampling, arguments.max_tokens, say)
    (preset, *_) = presets_of(session, arguments.presets or ["lookup" if arguments.paces else "pyramid"])
    if arguments.paces:
        from engine.bench.paces import check_claims

        return check_claims(session, preset, sampling, arguments.max_tokens, say)
    from engine.bench.drift import drifts
    from engine.prompts import PROMPTS

    return drifts(session, preset, PROMPTS, sampling, arguments.max_tokens, say, recipe=arguments.recipe)


def _compared(arguments: argparse.Namespace, sampling: Sampling, say: Say, opened: Opened) -> Found:
    from engine.bench.papers.questions import picked, read, shipped

    questions = shipped() if arguments.questions is None else read(arguments.questions)
    questions = picked(questions, arguments.categories, arguments.limit)  # what is wrong is said before a model loads
    session = opened(arguments)
    from engine.bench.papers.comparing import compare

    found = compare(session, arguments.papers, questions, sampling, arguments.max_tokens, say, arguments.minutes)
    if arguments.svg is not None:
        found.draw(arguments.svg)
    return found


def _chosen(arguments: argparse.Namespace, sampling: Sampling, say: Say, opened: Opened) -> Found:
    if arguments.shape is not None:
        from engine.bench.worlds import choose

        return choose(arguments.shape, say, load=arguments.load)
    from engine.bench.papers.questions import picked, read, shipped

    questions = shipped() if arguments.questions is None else read(arguments.questions)
    questions = picked(questions, arguments.categories, arguments.limit)
    from engine.bench.auto import compare_auto

    asked = questions, sampling, arguments.max_tokens, say, arguments.grid, arguments.presets, arguments.minutes
    return compare_auto(opened(arguments), *asked, load=arguments.load)


def _taught(arguments: argparse.Namespace, _sampling: Sampling, say: Say, _opened: Opened) -> Found:
    from engine.bench.teaching import BATCH, measure_teaching

    kinds = arguments.kinds or list(OFFERED)
    return measure_teaching(arguments.shape or "llama-3.1-8b", kinds, arguments.batch or BATCH, say)


WORDS: Mapping[str, Callable[[argparse.Namespace, Sampling, Say, Opened], Found]] = MappingProxyType(
    {"auto": _chosen, "papers": _compared, "teach": _taught}
)


def _context(arguments: argparse.Namespace, session: Session) -> int:
    """Return how many tokens lie behind a timed pass."""
    return min(int(arguments.context), session.context(PRESETS["plain"]) // 2)


def _simulated(arguments: argparse.Namespace, say: Say) -> Found:
    if arguments.vram is not None:
        from engine.bench.streamed import Asked, measure_streamed

        return measure_streamed(Asked(arguments.shape, round(arguments.vram * 10**9), arguments.context), say)
    from engine.bench.simulated import Simulation, simulate

    asked = Simulation(
        arguments.shape,
        arguments.presets,
        arguments.rates,
        arguments.context,
        arguments.keys,
        arguments.drafter,
        against_transformers=arguments.transformers,
    )
    return simulate(asked, say)


def _raced(arguments: argparse.Namespace, sampling: Sampling, say: Say, opened: Opened) -> Found:
    from engine.bench.llama import LlamaCpp, command, converted

    start = command(arguments.llama_cpp)  # what is missing is reported before a model is loaded
    arguments.device = "cpu"
    with ExitStack() as kept:
        if arguments.model is None:
            say("converting the file")
            arguments.model = str(kept.enter_context(converted(arguments.llama_cpp)))
        session = opened(arguments)
        import torch

        from engine.bench.race import LONG, race
        from engine.bench.replies import presets_of

        presets = presets_of(session, arguments.presets or ["plain"])
        room = max(2 * LONG, arguments.max_tokens + LONG)
        rival = kept.enter_context(LlamaCpp(start, torch.get_num_threads(), room))
        context = _context(arguments, session)
        return race(session, rival, presets, sampling, arguments.max_tokens, say, context=context)
