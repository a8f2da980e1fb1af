"""Asks the Hub about models before a download."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config import Role
from engine.errors import ModelSetError
from engine.library.address import read_address
from engine.library.catalogue import CATALOGUE
from engine.library.connection import Connection
from engine.library.drafters import Drafter, drafters_of, made_for
from engine.library.faults import LibraryError
from engine.library.process import ask
from engine.library.protocol import Inspection, Order, Wanted

BEST: Role = "best"  # the drafter that the catalogue lists first


def inspect(address: str, connection: Connection, token: str | None) -> Inspection:
    """Ask what the model at ``address`` (owner/name or a page's address) is, before a byte of its weights. Blocks.

    Raises LibraryError (missing, unsupported, signin, licence, network, offline).
    """
    repository, revision = read_address(address)
    told = ask(Order("inspect", repository, wanted=(Wanted("target", repository, revision),), token=token), connection)
    if not isinstance(told, Inspection):
        raise LibraryError("network", f"Hugging Face did not say what {repository} is.", "Try again.")
    return told


def wanted_for(text: str, drafter: Role | None = BEST) -> tuple[str, tuple[Wanted, ...]]:
    """Return a job's name and its models for a catalogue name, a repository or an address.

    ``drafter``: the role of the one that comes along; BEST is the first that a set lists, and none for a model by
    itself; None is none at all. Raises ModelSetError for a name or a drafter that the catalogue does not have,
    LibraryError for what is no model's address.
    """
    if text in CATALOGUE:
        entry = CATALOGUE[text]
        models = [Wanted(role, model.repository) for role, model in entry.models.items()]
        return text, (*models, *_drafter(entry.drafters, drafter, entry.title))
    if "/" not in text:
        raise ModelSetError(
            f"The catalogue has no set named “{text}”.",
            f"Choose one of {', '.join(CATALOGUE)}, or write a repository as owner/name.",
        )
    repository, revision = read_address(text)
    if made_for(repository):
        raise _of_another(repository)
    besides = _drafter(drafters_of(repository), None if drafter == BEST else drafter, repository)
    return repository, (Wanted("target", repository, revision), *besides)


def _drafter(known: Sequence[Drafter], wanted: Role | None, whose: str) -> list[Wanted]:
    """Return the drafter wanted of those ``known``, if any; raises ModelSetError where it is not among them."""
    found = [Wanted(each.role, each.repository) for each in known if wanted in (each.role, BEST)]
    if not found and wanted not in (None, BEST):
        raise ModelSetError(
            f"The catalogue has no drafter “{wanted}” for {whose}.",
            "Leave it out, or add one that you have: models add-drafter FOLDER.",
        )
    return found[:1]


def _of_another(repository: str) -> ModelSetError:
    """Return the error for the address of a drafter, which comes along with its model."""
    sets = [(name, each) for name, entry in CATALOGUE.items() for each in entry.drafters]
    name, drafter = next((name, each) for name, each in sets if each.repository == repository)
    return ModelSetError(
        f"{repository} only guesses ahead for another model: {' or '.join(sorted(made_for(repository)))}.",
        f"It comes along with that one: tick it there; in a terminal: models get {name} --drafter {drafter.role}",
    )
