"""CUDA C++ sources to machine code, by NVRTC: no compiler, header or toolkit on the user's machine."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

import platformdirs

from engine.model.kernels.parameters import checks

ROOM = "engine.model.kernels"


class Source(NamedTuple):
    """``name``.cu in a package, behind the prelude and the ``headers`` that lie beside it."""

    name: str
    room: str = ROOM
    headers: tuple[str, ...] = ()

    def read(self) -> str:
        """Return all of it, and what makes sure that its kernels are given what they read."""
        parts = (files(ROOM) / "prelude.cuh", *(files(self.room) / part for part in (*self.headers, f"{self.name}.cu")))
        whole = "".join(part.read_text(encoding="utf-8") for part in parts)
        return whole + checks(whole)


def cubin(source: Source, architecture: int, **macros: int) -> bytes:
    """Return the machine code of ``source`` for compute capability ``architecture`` (90 for 9.0), cached on disk.

    The cache key covers the source, the macros, the architecture and NVRTC's version. Needs no GPU. Raises
    ImportError where the CUDA packages are missing, RuntimeError where NVRTC is or does not know the architecture.
    """
    from cuda.core import Program, ProgramOptions
    from cuda.core.utils import FileStreamProgramCache

    options = ProgramOptions(
        name=f"{source.name}.cu",
        arch=f"sm_{architecture}",
        std="c++17",
        define_macro=[(macro, str(value)) for macro, value in macros.items()] or None,
    )
    kept = platformdirs.user_cache_path("updraft", appauthor=False) / "kernels"
    with FileStreamProgramCache(kept) as cache:
        return bytes(Program(source.read(), "c++", options).compile("cubin", cache=cache).code)
