"""Loads torch's libraries ahead of its import, without holding the interpreter: Python's own loader would freeze the
window for as long as that takes (0.7 s measured on two cores; 0.1 s this way)."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QLibrary

# In torch's own order; the first one's symbols are for all to see, as torch has it.
LIBRARIES = (
    ("libtorch_global_deps.so", QLibrary.LoadHint.ExportExternalSymbolsHint),
    ("libtorch_python.so", QLibrary.LoadHint.PreventUnloadHint),
)


def preload_torch() -> None:
    """Bring torch's libraries into the process, on Linux. What cannot be loaded is left to the import to report."""
    spec = find_spec("torch") if sys.platform == "linux" else None
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    for name, hint in LIBRARIES:
        library = QLibrary(str(folder / name))
        library.setLoadHints(hint | QLibrary.LoadHint.PreventUnloadHint)
        if not library.load():
            return
