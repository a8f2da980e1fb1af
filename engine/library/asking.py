"""Asks the Hub about models before a download."""

from __future__ import annotations

from engine.config import Role
from engine.errors import ModelSetError
from engine.library.address import read_address
from engine.library.catalogue import CATALOGUE
from engine.library.connection import Connection
from engine.library.drafters import made_for
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

    A set brings the ``drafter`` of that role, which is BEST for the one listed first and None for none at all.
    Raises ModelSetError for a name the catalogue does not have, LibraryError for what is no model's address.
    """
    if text in CATALOGUE:
        entry = CATALOGUE[text]
        models = [Wanted(role, model.repository) for role, model in entry.models.items()]
        drafters = [Wanted(each.role, each.repository) for each in entry.drafters if drafter in (each.role, BEST)]
        return text, (*models, *drafters[:1])
    if "/" not in text:
        raise ModelSetError(
            f"The catalogue has no set named “{text}”.",
            f"Choose one of {', '.join(CATALOGUE)}, or write a repository as owner/name.",
        )
    repository, revision = read_address(text)
    if served := made_for(repository):
        sets = (
            f"{name} --drafter {each.role}"
            for name, entry in CATALOGUE.items()
            for each in entry.drafters
            if each.repository == repository
        )
        raise ModelSetError(
            f"{repository} only guesses ahead for another model: {' or '.join(sorted(served))}.",
            f"It comes along with that one: models get {next(sets)}",
        )
    return repository, (Wanted("target", repository, revision),)
