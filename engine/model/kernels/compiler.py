"""CUDA C++ sources of this folder to machine code, by NVRTC: no compiler, header or toolkit on the user's machine."""

from __future__ import annotations

from importlib.resources import files

import platformdirs

ARCHITECTURES = (80, 86, 89, 90, 100, 120)  # what the CPU tests compile for; any newer GPU is tried as it comes
SHARED = {  # put in front of a source, behind the prelude
    "rows": ("board.cuh",),
    "laws": ("board.cuh", "choice.cuh"),
    "judge": ("board.cuh", "choice.cuh"),
    "rank": ("board.cuh", "choice.cuh"),
}


def cubin(name: str, architecture: int, **macros: int) -> bytes:
    """Return the machine code of ``name``.cu for compute capability ``architecture`` (90 for 9.0), cached on disk.

    The cache key covers the source, the macros, the architecture and NVRTC's version. Needs no GPU. Raises
    ImportError where the CUDA packages are missing, RuntimeError where NVRTC is or does not know the architecture.
    """
    from cuda.core import Program, ProgramOptions
    from cuda.core.utils import FileStreamProgramCache

    folder = files("engine.model.kernels")
    parts = ("prelude.cuh", *SHARED.get(name, ()), f"{name}.cu")
    source = "".join((folder / part).read_text(encoding="utf-8") for part in parts)
    options = ProgramOptions(
        name=f"{name}.cu",
        arch=f"sm_{architecture}",
        std="c++17",
        define_macro=[(macro, str(value)) for macro, value in macros.items()] or None,
    )
    kept = platformdirs.user_cache_path("updraft", appauthor=False) / "kernels"
    with FileStreamProgramCache(kept) as cache:
        return bytes(Program(source, "c++", options).compile("cubin", cache=cache).code)
