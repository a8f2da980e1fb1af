"""A GGUF file opened with care: what it says of itself, and its tensors as they lie on disk."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from gguf import GGUFReader, GGUFValueType, ReaderTensor
from gguf.constants import GGUFEndian

from engine.architecture import FAMILIES
from engine.architecture.family import GgufTraits
from engine.files import present
from engine.library.faults import LibraryError
from engine.library.gguf_files import MAGIC

SHORT = "it is cut short"
OTHER_ORDER: Literal["little", "big"] = "big" if sys.byteorder == "little" else "little"
LONGEST = 1 << 22  # entries of a list; the largest vocabularies have a sixteenth of that
HELD = {name: family.gguf for name, family in FAMILIES.items() if family.gguf}  # families that files may name
AGAIN = "Download or copy the file again."
OTHER = "Choose a GGUF file of a Llama, Qwen2, Qwen2.5, Qwen3 or Mistral model that writes text."
_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


class _Bounded(GGUFReader):
    """The library's reader, held to the file: its own goes on counting what lies behind the end.

    Lists are read at once where it would take minutes for a large vocabulary, making an array of every entry.
    """

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> npt.NDArray[Any]:
        if offset + np.dtype(dtype).itemsize * int(count) > len(self.data):
            raise ValueError(SHORT)
        return super()._get(offset, dtype, count, override_order)

    def _get_field_parts(
        self, orig_offs: int, raw_type: int
    ) -> tuple[int, list[npt.NDArray[Any]], list[int], list[GGUFValueType]]:
        if raw_type != GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        kind, length = self._get(orig_offs, np.uint32), self._get(orig_offs + 4, np.uint64)
        start, count = orig_offs + 12, int(length[0])
        if count > LONGEST:
            raise ValueError("it has a list without end")
        each = GGUFValueType(kind[0])
        number = self.gguf_scalar_to_np.get(each)
        if number is not None:
            entries = [self._get(start, number, count)]
            size = entries[0].nbytes
        elif each == GGUFValueType.STRING:
            entries, size = self._texts(start, count)
        else:
            raise ValueError("it has lists of lists")
        types = [GGUFValueType.ARRAY, each] if count else [GGUFValueType.ARRAY]
        return 12 + size, [kind, length, *entries], list(range(2, 2 + len(entries))), types

    def _texts(self, start: int, count: int) -> tuple[list[npt.NDArray[Any]], int]:
        """Return ``count`` texts from ``start`` on, and the bytes they take with their lengths."""
        raw, order = np.asarray(self.data), sys.byteorder if self.byte_order == "I" else OTHER_ORDER
        texts, at = [], start
        for _ in range(count):
            end = at + 8 + int.from_bytes(raw[at : at + 8].tobytes(), order)
            if end > len(raw) or at + 8 > len(raw):
                raise ValueError(SHORT)
            texts.append(raw[at + 8 : end])
            at = end
        return texts, at - start


@dataclass(frozen=True, slots=True)
class Gguf:
    """One file: ``family`` is its architecture, ``tensors`` by their names there, backed by the file."""

    path: Path
    family: str
    reader: GGUFReader
    tensors: Mapping[str, ReaderTensor]

    def value(self, key: str) -> Any:
        """Return what the file says under ``key``, None where it says nothing."""
        field = self.reader.get_field(key)
        return None if field is None else field.contents()

    @property
    def traits(self) -> GgufTraits:
        """How files hold models of this family."""
        return HELD[self.family]

    def trait(self, key: str) -> Any:
        """Return what it says of its architecture under ``key``."""
        return self.value(f"{self.family}.{key}")

    def refused(self, why: str, hint: str = OTHER) -> LibraryError:
        """Return the error for a file Updraft cannot run; ``why`` goes on after its name."""
        return LibraryError("unsupported", f"{self.path.name} {why}.", hint)

    def damaged(self, why: str) -> LibraryError:
        """Return the error for a file that contradicts itself."""
        return damaged(self.path, why)


def damaged(path: Path, why: object) -> LibraryError:
    """Return the error for a file that cannot be read to its end."""
    return LibraryError("damaged", f"{path} is damaged or not a whole GGUF file: {why}.", AGAIN)


def open_gguf(path: Path) -> Gguf:
    """Open ``path``; raises LibraryError where it is damaged, part of a model, or of a kind Updraft does not run."""
    if not present(path):
        raise LibraryError("folder", f"There is no file {path}.", "Choose a GGUF file.")
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise damaged(path, "it does not begin as one")
    _refuse_parts(path)
    try:
        reader = _Bounded(path)
        gguf = Gguf(path, _text(reader, "general.architecture"), reader, {each.name: each for each in reader.tensors})
        _refuse_foreign(gguf)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise damaged(path, str(error).strip("'\"").rstrip(".") or "its list of contents makes no sense") from error
    return gguf


def _text(reader: GGUFReader, key: str) -> str:
    field = reader.get_field(key)
    value = field.contents() if field else ""
    return value[:60] if isinstance(value, str) else ""


def _refuse_parts(path: Path) -> None:
    found = _SPLIT.search(path.name)
    if found and int(found[2]) > 1:
        raise _part(path, int(found[1]), int(found[2]))


def _part(path: Path, number: int, count: int) -> LibraryError:
    return LibraryError(
        "unsupported",
        f"{path.name} is part {number} of {count} of a model.",
        "Choose a file in one piece, or join the parts first with llama.cpp: llama-gguf-split --merge.",
    )


def _refuse_foreign(gguf: Gguf) -> None:
    """Raise LibraryError for what is no language model of our families."""
    if gguf.reader.endianess == GGUFEndian.BIG:
        raise gguf.refused("is made for computers with another order of bytes", "Choose the usual file of the model.")
    count = gguf.value("split.count")
    if isinstance(count, int) and count > 1:
        raise _part(gguf.path, int(gguf.value("split.no") or 0) + 1, count)
    kind = str(gguf.value("general.type") or "model")
    if kind == "adapter" or any(name.endswith((".lora_a", ".lora_b")) for name in gguf.tensors):
        raise gguf.refused("is an adapter (LoRA), which changes a model but is none itself")
    if kind == "mmproj" or gguf.family == "clip" or any(name.startswith(("v.", "mm.")) for name in gguf.tensors):
        raise gguf.refused("is the part of a model that sees pictures, or has one inside; Updraft reads text only")
    if kind not in ("model", "finetune"):
        raise gguf.refused(f"is no model but of the kind “{kind:.40}”")
    if gguf.family not in HELD:
        raise gguf.refused(f"is of the architecture “{gguf.family or 'unknown'}”, which Updraft does not run")
