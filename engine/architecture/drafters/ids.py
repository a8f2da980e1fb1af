"""Tokens of a target by those a drafter speaks of, as files hold them."""

from __future__ import annotations

from collections.abc import Mapping

from engine.architecture.checking import Stored
from engine.architecture.settings import Settings
from engine.errors import CheckpointError

IDS, MASK = "d2t", "t2d"  # tokens of the target by those of the drafter, as differences; and the other way about
INTEGERS, FLAGS = ("I64", "I32"), ("BOOL", "U8")
AGAIN = "The file is damaged: download the drafter again, or choose another one."


def check_ids(settings: Settings, stored: Mapping[str, Stored], spoken: int, known: int) -> None:
    """Raise CheckpointError unless IDS is there for the ``spoken`` tokens, and MASK, if it is, for all ``known``."""
    if IDS not in stored:
        raise CheckpointError(f"{settings.name} lacks the tensor {IDS}, which says what its tokens are.", AGAIN)
    for name, kinds, length in ((IDS, INTEGERS, spoken), (MASK, FLAGS, known)):
        found = stored.get(name)
        if found and (found.dtype not in kinds or found.shape != (length,)):
            raise CheckpointError(
                f"{found.file} holds {name} as {found.dtype} {list(found.shape)}, "
                f"but config.json makes it {kinds[0]} {[length]}.",
                AGAIN,
            )
