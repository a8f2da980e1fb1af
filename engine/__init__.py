"""A language model that answers, and shows how: hierarchical speculative decoding without a window."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Keep the garbage collector from what is imported within, which stays until the program ends.

    Importing torch makes hundreds of thousands of objects. Looking them through again and again takes a sixth of the
    import, and as long once more when the program ends. Where nothing new is imported nothing is kept.
    """
    was_on, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()
        if was_on:
            gc.enable()
