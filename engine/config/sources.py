"""Where a level's laws come from, as frozen values: what each is called, what it needs, what it does in plain words.

engine/decoding/sources has a file for each kind, which makes its levels. Nobody else asks which kind a source is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import ClassVar

Role = str  # what a model of a set is for: "target", "qualifier", "draft", and whatever a source calls its own
TARGET: Role = "target"  # the model whose answers these are; every set has it

_MODELS = MappingProxyType({TARGET: "a large model", "qualifier": "a middle model", "draft": "a small draft model"})


@dataclass(frozen=True, slots=True)
class Source:
    """What all sources can be asked; what is not overridden is as for one that runs a pass of some model.

    ``kind``: its name in the log of a reply. ``passes``: whether it takes passes of a model to propose. ``judges``:
    whether it has laws of its own, by which others' tokens can be judged; without it can only be the bottom of a chain.
    ``noun``: what the bottom of a chain is called that has it.
    """

    kind: ClassVar[str] = "other"
    passes: ClassVar[bool] = True
    judges: ClassVar[bool] = True
    noun: ClassVar[str] = "Guesser"

    @property
    def roles(self) -> Mapping[Role, str]:
        """The models of a set it needs beside the target: by role, and what each is."""
        return {}

    @property
    def own(self) -> Role | None:
        """The role whose folder holds weights that only it can read; None: all its models are whole ones."""
        return None

    @property
    def of(self) -> Role:
        """The role of the model whose states it reads; that of a whole model it is by itself does not count."""
        return TARGET

    @property
    def whole(self) -> frozenset[Role]:
        """The roles of the models it needs that are models by themselves, with a vocabulary and a context."""
        return frozenset(self.roles) - {self.own}

    @property
    def words(self) -> str:
        """What it is, in a few words."""
        return self.kind

    def title(self, *, bottom: bool, top: bool) -> str:
        """Return what a level that has it is called in technical words."""
        if top:
            return "Target"
        return "Draft" if bottom else "Intermediate"

    @classmethod
    def nature(cls, detail: str, *, bottom: bool) -> str:  # noqa: ARG003 - others need them
        """Say what a level of this kind is, as the end of a sentence; ``detail``: what is known of its size."""
        return "is a helper"

    @classmethod
    def task(cls, detail: str, *, bottom: bool) -> str:
        """Say what a level below the target is and does, as the end of a sentence."""
        does = "guesses the next words ahead" if bottom else "sorts out wrong guesses before they reach the big model"
        return f"{cls.nature(detail, bottom=bottom)} that {does}"


@dataclass(frozen=True, slots=True)
class Exit(Source):
    """An early exit: the target read after ``depth`` of its layers (0 < depth <= 1), by its own last norm and head.

    ``adapted``: through a layer and a norm that were taught for that exit (the role "exits" of a set), and its head.
    """

    depth: float
    adapted: bool = False

    kind: ClassVar[str] = "exit"

    @property
    def roles(self) -> Mapping[Role, str]:
        """See Source."""
        return {"exits": "early exits taught to this model"} if self.adapted else {}

    @property
    def own(self) -> Role | None:
        """See Source."""
        return "exits" if self.adapted else None

    @property
    def words(self) -> str:
        """See Source."""
        layers = f"first {Fraction(self.depth).limit_denominator(64)} of the layers"
        return f"{layers}, and one taught to it" if self.adapted else layers

    @classmethod
    def nature(cls, detail: str, *, bottom: bool) -> str:  # noqa: ARG003 - see Source
        """See Source."""
        return f"is the first part of the big model ({detail})" if detail else "is the first part of the big model"


@dataclass(frozen=True, slots=True)
class Model(Source):
    """A whole model of the set, by role."""

    role: Role

    kind: ClassVar[str] = "model"

    @property
    def roles(self) -> Mapping[Role, str]:
        """See Source."""
        return {self.role: _MODELS.get(self.role, f"a {self.role} model")}

    @property
    def words(self) -> str:
        """See Source."""
        return f"{self.role} model"

    def title(self, *, bottom: bool, top: bool) -> str:  # noqa: ARG002 - see Source
        """See Source."""
        return "Target" if top else self.role.capitalize()

    @classmethod
    def nature(cls, detail: str, *, bottom: bool) -> str:  # noqa: ARG003 - see Source
        """See Source."""
        return "is a small model" if bottom else "is a smaller model"


@dataclass(frozen=True, slots=True)
class Lookup(Source):
    """Copies what followed the last ``longest`` .. ``shortest`` tokens when they occurred before in the chat."""

    longest: int = 3
    shortest: int = 2

    kind: ClassVar[str] = "lookup"
    passes: ClassVar[bool] = False
    judges: ClassVar[bool] = False
    noun: ClassVar[str] = "Copier"

    @property
    def words(self) -> str:
        """See Source."""
        return "what the chat has said"

    def title(self, *, bottom: bool, top: bool) -> str:  # noqa: ARG002 - see Source
        """See Source."""
        return "Lookup"

    @classmethod
    def task(cls, detail: str, *, bottom: bool) -> str:  # noqa: ARG003 - see Source
        """See Source."""
        return "guesses that words of this chat come again, and copies them; no model runs for that"


@dataclass(frozen=True, slots=True)
class Head(Source):
    """A head trained for the target, which reads its hidden states and guesses one token after another (EAGLE-3)."""

    kind: ClassVar[str] = "head"
    judges: ClassVar[bool] = False

    @property
    def roles(self) -> Mapping[Role, str]:
        """See Source."""
        return {"head": "a drafting head made for this model"}

    @property
    def own(self) -> Role:
        """See Source."""
        return "head"

    @property
    def words(self) -> str:
        """See Source."""
        return "a drafting head"

    def title(self, *, bottom: bool, top: bool) -> str:  # noqa: ARG002 - see Source
        """See Source."""
        return "Head"

    @classmethod
    def nature(cls, detail: str, *, bottom: bool) -> str:  # noqa: ARG003 - see Source
        """See Source."""
        return f"is a small head that {detail or 'looks into some layers'} of the big model"

    @classmethod
    def task(cls, detail: str, *, bottom: bool) -> str:
        """See Source."""
        return f"{cls.nature(detail, bottom=bottom)}, and guesses the next words ahead"


@dataclass(frozen=True, slots=True)
class InnerHead(Head):
    """The same, trained for a smaller model of the set, by ``role``, which has to judge what it guesses."""

    role: Role

    kind: ClassVar[str] = "inner head"

    @property
    def roles(self) -> Mapping[Role, str]:
        """See Source."""
        return {**Model(self.role).roles, self.own: "a drafting head made for its middle model"}

    @property
    def own(self) -> Role:
        """See Source."""
        return f"{self.role}-head"

    @property
    def of(self) -> Role:
        """See Source."""
        return self.role

    @classmethod
    def nature(cls, detail: str, *, bottom: bool) -> str:  # noqa: ARG003 - see Source
        """See Source."""
        return f"is a small head that {detail or 'looks into some layers of a smaller model'}"


@dataclass(frozen=True, slots=True)
class Block(Source):
    """A drafter that guesses a block of tokens at once by what layers of the target made of the text: DFlash, DSpark.

    ``confidence``: it stops where its own confidence head, if it has one, gives a token less than this, 0 to 1; the
    first token is always proposed. None: half on a CPU, where a row of the target costs about as much as a token; never
    on a GPU, where it costs next to nothing.
    """

    confidence: float | None = None

    kind: ClassVar[str] = "block"
    judges: ClassVar[bool] = False

    @property
    def roles(self) -> Mapping[Role, str]:
        """See Source."""
        return {"block": "a block drafter made for this model"}

    @property
    def own(self) -> Role:
        """See Source."""
        return "block"

    @property
    def words(self) -> str:
        """See Source."""
        return "several words at once"

    def title(self, *, bottom: bool, top: bool) -> str:  # noqa: ARG002 - see Source
        """See Source."""
        return "Block"

    @classmethod
    def nature(cls, detail: str, *, bottom: bool) -> str:  # noqa: ARG003 - see Source
        """See Source."""
        return f"is a small network that {detail or 'looks into some layers'} of the big model"

    @classmethod
    def task(cls, detail: str, *, bottom: bool) -> str:
        """See Source."""
        return f"{cls.nature(detail, bottom=bottom)}, and guesses several words at once"


KINDS: Mapping[str, type[Source]] = MappingProxyType(
    {kind.kind: kind for kind in (Lookup, Model, Exit, Head, InnerHead, Block)}
)
# The roles of folders that hold weights one source alone reads: no models by themselves, and without a tokenizer.
DRAFTERS: frozenset[Role] = frozenset({Head().own, Block().own, "exits"})  # made for the target
INNER: Mapping[Role, InnerHead] = MappingProxyType(
    {each.own: each for each in map(InnerHead, _MODELS) if each.of != TARGET}
)


def source_kind(name: str) -> type[Source]:
    """Return the kind of source that a log calls ``name``; one this version does not know is as sources mostly are."""
    return KINDS.get(name, Source)
