"""What can be chosen: sampling, and the hierarchies by name. Frozen values, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from types import MappingProxyType
from typing import Literal

from engine.config.acceptance import USUAL, Acceptance, Rule, Way
from engine.config.models import ModelSet, holds_model, models_in
from engine.config.sampling import Chosen, Sampling
from engine.config.sources import (
    DRAFTERS,
    INNER,
    TARGET,
    Block,
    Exit,
    Head,
    InnerHead,
    Lookup,
    Model,
    Role,
    Source,
    source_kind,
)
from engine.errors import SettingError

__all__ = [
    "AUTOMATIC",
    "DRAFTERS",
    "INNER",
    "PRESETS",
    "ROOM",
    "TARGET",
    "USUAL",
    "WEIGHTS",
    "Acceptance",
    "Block",
    "Chosen",
    "Exit",
    "Head",
    "InnerHead",
    "Lookup",
    "Model",
    "ModelSet",
    "Preset",
    "Role",
    "Rule",
    "Sampling",
    "Source",
    "Stage",
    "Traits",
    "Way",
    "Weights",
    "Window",
    "guessers",
    "holds_model",
    "models_in",
    "source_kind",
]

# In which form a CPU holds them. "stored": what a file has at 4 or 8 bits stays as it is, all else has 8; "8 bits" and
# "4 bits": NF4 too is packed anew, to so many; "exact": float32.
Weights = Literal["stored", "8 bits", "4 bits", "exact"]
WEIGHTS: Weights = "stored"
ROOM = 8192  # tokens of a conversation on a GPU, where room is taken at once, unless more or fewer are asked for

AUTOMATIC = 0  # threads of a pass on a CPU: as many as prove fastest, one core left to everything else


@dataclass(frozen=True, slots=True)
class Traits:
    """What a loaded model brings along: the ``sampling`` its makers suggest, and whether it thinks before it answers.

    ``thinks``: what it does unless it is asked; None for a model that cannot be asked.
    """

    sampling: Chosen = Chosen()  # noqa: RUF009 - frozen
    thinks: bool | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """How much a level produces before it hands up: ``tokens`` at most as a bottom drafter, at least as a verifier.

    ``entropy`` (nats): the drafter also stops after a token drawn from a law of higher entropy. That token is
    kept and judged like any other, so the reply's law is untouched (SVIP, arXiv 2411.18462).
    ``confidence``: nor does it go on where all of the window's tokens together are less likely than this by its plain
    law. Recorded passes do not ask: on a GPU a row more costs next to nothing. At 0 nothing ends a window early, and a
    lookup copies all it finds, whether that pays or not.
    On a GPU a pass holds 16 tokens, so a level hands up earlier where its window would not fit the judge's pass.
    """

    tokens: int
    entropy: float | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One level of a hierarchy: where its laws come from, its window, and how it judges the level below.

    ``bonus``: after a wholly accepted window the level also writes the next token. For exits of one model that
    token costs the lower layers once more, so going without can be faster; the law is the same either way.
    ``trimmed``: read the level through its model's draft vocabulary, the frequent tokens alone. The head of a large
    vocabulary weighs as much as many layers; tokens outside get no probability here and are left to the target.
    ``fallback``: it judges nothing, but guesses in place of the level below where that has nothing to propose.
    """

    source: Source
    window: Window = Window(1)
    acceptance: Acceptance = Acceptance()  # noqa: RUF009 - frozen
    bonus: bool = True
    trimmed: bool = False
    fallback: bool = False


def guessers(stages: Sequence[Stage]) -> int:
    """Return how many of the lowest ``stages`` guess, the first that has something to propose; those above judge."""
    fallbacks = takewhile(lambda stage: stage.fallback, stages[1:])
    return min(1 + sum(1 for _ in fallbacks), max(len(stages) - 1, 1))


@dataclass(frozen=True, slots=True)
class Preset:
    """A hierarchy by name: its stages from the bottom drafter to the target.

    ``planned``: the stages are where to begin; once the engine has seen what passes cost and how often the models
    agree, it picks the chain of these models and the windows that settle tokens fastest. Replies keep their law.
    ``gathers``: its levels are all those a set of models has; the stages are what every set has.
    """

    name: str
    title: str
    summary: str
    stages: tuple[Stage, ...]
    planned: bool = False
    gathers: bool = False

    def __post_init__(self) -> None:
        for stage in self.stages[self.guessing :]:
            if not stage.source.judges:
                what = f"{stage.source.title(bottom=False, top=False)} has no laws of its own to judge others by"
                raise SettingError(f"{what}.", "Make it the lowest level of the hierarchy.")

    @property
    def guessing(self) -> int:
        """How many of its lowest levels guess, the first that has something to propose; those above judge."""
        return guessers(self.stages)

    @property
    def lossless(self) -> bool:
        """True when the reply's law is exactly the target's."""
        return all(stage.acceptance.lossless for stage in self.stages[self.guessing :])

    @property
    def sources(self) -> frozenset[Source]:
        """Where the laws of its levels come from."""
        return frozenset(stage.source for stage in self.stages)

    @property
    def needs(self) -> Mapping[Role, str]:
        """The models of a set this hierarchy runs beside the target: by role, and what each is."""
        return {role: words for stage in self.stages for role, words in stage.source.roles.items()}

    @property
    def roles(self) -> frozenset[Role]:
        """The models of a set this hierarchy runs."""
        return frozenset({TARGET, *self.needs})

    @property
    def whole(self) -> frozenset[Role]:
        """Those of ``roles`` that are models by themselves; the others are weights of one of its sources."""
        return frozenset({TARGET}).union(*(stage.source.whole for stage in self.stages))


_TARGET = Stage(Model(TARGET))
PRESETS = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset(
                "auto",
                "Auto",
                "Whatever proves fastest here, measured while it writes; the words are the model's own.",
                (Stage(Lookup(16, 1), Window(7)), _TARGET),
                planned=True,
                gathers=True,
            ),
            Preset(
                "plain",
                "Plain",
                "The model alone, one token at a time.",
                (_TARGET,),
            ),
            Preset(
                "draft",
                "Draft",
                "A small model guesses ahead, the big one checks.",
                (Stage(Model("draft"), Window(6, entropy=1.0), trimmed=True), _TARGET),
            ),
            Preset(
                "lookup",
                "Lookup",
                "What stands in the chat already is guessed again, the model checks.",
                (Stage(Lookup(16, 1), Window(7)), _TARGET),  # eight rows cost a GPU little more than one
            ),
            Preset(
                "head",
                "EAGLE-3",
                "A small head made for this model reads along inside it and guesses ahead, the model checks.",
                (Stage(Head(), Window(4)), _TARGET),
            ),
            Preset(
                "block",
                "DSpark",
                "A small drafter made for this model guesses seven tokens at once, the model checks.",
                (Stage(Block(), Window(7)), _TARGET),
            ),
            Preset(
                "hispec",
                "HiSpec",
                "The model's own first layers guess ahead, a quarter of it sifts, all of it checks.",
                (
                    Stage(Exit(1 / 8), Window(3, entropy=0.5), trimmed=True),
                    Stage(Exit(1 / 4), trimmed=True),
                    _TARGET,
                ),
            ),
            Preset(
                "hsd",
                "HSD",
                "Two smaller models guess ahead and sift, in whatever chain proves fastest here.",
                (
                    Stage(Model("draft"), Window(3), trimmed=True),
                    Stage(Model("qualifier"), Window(4)),
                    _TARGET,
                ),
                planned=True,
            ),
            Preset(
                "pyramid",
                "Pyramid",
                "As HSD with a tolerance: can be faster, but answers are not quite the big model's own.",
                (
                    Stage(Model("draft"), Window(4)),
                    Stage(Model("qualifier"), Window(8), Acceptance("fuzzy").at(USUAL, top=False)),
                    Stage(Model(TARGET), acceptance=Acceptance("fuzzy").at(USUAL, top=True)),
                ),
            ),
        )
    }
)
