"""Lists the model sets that can be downloaded, says which fit this machine, and ranks them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

from engine.errors import UpdraftError
from engine.library import (
    CATALOGUE,
    CatalogueSet,
    Connection,
    Drafter,
    Hardware,
    Installed,
    Library,
    Verdict,
    Wanted,
    drafters_of,
    inspect,
    judge,
    probe,
    read_address,
    token,
    wanted_for,
)
from engine.words import how_many, size

ALONE = "A model by itself, with no smaller ones that guess ahead for it."
FORMS = {"nf4": "compressed to 4 bits", "grouped": "compressed to 4 or 8 bits", "16-bit": "uncompressed"}
ENOUGH = 0.5  # of the conversation asked for: more of it is not worth a smaller model
AT_EASE = 6 * 10**9  # bytes: a CPU reads them all for every token, at about 20 GB/s


@dataclass(frozen=True, slots=True)
class Offer:
    """A model set that can be had: ``download`` in bytes, ``gated`` the repositories that ask for a sign-in.

    ``missing`` are the repositories that are not there yet, and only these are counted in ``download``; ``parameters``
    are the target's. ``drafter``: what can guess ahead for it besides, and is had only if wanted.
    """

    name: str
    title: str
    good_for: str
    download: int
    licences: tuple[str, ...]
    repositories: tuple[str, ...]
    gated: tuple[str, ...]
    verdict: Verdict
    wanted: tuple[Wanted, ...]
    installed: bool = False
    chats: bool = True
    missing: tuple[str, ...] = ()
    parameters: int = 0
    presets: tuple[str, ...] = ()
    drafter: Drafter | None = None
    drafter_there: bool = False

    @property
    def drafter_pays(self) -> bool:
        """True where there is a drafter, and the GPU that such are made for has room for it."""
        if self.drafter is None or self.verdict.device != "cuda":
            return False
        return self.verdict.holds_besides(self.drafter.on_gpu)

    def with_drafter(self) -> Offer:
        """Return the offer of the same with its drafter."""
        drafter = self.drafter
        if drafter is None:
            return self
        lacks = () if self.drafter_there else (drafter.repository,)
        return replace(
            self,
            download=self.download + (drafter.download if lacks else 0),
            licences=tuple(dict.fromkeys((*self.licences, drafter.licence))),
            repositories=(*self.repositories, drafter.repository),
            wanted=(*self.wanted, Wanted(drafter.role, drafter.repository)),
            installed=self.installed and not lacks,
            missing=(*self.missing, *lacks),
        )

    @property
    def incomplete(self) -> bool:
        """True where part of the set is there and the rest is not."""
        return bool(self.missing) and len(self.missing) < len(self.repositories)

    @property
    def fits_in_time(self) -> bool:
        """True where all of it fits, and on a CPU reads so little for a token that some come every second."""
        whole = self.verdict.answer in ("fits", "shorter")
        return whole and (self.verdict.device == "cuda" or self.verdict.takes <= AT_EASE)

    @property
    def fits(self) -> bool:
        """True where the conversation asked for fits, or nearly all of it."""
        return self.verdict.answer != "no" and self.verdict.context >= ENOUGH * self.verdict.asked


class _Besides(TypedDict):
    drafter: Drafter | None
    drafter_there: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """This machine, and what is on offer for it, the best first."""

    hardware: Hardware
    offers: tuple[Offer, ...]

    @property
    def best(self) -> Offer | None:
        """The set recommended: the first that fits, needs no sign-in and does not keep one waiting for every word."""
        return next((offer for offer in self.offers if offer.fits_in_time and not offer.gated), None)

    @property
    def sentence(self) -> str:
        """What to say where nothing fits; empty where something does."""
        if not self.offers or any(offer.verdict.answer != "no" for offer in self.offers):
            return ""
        least = min(self.offers, key=lambda offer: offer.verdict.needed)
        memory = "GPU memory" if least.verdict.device == "cuda" else "memory"
        return (
            f"None of these fits this machine now: the smallest, {least.title}, needs {size(least.verdict.takes)} and "
            f"{size(least.verdict.there)} of {memory} are free. Close other programs or choose a shorter conversation; "
            f"the starter works meanwhile."
        )


def survey(library: Library, context: int) -> Survey:
    """Measure this machine and judge what the catalogue and ``library`` have at ``context`` tokens."""
    hardware = probe(library.folder)
    models = [model for model in library.models() if model.present and model.whole]
    names = {model.repository for model in models}
    offers = [_offer(entry, judge(entry.dimensions, hardware, context), names) for entry in CATALOGUE.values()]
    levels = {repository for offer in offers if offer.installed for repository in offer.repositories}
    alone = {offer.repositories[0] for offer in offers if len(offer.repositories) == 1}
    whole = [model for model in models if not model.drafts and model.repository not in alone]
    wanted = [model for model in whole if model.alone or model.repository not in levels]
    own = [_own(model, hardware, context, names) for model in wanted]
    return Survey(hardware, tuple(sorted((*offers, *filter(None, own)), key=_rank)))


def look_up(address: str, library: Library, connection: Connection, context: int) -> Offer:
    """Return what is at ``address``: a set of the catalogue, or the model the Hub has there."""
    name, wanted = wanted_for(read_address(address)[0] if "/" in address else address)
    if name in CATALOGUE:
        return next(offer for offer in survey(library, context).offers if offer.name == name)
    found = inspect(address, connection, token())
    ready = {model.repository for model in library.models() if model.present and model.whole}
    there = found.repository in ready
    return Offer(
        name=found.repository,  # as the Hub writes it, whatever was typed
        title=found.repository,
        good_for=f"{how_many(found.parameters)} parameters, {FORMS[found.form]}. {ALONE}",
        download=found.download,
        licences=(found.licence or "no licence stated",),
        repositories=(found.repository,),
        gated=(),
        verdict=judge([found.dimensions], probe(library.folder), context),
        wanted=(replace(wanted[0], repository=found.repository, revision=found.revision),),
        installed=there,
        missing=() if there else (found.repository,),
        parameters=found.parameters,
        **_drafter(found.repository, ready),
    )


def _offer(entry: CatalogueSet, verdict: Verdict, installed: set[str]) -> Offer:
    repositories = tuple(model.repository for model in entry.models.values())
    return Offer(
        name=entry.name,
        title=entry.title,
        good_for=entry.good_for,
        download=sum(model.download for model in entry.models.values() if model.repository not in installed),
        licences=entry.licences,
        repositories=repositories,
        gated=tuple(model.repository for model in entry.models.values() if model.gated),
        verdict=verdict,
        wanted=wanted_for(entry.name, drafter=None)[1],
        installed=installed.issuperset(repositories),
        chats=entry.chats,
        missing=tuple(repository for repository in repositories if repository not in installed),
        parameters=entry.models["target"].dimensions.parameters,
        presets=entry.presets,
        **_drafter(entry.models["target"].repository, installed),
    )


def _drafter(target: str, installed: set[str]) -> _Besides:
    """Return which drafter there is for the model of that repository: one that is there, or else the best."""
    known = drafters_of(target)
    there = [drafter for drafter in known if drafter.repository in installed]
    return _Besides(drafter=next(iter((*there, *known)), None), drafter_there=bool(there))


def _own(model: Installed, hardware: Hardware, context: int, installed: set[str]) -> Offer | None:
    """Return a model of the library's as a set of one, None where its configuration cannot be read any more."""
    try:
        dimensions = model.dimensions
    except (UpdraftError, OSError):
        return None
    return Offer(
        name=model.repository,
        title=model.name,
        good_for=f"{how_many(dimensions.parameters)} parameters. {ALONE}",
        download=0,
        licences=(model.licence or "no licence stated",),
        repositories=(model.repository,),
        gated=(),
        verdict=judge([dimensions], hardware, context),
        wanted=(Wanted("target", model.repository, model.revision),),
        installed=True,
        parameters=dimensions.parameters,
        **_drafter(model.repository, installed),
    )


def _rank(offer: Offer) -> tuple[bool, bool, bool, bool, bool, int]:
    """Order by what runs here, what chats, what needs no sign-in, what is quick enough, what fits whole, then by size.

    Larger targets answer better; of what does not fit, the smallest is nearest. Sets that are equal stay in the
    catalogue's order, in which a 4-bit copy stands before the original.
    """
    runs = offer.verdict.answer != "no"
    larger = -offer.parameters if runs else offer.verdict.needed
    return not runs, not offer.chats, bool(offer.gated), runs and not offer.fits_in_time, not offer.fits, larger
