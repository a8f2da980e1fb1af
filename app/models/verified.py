"""The texts for a model whose files were hashed."""

from __future__ import annotations

from collections.abc import Sequence

from app.models.download_card import RESUME
from app.models.library import Checked, Installed
from app.threads.failure import Failure


def verified(files: Sequence[Checked], model: Installed) -> str | Failure:
    """Say that all ``files`` of ``model`` are whole, or which are not and what to do about it."""
    bad = [checked.path for checked in files if not checked.good]
    if not bad:
        came = "imported" if own(model) else "downloaded"
        return f"{model.name}: all {len(files)} files are as they were when they were {came}."
    removed = f"{', '.join(bad)}. {'It was' if len(bad) == 1 else 'They were'} removed."
    again = f"Press “{RESUME}”: only what is missing is fetched."
    if own(model):
        again = "Delete it and import its folder again."
    return Failure(f"Damaged in {model.name}: {removed}", again)


def own(chosen: Installed | str | None) -> bool:
    """Tell whether ``chosen`` was imported, so that it cannot be downloaded again."""
    return isinstance(chosen, Installed) and chosen.source == "folder"
