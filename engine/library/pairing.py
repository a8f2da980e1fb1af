"""Adds a drafter from a folder to the model it was made for: finds which that is, takes it in, and pairs the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from engine.architecture.drafters.origin import named_target
from engine.architecture.settings import Settings
from engine.config import Role
from engine.errors import CheckpointError
from engine.files import read_object
from engine.library.copying import Step
from engine.library.faults import LibraryError
from engine.library.fitting import role_for
from engine.library.importing import take_in_drafter
from engine.library.manifest import Manifest
from engine.library.provenance import checkpoint_in
from engine.library.record import Installed


def add_drafter(
    source: Path, models: Sequence[Installed], open_library: Callable[[], Path], to: str | None = None
) -> Iterator[Step]:
    """Take the drafter in ``source`` in and pair it with the model called ``to``, or the one it was made for.

    A drafter of the library's own is only paired. Nothing of it stays where this fails or is stopped. Raises
    LibraryError or CheckpointError.
    """
    source = checkpoint_in(source)
    target, role = target_of(source, models, to)
    own = next((model for model in models if model.folder == source), None)
    if own is None:
        yield from take_in_drafter(source, role, target, open_library)
    else:
        Manifest.load(own.folder).serving(role, target.repository).save(open_library())
        yield Step(own.name, own.size, own.size)


def target_of(source: Path, models: Sequence[Installed], to: str | None = None) -> tuple[Installed, Role]:
    """Return the model that the drafter in ``source`` was made for, and as what it is read.

    Of several that it suits, the one that its config.json names. Raises LibraryError where that does not tell, and
    CheckpointError where it suits none.
    """
    ready = [model for model in models if model.present and model.whole and not model.drafts]
    asked = _called(to, ready) if to else ready
    if not asked:
        raise LibraryError(
            "missing", "No model is installed that a drafter could guess ahead for.", "Get that model first."
        )
    suited: list[tuple[Installed, Role]] = []
    reason: CheckpointError | None = None
    for model in asked:
        try:
            suited.append((model, role_for(source, model.folder)))
        except CheckpointError as error:
            reason = error
    if not suited and reason is not None:
        raise reason if len(asked) == 1 else _suits_none(source, reason)
    named = _origin(source).rpartition("/")[2].casefold()
    meant = [each for each in suited if named and named in each[0].repository.casefold()] or suited
    if len(meant) > 1:
        raise LibraryError(
            "vocabulary",
            f"{source.name} suits {' and '.join(model.name for model, _ in meant)}, and does not say which it is for.",
            "Choose the model yourself: with “Add a drafter…” in Models, or in a terminal with --to NAME.",
        )
    return meant[0]


def _called(name: str, models: Sequence[Installed]) -> list[Installed]:
    best = max(models, key=lambda model: model.answers_to(name), default=None)
    if best is None or not best.answers_to(name):
        raise LibraryError("missing", f"“{name}” is not installed.", "Get that model first, or choose another one.")
    return [best]


def _suits_none(source: Path, reason: CheckpointError) -> CheckpointError:
    """Return the error for a drafter that suits no model; one that suits nothing at all has its own reason."""
    origin = _origin(source)
    if not origin:
        return reason
    return CheckpointError(
        f"{source.name} was made for {origin}, and suits none of the models that are installed.",
        "Get that model first, then add the drafter again.",
    )


def _origin(source: Path) -> str:
    """Return the model that the folder's config.json names as its own, "" where it names none."""
    try:
        return named_target(Settings(read_object(source / "config.json"), str(source)))
    except CheckpointError:
        return ""
