"""Reads drafters that look into a target model: no models by themselves, published apart. No torch.

A file for each kind, and its line in READERS. Layers of the target are numbered alike whatever the format: ``taps`` of
a shape are "the input of layer k", which is what leaves the first k layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.architecture.checking import Stored
from engine.architecture.drafters.block import BlockShape, read_block
from engine.architecture.drafters.exits import NAME, ExitsShape, read_exits
from engine.architecture.drafters.head import HeadShape, read_head
from engine.architecture.drafters.origin import elsewhere
from engine.architecture.reading import require_folder
from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.architecture.weights import stored_in
from engine.errors import CheckpointError
from engine.files import read_object

__all__ = ["BlockShape", "DrafterShape", "ExitsShape", "HeadShape", "kind_of", "read_drafter"]

DrafterShape = HeadShape | BlockShape | ExitsShape
Reader = Callable[[Settings, Mapping[str, Stored], Architecture], DrafterShape]
READERS: Mapping[str, Reader] = {
    "eagle3": read_head,
    "dflash": read_block,
    "dspark": read_block,
    NAME.lower(): read_exits,
}
CHOOSE = "Choose an EAGLE-3, DFlash or DSpark drafter that was made for this model, in safetensors format."


def read_drafter(folder: Path, target: Architecture) -> DrafterShape:
    """Read the drafter in ``folder``, by its config.json and the headers of its files; no code from the folder.

    Raises CheckpointError for what is no drafter Updraft runs, is damaged, or was made for another model than
    ``target``.
    """
    require_folder(folder)
    settings = Settings(read_object(folder / "config.json"), str(folder))
    kind = kind_of(settings)
    if kind is None:
        raise CheckpointError(f"{folder} holds no drafter of a kind that Updraft runs.", CHOOSE)
    return READERS[kind](settings, stored_in(folder, elsewhere(target)), target)


def kind_of(settings: Settings) -> str | None:
    """Return the kind of drafter a config.json describes, None where it describes none of ours.

    The oldest heads name nothing but the family of their layer; they alone have a vocabulary of their own.
    """
    listed = settings.values.get("architectures")
    names = [settings.values.get("speculators_model_type"), *(listed if isinstance(listed, list) else ())]
    words = [name.lower() for name in names if isinstance(name, str)]
    found = next((kind for kind in READERS if any(kind in word for word in words)), None)
    old = not settings.has("speculators_model_type") and settings.has("draft_vocab_size")
    return found or ("eagle3" if old and words == ["llamaforcausallm"] else None)
