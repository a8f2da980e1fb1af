"""Loads torch's libraries ahead of its import, without holding the interpreter: Python's own loader would freeze the
window for as long as that takes (0.3 to 0.9 s measured on two cores)."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path


def preload_torch() -> None:
    """Bring torch's libraries into the process, on Linux. What cannot be loaded is left to the import to report."""
    spec = find_spec("torch") if sys.platform == "linux" else None
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    dlopen = ctypes.CDLL(None).dlopen  # called like any foreign function, which lets the other threads run
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    # In torch's own order; the first one's symbols are for all to see, as torch has it.
    for name, scope in (("libtorch_global_deps.so", os.RTLD_GLOBAL), ("libtorch_python.so", os.RTLD_LOCAL)):
        if not dlopen(os.fsencode(folder / name), os.RTLD_NOW | scope):
            return
