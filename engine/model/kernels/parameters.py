"""What a kernel is given, declared in its source alone and read from there, filled by name.

That is one struct, which several kernels of a source may share. Those of a model's passes have plain lists instead: a
pass of an 8B took 1 % longer with structs (an H200, 2026-11-28).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import torch

Argument = torch.Tensor | int | float | None
NUMBERS = {"int": "i", "float": "f"}  # all else are pointers
POINTER = "P"
_ENTRY = re.compile(r"__global__ void[^;{]*?\b(\w+)\(([^;{()]*)\) \{")
_STRUCT = re.compile(r"const __grid_constant__ (\w+) given")
_FIELDS = re.compile(r"(?:const )?(\w+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Layout:
    """How C lays out what the kernel ``name`` is given: ``codes`` by name, as module struct calls them.

    ``offsets``: where each of its parameters begins; a struct is one of them.
    """

    name: str
    codes: Mapping[str, str]
    form: struct.Struct
    offsets: tuple[int, ...]

    def fill(self, given: Mapping[str, Argument]) -> bytes:
        """Return its bytes: a tensor as the pointer to its memory, None as a null one. What is given has to be alive.

        Raises TypeError for names that are missing or unknown, and for what is of another kind.
        """
        if given.keys() != self.codes.keys():
            raise TypeError(f"{self.name} is given {sorted(given.keys() ^ self.codes.keys())} too much or too little")
        try:
            return self.form.pack(*(_word(given[name], code) for name, code in self.codes.items()))
        except (struct.error, AttributeError) as fault:
            raise TypeError(f"{self.name}: {fault}") from fault


def _word(value: Argument, code: str) -> int | float:
    if code == POINTER:
        return 0 if value is None else value.data_ptr()  # type: ignore[union-attr] # what has none is refused
    if not isinstance(value, int | float):  # a tensor would be read, which waits for the device
        raise struct.error(f"{value!r} is no number")
    return value


def layouts(source: str) -> dict[str, Layout]:
    """Return what each kernel of a CUDA ``source`` is given, by the kernel's name.

    Raises ValueError for a struct that is not there, and for what is neither a pointer nor an int or a float.
    """
    return {entry: _layout(source, entry, listed) for entry, listed in _ENTRY.findall(source)}


def checks(source: str) -> str:
    """Return lines for the end of a CUDA ``source`` that do not compile where C lays out a struct otherwise."""
    found = {m[1]: _layout(source, entry, m[0]) for entry, listed in _ENTRY.findall(source) if (m := _struct(listed))}
    return "".join(f'static_assert(sizeof({name}) == {of.form.size}, "{name}");\n' for name, of in found.items())


def _struct(listed: str) -> re.Match[str] | None:
    return _STRUCT.fullmatch(listed)


def _layout(source: str, entry: str, listed: str) -> Layout:
    named = _struct(listed)
    if named is None:
        codes = _codes(listed.split(","))
        forms = ["".join([*codes.values()][: count + 1]) for count in range(len(codes))]
        offsets = tuple(struct.calcsize(f"@{form}") - struct.calcsize(f"@{form[-1]}") for form in forms)
    else:
        # A blank line ends the fields.
        body = re.search(rf"struct {named[1]} {{(.*?)(?:\n\n|\n}};)", source, re.DOTALL)
        if body is None:
            raise ValueError(f"there is no struct {named[1]}")
        codes, offsets = _codes(re.sub(r"//.*", "", body[1]).split(";")), (0,)
    return Layout(entry, codes, struct.Struct("@" + "".join(codes.values()) + "0P"), offsets)


def _codes(statements: list[str]) -> dict[str, str]:
    """Return the code of each name that C ``statements`` declare."""
    codes: dict[str, str] = {}
    for statement in statements:
        declared = _FIELDS.fullmatch(statement.strip())
        if declared is None:
            continue
        for each in declared[2].split(","):
            code = POINTER if "*" in each else NUMBERS.get(declared[1])
            if code is None:
                raise ValueError(f"{statement.strip()} is no pointer, int or float")
            codes[each.strip(" *\n")] = code
    return codes
