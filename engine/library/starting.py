"""Chooses the method a model set starts with, until the user picks another."""

from __future__ import annotations

from engine.architecture import read_architecture
from engine.config import PRESETS, ModelSet, Preset
from engine.errors import UpdraftError
from engine.library.catalogue import CATALOGUE
from engine.library.starter import TITLE as STARTER


def starting_preset(models: ModelSet) -> Preset:
    """Return the method to begin with: one that has a reason to be faster with ``models``, and never loses much.

    A set of the catalogue begins with the first it lists, and the starter with what proved fastest. Early exits are
    read only where the model was trained for them (``early_exits`` in config.json): an untrained one guesses badly and
    costs a third of every pass. Smaller models guess ahead where the set has any; a model by itself copies what was
    said already, which costs nothing where there is nothing to copy, and as much as pays where wider passes are dearer.
    One that cannot be read is plain: loading it says why.
    """
    for name in (*_listed(models), *_by_nature(models)):
        if models.runs(PRESETS[name]):
            return PRESETS[name]
    return PRESETS["plain"]


def _listed(models: ModelSet) -> tuple[str, ...]:
    """Return what is known to suit the set that ``models`` is called after."""
    if models.name == STARTER:
        return ("lookup",)  # its smaller models are there to be watched: on two cores they cost more than they save
    return next((entry.presets for entry in CATALOGUE.values() if entry.title == models.name), ())


def _by_nature(models: ModelSet) -> tuple[str, ...]:
    try:
        exits = read_architecture(models.target).exits
    except (UpdraftError, OSError):
        return ()
    return (*(["hispec"] if exits else []), "hsd", "draft", "lookup")
