"""A few rounds of every chain before the first reply, so that planning begins with what passes take here.

They write on an empty conversation, behind tokens that mean nothing and repeat themselves, so that there is something
to copy. What they take is believed like any round's; how often levels agree is nothing to learn from such a text.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from engine.config import Preset, Role, Sampling, Source
from engine.decoding.planning.course import Course
from engine.decoding.planning.gathering import preset_of
from engine.decoding.planning.pilot import readers_of
from engine.decoding.planning.search import MOST, Chain
from engine.decoding.relay import Chain as Opened
from engine.decoding.relay import PlainStep, Relay
from engine.decoding.rounds import RoundLog
from engine.decoding.tape import Tape
from engine.events import Round

TEXT, LONGER = (5, 6, 7, 8, 9, 10), (4, 40)  # repeated so often: where reading takes long, and on a GPU
ROUNDS, RECORDED = 3, 8  # of a chain, behind one that warms up: where each pass may take long, and on a GPU
WIDTHS = (1, 3, 7)  # tokens of windows, where every row of a pass costs
SLOW = 0.2  # seconds of a round, of which one is enough
LONGEST = 1.0  # seconds, after which what was not timed is found out while replies are written


class Scene(Protocol):
    """What runs chains."""

    def rewind(self, length: int) -> None: ...

    def context(self, role: Role) -> int: ...

    def ready(self, preset: Preset, /) -> bool: ...

    def begin(self, tape: Tape, sampling: Sampling, /, *presets: Preset) -> None: ...

    def chains(self, preset: Preset, /) -> tuple[Opened, PlainStep]: ...


def rehearse(course: Course, scene: Scene) -> bool:
    """Time the chains of ``course`` that never ran, whatever caches hold; return whether there is time for more."""
    chains = list(untimed(course))
    if not chains or course.planner.rounds:  # whose replies have told of what was worth a trial
        return False
    began = time.perf_counter()
    for _ in range(1 + course.recorded):  # what is new to a GPU takes longer once
        if time.perf_counter() - began > LONGEST:
            break
        relay, tape = _opened(course, chains, scene)
        read = set(chains[0].sources)
        for chain in chains:
            if time.perf_counter() - began > LONGEST or len(tape) + MOST * (RECORDED + 2) > tape.limit:
                break
            _timed(chain, course, relay, tape, [source for source in readers_of(chain) if source not in read])
            read |= set(chain.sources)
        relay.rewind(0)
        scene.rewind(0)
    course.planner.reconsider()
    return time.perf_counter() - began <= LONGEST


def _opened(course: Course, chains: Sequence[Chain], scene: Scene) -> tuple[Relay, Tape]:
    """Begin a reply that may run ``chains``, behind a text of no meaning."""
    reach = min(scene.context(role) for role in course.whole.whole)
    tape = Tape(TEXT * min(LONGER[course.recorded], reach // (4 * len(TEXT))), limit=reach)
    presets = dict.fromkeys(preset_of(course.whole, chain) for chain in chains)
    scene.rewind(0)
    scene.begin(tape, Sampling(temperature=0, seed=1), *presets)
    relay = Relay(course.whole, scene.context, scene.ready, scene.chains, tape, next(iter(presets)))
    relay.prefill(tape, len(tape) - 1)
    return relay, tape


def untimed(course: Course) -> Iterator[Chain]:
    """Yield the chains that never ran, short ones first, and one of them with several windows if all may change.

    What only copies passes over as many tokens as pay where windows may change: those passes are timed with others.
    """
    widths = () if course.recorded else WIDTHS
    for chain in sorted(course.chains, key=lambda chain: len(chain.sources)):
        copies = bool(chain.guessers) and not chain.guessers[-1].passes
        if chain.sources in course.planner.beliefs.beside or (copies and not course.recorded):
            continue
        if widths and len(chain.windows) == 1:
            yield from (replace(chain, windows=(width,)) for width in widths)
            widths = ()
        else:
            yield chain


def _timed(chain: Chain, course: Course, relay: Relay, tape: Tape, unread: Sequence[Source]) -> None:
    """Time some rounds of ``chain``, and what turning to it takes where levels of it have the text ``unread``."""
    planner, levels = course.planner, [stage.source for stage in course.whole.stages]
    began, length = time.perf_counter(), len(tape)
    while not relay.turn_to(preset_of(course.whole, chain), tape):
        _round(relay, tape)
        began = time.perf_counter()
    launched = time.perf_counter() - began
    _round(relay, tape)
    turn = time.perf_counter() - began
    many = 1 if turn > SLOW else RECORDED if course.recorded else ROUNDS
    rounds = [_round(relay, tape) for _ in range(many)]
    for round_ in rounds:
        planner.beliefs.learn(round_, levels, chain)
    reading = max(turn - rounds[-1].seconds, launched)  # a GPU reads while the round is on its way
    planner.beliefs.costs.read(dict.fromkeys(unread, 1 if course.recorded else length), reading)


def _round(relay: Relay, tape: Tape) -> Round:
    """Run a round of the chain at work; return what its passes took, which tells of no token."""
    began = time.perf_counter()
    log = RoundLog(began)
    for fact in relay.draft(tape):
        log.add(fact)
    return Round(0, (), tuple(log.passes), "", 0.0, time.perf_counter() - began)
