"""From a planned preset to the course of a reply: its levels loaded, as far as they can be, its chains recorded."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engine.config import INNER, TARGET, Model, ModelSet, Preset, Role, Source, Stage
from engine.decoding.planning.cards import cards_of
from engine.decoding.planning.costs import ACROSS, WIDER, WIDER_ON_CPU, Costs, sizes_of
from engine.decoding.planning.course import Course
from engine.decoding.planning.gathering import EXITS, gathered, without
from engine.decoding.planning.kept import Plans
from engine.decoding.planning.rehearsal import Scene, rehearse
from engine.decoding.planning.search import OVER_THE_BUS, Reach
from engine.decoding.sources.exit import exits_of
from engine.errors import UpdraftError
from engine.events import Loading
from engine.model import Transformer

LONG = 500  # tokens of a conversation that is not read once more


class Ground(Protocol):
    """What loads models and records chains."""

    without: dict[Source, str]

    @property
    def how(self) -> str: ...

    @property
    def models(self) -> Mapping[Role, Transformer]: ...

    @property
    def runner(self) -> Scene: ...

    def fit(self, preset: Preset) -> Preset: ...

    def need(self, role: Role) -> Iterator[Loading]: ...

    def need_own(self, source: Source) -> Iterator[Loading]: ...

    def prepare(self, preset: Preset, *others: Preset) -> Iterator[Loading]: ...

    def ready(self, preset: Preset) -> bool: ...


@dataclass(slots=True)
class Chart:
    """What planned replies of one set of models go by. ``plans``: what is known of them from before.

    ``unfit``: levels that cannot be had, and why: what makes answers faster is no reason to give none. ``cards``: what
    drafters say of themselves.
    """

    models: ModelSet
    plans: Plans
    on_cpu: bool
    unfit: dict[Source, str] = field(default_factory=dict)
    cards: Mapping[Source, tuple[float, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.cards = cards_of(self.models)

    def course(
        self, preset: Preset, ground: Ground, way: str, *, now: bool = False, held: int = LONG
    ) -> Generator[Loading, None, Course]:
        """Return what a reply by ``preset`` may run, loaded, recorded and timed; yields Loading.

        ``way``: names the target, the device and the way it runs there. ``now``: an answer is waited for, so what has
        yet to be recorded is left out, where something is ready. ``held``: how long the conversation is that caches may
        hold. Where there is none, or a short one and time to read it again, rounds are run to time what never ran; what
        they show to pay is recorded and timed as well.
        """
        course = yield from self._course(preset, ground, way, now=now)
        short = held < (1 if now else LONG)
        if short and rehearse(course, ground.runner) and not now:
            course = yield from self._course(preset, ground, way)
            rehearse(course, ground.runner)
        return course

    def _course(
        self, preset: Preset, ground: Ground, way: str, *, now: bool = False
    ) -> Generator[Loading, None, Course]:
        """Return the same, with no rounds run."""
        exits = len(self._exits(ground)) if preset.gathers else 0
        whole = gathered(preset, self.models, exits=exits, inner=self._inner(ground))
        whole = without(ground.fit(whole), self.unfit)
        bus, wider = ground.models[TARGET].bus, WIDER_ON_CPU if self.on_cpu else WIDER
        slower = 1 + (ACROSS - 1) * len(bus.hosted) / ground.models[TARGET].layers if bus else 1.0
        planner = self.plans.of(
            f"{way} | {preset.name} | {' '.join(sorted(self.models.models))}",
            lambda: Costs(Model(TARGET), sizes_of(self.models), wider, slower),
            picky=ground.how == "eager",
            reach=OVER_THE_BUS if bus else Reach(),
        )
        agreements, windows = planner.beliefs.agreements, ((stage.source, stage.window) for stage in whole.stages)
        agreements.told = self.cards
        agreements.stopping = {source for source, window in windows if window.confidence is not None}
        course = Course.of(planner, whole, recorded=ground.how == "graphs")
        ready = course.among(ground.ready) if now and course.recorded else None
        if ready is not None and (any(chain.guessers for chain in ready.chains) or (ready.chains and planner.timed)):
            return ready
        if preset.gathers:
            for stage in course.whole.stages[:-1]:
                yield from self._load(stage, ground)
            course = course.without(self.unfit)
        yield from ground.prepare(course.whole, *course.presets)
        course = course.without(ground.without)
        return course.among(ground.ready)

    def _exits(self, ground: Ground) -> tuple[int, ...]:
        """Return where the target can be left early, or note why the set's early exits cannot be had."""
        try:
            return exits_of(self.models.models, ground.models[TARGET].architecture)
        except UpdraftError as reason:
            self.unfit[EXITS[0]] = f"{reason.sentence} The answer is written without it."
            return ()

    def _inner(self, ground: Ground) -> list[Source]:
        """Return the head of the largest of the smaller models, where layers of the target come over the bus."""
        sizes = {source: size for source, size in sizes_of(self.models).items() if source != Model(TARGET)}
        if ground.models[TARGET].bus is None or not sizes:
            return []
        return [each for each in INNER.values() if Model(each.of) == max(sizes, key=lambda source: sizes[source])]

    def _load(self, stage: Stage, ground: Ground) -> Iterator[Loading]:
        """Load what a level needs, or note why it cannot be had."""
        try:
            for role in stage.source.whole:
                yield from ground.need(role)
            yield from ground.need_own(stage.source)
        except UpdraftError as reason:
            self.unfit[stage.source] = f"{reason.sentence} The answer is written without it."
