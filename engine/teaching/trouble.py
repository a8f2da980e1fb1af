"""Says what a machine ran out of while it taught, in a sentence and a hint."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.errors import DeviceError, UpdraftError

GOES_ON = "Started again it goes on from what was written last."


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """Raise UpdraftError for memory and disks that are full while ``name`` is taught."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as cause:
        hint = f"Close other programs, unload the model in the window, or make the steps smaller. {GOES_ON}"
        raise DeviceError(f"Teaching {name} takes more memory than is free.", hint) from cause
    except OSError as cause:
        if cause.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise UpdraftError("The disk is full, so nothing more can be written.", f"Make room. {GOES_ON}") from cause
        where = f" {cause.filename}" if cause.filename else ""
        raise UpdraftError(f"What is learnt cannot be kept: {cause.strerror or cause}{where}.", GOES_ON) from cause
