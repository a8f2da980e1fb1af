"""What can be had, each set judged for this machine, and which of it is best."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import UpdraftError
from engine.library import (
    CATALOGUE,
    CatalogueSet,
    Connection,
    Hardware,
    Installed,
    Library,
    Verdict,
    Wanted,
    inspect,
    judge,
    probe,
    read_address,
    token,
    wanted_for,
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A model set that can be had: ``download`` in bytes, ``gated`` the repositories that ask for a sign-in."""

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


@dataclass(frozen=True, slots=True)
class Survey:
    """This machine, and what is on offer for it, the best first."""

    hardware: Hardware
    offers: tuple[Offer, ...]

    @property
    def best(self) -> Offer | None:
        """The set recommended: the first that fits and needs no sign-in."""
        return next((offer for offer in self.offers if offer.verdict.answer != "no" and not offer.gated), None)


def survey(library: Library, context: int) -> Survey:
    """Measure this machine and judge what the catalogue and ``library`` have at ``context`` tokens."""
    hardware = probe(library.folder)
    models = [model for model in library.models() if model.present and model.whole]
    names = {model.repository for model in models}
    offers = [_offer(entry, judge(entry.architectures, hardware, context), names) for entry in CATALOGUE.values()]
    listed = {repository for offer in offers for repository in offer.repositories}
    own = [_own(model, hardware, context) for model in models if model.repository not in listed]
    return Survey(hardware, tuple(sorted((*filter(None, own), *offers), key=_rank)))


def look_up(address: str, library: Library, connection: Connection, context: int) -> Offer:
    """Return what is at ``address``: a set of the catalogue, or the model the Hub has there."""
    name, wanted = wanted_for(read_address(address)[0] if "/" in address else address)
    if name in CATALOGUE:
        return next(offer for offer in survey(library, context).offers if offer.name == name)
    found = inspect(address, connection, token())
    names = {model.repository for model in library.models()}
    return Offer(
        name=name,
        title=found.repository,
        good_for=f"{found.parameters / 1e9:.1f} billion parameters, {found.form}. One model: it drafts for itself.",
        download=found.download,
        licences=(found.licence or "no licence stated",),
        repositories=(found.repository,),
        gated=(),
        verdict=judge([found.architecture], probe(library.folder), context),
        wanted=(replace(wanted[0], revision=found.revision),),
        installed=found.repository in names,
    )


def _offer(entry: CatalogueSet, verdict: Verdict, installed: set[str]) -> Offer:
    repositories = tuple(model.repository for model in entry.models.values())
    return Offer(
        name=entry.name,
        title=entry.title,
        good_for=entry.good_for,
        download=entry.download,
        licences=entry.licences,
        repositories=repositories,
        gated=tuple(model.repository for model in entry.models.values() if model.gated),
        verdict=verdict,
        wanted=wanted_for(entry.name)[1],
        installed=installed.issuperset(repositories),
        chats="hsd" in entry.presets,
    )


def _own(model: Installed, hardware: Hardware, context: int) -> Offer | None:
    """Return a model of the library's that no set has, None where its configuration cannot be read any more."""
    try:
        architecture = model.architecture
    except (UpdraftError, OSError):
        return None
    return Offer(
        name=model.repository,
        title=model.repository.removeprefix("local/"),
        good_for=f"{architecture.parameters / 1e9:.1f} billion parameters. One model: it drafts for itself.",
        download=0,
        licences=(model.licence or "no licence stated",),
        repositories=(model.repository,),
        gated=(),
        verdict=judge([architecture], hardware, context),
        wanted=(),
        installed=True,
    )


def _rank(offer: Offer) -> tuple[bool, bool, bool, int]:
    """Order by what runs here, what chats, what needs no sign-in, and then the larger models, which answer better."""
    fits = offer.verdict.answer != "no"
    return not fits, not offer.chats, bool(offer.gated), -offer.verdict.needed if fits else offer.verdict.needed
