"""Finds the sets that the models on disk make up: a catalogue's set or one model, and what guesses ahead for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.config import INNER, TARGET, ModelSet, Role
from engine.errors import ModelSetError
from engine.library.catalogue import CATALOGUE, CatalogueSet
from engine.library.record import Installed
from engine.library.taught import with_taught


def model_sets(models: Iterable[Installed]) -> dict[str, ModelSet]:
    """Return what is offered to load: the catalogue's sets that are whole, then every other model as a set of one.

    By catalogue name or repository; the sets themselves are called as a person knows them. A model that is there
    only as a level of a whole set is left out, but can be had by name. Each has the drafters that were made for it,
    here or elsewhere.
    """
    ready = _ready(models)
    sets = _whole(ready)
    taken = {model.repository for name in sets for model in CATALOGUE[name].models.values()}
    wanted = (model for model in ready.values() if not model.drafts)
    singles = {m.repository: _alone(m, ready) for m in wanted if m.repository not in taken or m.alone}
    return sets | singles


def set_named(name: str, models: Iterable[Installed]) -> ModelSet:
    """Return the set, or the model by itself, that ``name`` means, former names included; raises ModelSetError."""
    ready = _ready(models)
    found = _whole(ready)
    if name in found:
        return found[name]
    best = max(ready.values(), key=lambda model: model.answers_to(name), default=None)
    if best is not None and best.answers_to(name):
        if best.drafts:
            raise ModelSetError(
                f"“{best.name}” only guesses ahead for another model and cannot chat by itself.",
                f"Choose the model it was made for: {' or '.join(best.serves)}.",
            )
        return _alone(best, ready)
    titled = next((models for models in found.values() if models.name.casefold() == name.strip().casefold()), None)
    if titled is not None:
        return titled
    raise ModelSetError(f"“{name}” is not installed.", f"Fetch it with: python -m engine models get {name}")


def lacking(models: Iterable[Installed]) -> dict[str, tuple[str, ...]]:
    """Return the catalogue's sets whose target is there but not all of the rest, with the repositories that lack."""
    ready = _ready(models)
    found = {}
    for name, entry in CATALOGUE.items():
        missing = tuple(m.repository for m in entry.models.values() if m.repository not in ready)
        if missing and entry.models["target"].repository in ready:
            found[name] = missing
    return found


def drafters_for(repository: str, models: Iterable[Installed]) -> dict[Role, Installed]:
    """Return the drafters among ``models`` that serve the model of ``repository``, of each role the newest."""
    found = [model for model in models if model.drafts and repository in model.serves and model.present and model.whole]
    return {model.role: model for model in sorted(found, key=lambda model: model.added)}


def depending_on(model: Installed, models: Iterable[Installed]) -> tuple[str, ...]:
    """Return the titles of the whole sets of several models that ``model`` is a level of."""
    others = [each for each in models if each.key != model.key]
    here, without = _whole(_ready([*others, model])), _whole(_ready(others))
    return tuple(each.name for name, each in here.items() if name not in without and len(CATALOGUE[name].models) > 1)


def _ready(models: Iterable[Installed]) -> dict[str, Installed]:
    """Return what can be loaded by repository, of each the newest."""
    ready = [model for model in models if model.present and model.whole]
    return {model.repository: model for model in sorted(ready, key=lambda model: model.added)}


def _whole(ready: Mapping[str, Installed]) -> dict[str, ModelSet]:
    found = {name: _as_set(entry, ready) for name, entry in CATALOGUE.items()}
    return {name: models for name, models in found.items() if models is not None}


def _as_set(entry: CatalogueSet, ready: Mapping[str, Installed]) -> ModelSet | None:
    if not all(model.repository in ready for model in entry.models.values()):
        return None
    levels = {role: ready[model.repository] for role, model in entry.models.items()}
    return _set(entry.title, levels, ready)


def _alone(model: Installed, ready: Mapping[str, Installed]) -> ModelSet:
    return _set(model.name, {TARGET: model}, ready)


def _set(name: str, levels: Mapping[Role, Installed], ready: Mapping[str, Installed]) -> ModelSet:
    drafters = drafters_for(levels[TARGET].repository, ready.values()) | _inner(levels, ready)
    return with_taught(ModelSet(name, {role: model.folder for role, model in (drafters | dict(levels)).items()}))


def _inner(levels: Mapping[Role, Installed], ready: Mapping[str, Installed]) -> dict[Role, Installed]:
    """Return the heads that were made for smaller models of a set, by role."""
    of = {
        own: drafters_for(levels[head.of].repository, ready.values())
        for own, head in INNER.items()
        if head.of in levels
    }
    return {own: drafters["head"] for own, drafters in of.items() if "head" in drafters}
