"""A safetensors file written stretch by stretch, so that no more than one of them is in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt

from engine.library.gguf.blocks import Part

BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1, "I8": 1}
ALIGNED = 8  # bytes; where the tensors begin, as the format's own library has it


class TensorFile:
    """A file of the tensors ``parts``, each filled from its beginning in as many pieces as one likes."""

    def __init__(self, path: Path, parts: Mapping[str, Part]) -> None:
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        self._at: dict[str, int] = {}
        self._end: dict[str, int] = {}
        offset = 0
        for name, part in parts.items():
            end = offset + prod(part.shape) * BYTES[part.dtype]
            header[name] = {"dtype": part.dtype, "shape": list(part.shape), "data_offsets": [offset, end]}
            self._at[name], self._end[name], offset = offset, end, end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % ALIGNED)
        self._data, self.size = 8 + len(text), 8 + len(text) + offset
        self._file = path.open("wb")
        self._file.write(len(text).to_bytes(8, "little") + text)

    def append(self, name: str, content: npt.NDArray[Any] | bytes) -> None:
        """Write what follows in ``name``; raises ValueError where that is more than it has room for."""
        raw = content if isinstance(content, bytes) else content.tobytes()
        if self._at[name] + len(raw) > self._end[name]:
            raise ValueError(f"{name} has more numbers than its shape")
        self._file.seek(self._data + self._at[name])
        self._file.write(raw)
        self._at[name] += len(raw)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it; where all went well it is on the disk, and whole: raises ValueError for a tensor not filled."""
        with self._file:
            if kind is None:
                short = [name for name, at in self._at.items() if at != self._end[name]]
                if short:
                    raise ValueError(f"{short[0]} has fewer numbers than its shape")
                self._file.flush()
                os.fsync(self._file.fileno())
