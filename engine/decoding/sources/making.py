"""What a kind of source has to say for itself to become a level; its file fills this in and registers it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from engine.architecture import Architecture
from engine.architecture.holding import Holding
from engine.budget import stored
from engine.config import PRESETS, TARGET, Preset, Role, Source, Stage, Window
from engine.decoding.goodput import Goodput
from engine.decoding.hierarchy import Autoregressive, Drafter
from engine.decoding.laws import Sampler
from engine.decoding.readers import Reader
from engine.decoding.trunk import Trunk
from engine.errors import SettingError
from engine.model import Transformer

if TYPE_CHECKING:  # both build on this
    from engine.decoding.graphs.level import Level
    from engine.decoding.graphs.levels import Site

S = TypeVar("S", bound=Source)
Models = Mapping[Role, Transformer]
Folders = Mapping[Role, Path]  # of a set
NONE: Folders = MappingProxyType({})

# On a CPU the third row of a pass takes a sixth of the first, the fourth a quarter: see engine/decoding/policies.
FRUGAL = Window(3, confidence=0.8)


class Place(NamedTuple):
    """Where a source reads a model: after ``depth`` layers of the model of ``role``."""

    role: Role
    depth: int


class NotRecorded(ValueError):  # noqa: N818 - as engine.errors names them
    """A source runs operation by operation alone; says why."""


class Own(Protocol):
    """What a source loaded for itself, and what that remembers of the conversation."""

    @property
    def held(self) -> int:
        """How many tokens of the conversation it has taken in."""

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""


@dataclass(frozen=True, slots=True)
class Home:
    """What the weights that only a source can read come to lie beside.

    ``models``: those loaded, by role; ``holding``: how the device holds them; ``room``: the tokens of a conversation
    for which memory is taken at once.
    """

    models: Models
    holding: Holding
    room: int

    @property
    def target(self) -> Architecture:
        """The shape of the model that they read."""
        return self.models[TARGET].architecture


@dataclass(frozen=True, slots=True)
class Materials:
    """What eager levels are made of.

    ``trunks``: the models, by role; ``own``: what sources loaded for themselves, by role. ``vocabulary``: how many
    tokens there are to choose from. ``goodput``: says how many copied tokens pay; None: all of them.
    """

    trunks: Mapping[Role, Trunk]
    sampler: Sampler
    vocabulary: int
    goodput: Goodput | None = None
    own: Mapping[Role, Own] = field(default_factory=dict)


class Making(Generic[S]):
    """Makes levels of one source. A kind that reads a model only says where; others override what differs."""

    kinds: ClassVar[dict[type[Source], type[Making]]] = {}  # type: ignore[type-arg] # of every source its own

    wide: ClassVar[int | None] = None  # see roomy

    def __init__(self, source: S) -> None:
        self.source = source

    @classmethod
    def fitted(cls, preset: Preset, _models: Models, _folders: Folders) -> Preset:
        """Return ``preset`` with its stages of this kind fitted to what the models were made for."""
        return preset

    def detail(self, models: Models) -> str:  # noqa: ARG002 - most need them
        """Return its size in a few words."""
        return ""

    def about(self, own: Own) -> str:  # noqa: ARG002 - others need it
        """Return what there is to say of what it loaded, in a few words."""
        return ""

    def place(self, models: Models) -> Place | None:  # noqa: ARG002 - most need them
        """Return where it reads a model, in a cache that all readers of that model share; None: nowhere.

        Reading is the same on every device: by a Trunk operation by operation, by a Stack when recorded.
        """
        return None

    def taps(self, own: Own | None) -> Collection[int]:  # noqa: ARG002 - others need it
        """Return after how many layers of the target it reads states beside; ``own``: what it loaded for itself."""
        return ()

    def memory(self, folder: Path, home: Home) -> int:  # noqa: ARG002 - others need it
        """Return the bytes that ``load`` will take: as many as the weights in ``folder`` have."""
        return stored(folder)

    def load(self, folder: Path, home: Home) -> Own:
        """Load the weights that only this source can read; called once, for a source that has some."""
        raise NotImplementedError

    def part(self, own: Own) -> Own:
        """Return what it reads of ``own``, which was loaded for several."""
        return own

    def reader(self, materials: Materials, stage: Stage, index: int) -> Reader:
        """Return what gives its laws, operation by operation."""
        raise NotImplementedError

    def drafter(self, materials: Materials, stage: Stage, index: int) -> Drafter:
        """Return it as the bottom of a chain, operation by operation."""
        return Autoregressive(self.reader(materials, stage, index), stage.window, materials.sampler)

    def recorded(self, site: Site) -> Level:
        """Return it as a level on a device.

        Raises NotRecorded while nobody has said how its passes are recorded.
        """
        place = self.place(site.ground.models)
        if place is None:
            raise NotRecorded(f"passes of “{self.source.kind}” are not recorded")
        return site.reading(place)


M = TypeVar("M", bound=type[Making])  # type: ignore[type-arg] # of any source


def makes(kind: type[Source]) -> Callable[[M], M]:
    """Register the class below as what makes levels of ``kind``."""

    def register(making: M) -> M:
        Making.kinds[kind] = making
        return making

    return register


def making(source: S) -> Making[S]:
    """Return what makes levels of ``source``; raises SettingError for a kind that nobody registered."""
    found = Making.kinds.get(type(source))
    if found is None:
        raise SettingError(f"This version of Updraft cannot run “{source.kind}”.", "Choose another method.")
    return found(source)


def fitted(preset: Preset, models: Models, folders: Folders = NONE) -> Preset:
    """Return ``preset`` with every stage fitted to what the models were made for. Doing it twice is doing it once.

    ``folders``: of the set they are of. Raises CheckpointError where one that tells what there is cannot be read.
    """
    for kind in Making.kinds.values():
        preset = kind.fitted(preset, models, folders)
    return roomy(preset, models)


def roomy(preset: Preset, models: Models) -> Preset:
    """Return ``preset`` with a wide window below a target that judges as many tokens at the cost of one.

    Such are those whose layers come over the bus. A window that was chosen stays.
    """
    usual = PRESETS.get(preset.name)
    if models[TARGET].bus is None or usual is None or len(preset.stages) != len(usual.stages) or len(usual.stages) < 2:
        return preset
    stage, wide = preset.stages[-2], making(preset.stages[-2].source).wide
    if wide is None or stage.window != usual.stages[-2].window:
        return preset
    return replace(preset, stages=(*preset.stages[:-2], replace(stage, window=Window(wide)), preset.stages[-1]))


def frugal(preset: Preset, usual: Stage, models: Models) -> Preset:
    """Return ``preset`` with FRUGAL for the window of ``usual``, on a CPU; one that was chosen stays.

    Where levels were gathered nobody chose any: all of that kind below the target have it.
    """
    if models[TARGET].device.type != "cpu" or models[TARGET].bus is not None:
        return preset
    *below, target = preset.stages
    stages = (replace(each, window=FRUGAL) if _usual(each, usual, preset) else each for each in below)
    return replace(preset, stages=(*stages, target))


def _usual(stage: Stage, usual: Stage, preset: Preset) -> bool:
    if preset.gathers:
        return stage.source.kind == usual.source.kind
    return (stage.source, stage.window) == (usual.source, usual.window)


def places(preset: Preset, models: Models) -> list[Place | None]:
    """Return where each level of ``preset`` reads a model, the bottom first."""
    return [making(stage.source).place(models) for stage in preset.stages]


def parts(preset: Preset, own: Mapping[Role, Own]) -> list[Own]:
    """Return what each level of ``preset`` that reads weights of its own reads, of what sources loaded by role."""
    sources = [stage.source for stage in preset.stages]
    return [making(source).part(own[source.own]) for source in sources if source.own is not None]
