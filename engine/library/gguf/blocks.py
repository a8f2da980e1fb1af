"""How GGUF's blocks of weights are kept in a checkpoint: as they are where we have such a form, else made anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Kind
from gguf.quants import Q4_K, dequantize

from engine.architecture.form import GROUP, MINIMUM, SCALE

Array = npt.NDArray[Any]
Pack = Callable[[Array], Mapping[str, Array]]
Loss = Literal["none", "little", "some"]
STATE = "quant_state.bitsandbytes__nf4"
BLOCK = 64  # weights of a scale in NF4, as bitsandbytes has it
FIVE_AND_SIX = (Kind.Q5_0, Kind.Q5_1, Kind.Q5_K, Kind.Q6_K)  # bits, for which we have eight


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor of a safetensors file: its dtype in the format's spelling, and its shape."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What becomes of a matrix: ``parts`` by the last word of their name ("" the weight's own), rows in between.

    ``pack`` turns rows of the file, any even number of them, into the bytes of those parts that grow with the rows;
    ``constant`` are the others. ``form``: how that is called.
    """

    form: Literal["16-bit", "float32", "4 bits in groups", "8 bits in groups", "NF4"]
    loss: Loss
    parts: Mapping[str, Part]
    pack: Pack
    constant: Mapping[str, bytes]


def keeping(kind: Kind, shape: tuple[int, ...], *, outer: bool) -> Keeping | None:
    """Return how a tensor of ``kind`` and ``shape`` is kept, None for a kind that cannot be read.

    ``outer``: it is the embedding or the head, which are not kept as NF4.
    """
    if kind in _PLAIN:
        dtype = _PLAIN[kind]
        return Keeping("float32" if dtype == "F32" else "16-bit", "none", {"": Part(dtype, shape)}, _plain, {})
    if len(shape) != 2 or not _readable(kind):
        return None
    if kind in _GROUPED:
        return _grouped(shape, *_GROUPED[kind])
    if kind in FIVE_AND_SIX:
        return _grouped(shape, 8, "little", lambda rows: _eight(dequantize(rows, kind)))
    whole = shape[0] * shape[1] % (2 * BLOCK) == 0  # blocks, also of any even number of rows
    return _half(kind, shape) if outer or not whole else _nf4(kind, shape)


def _readable(kind: Kind) -> bool:
    try:
        dequantize(np.zeros((0, 0), np.uint8), kind)
    except NotImplementedError:
        return False
    except ValueError:
        pass
    return True


_PLAIN = {Kind.F32: "F32", Kind.F16: "F16", Kind.BF16: "BF16"}


def _plain(rows: Array) -> Mapping[str, Array]:
    return {"": rows}


def _half(kind: Kind, shape: tuple[int, ...]) -> Keeping:
    def pack(rows: Array) -> Mapping[str, Array]:
        return {"": dequantize(rows, kind).astype(np.float16)}

    return Keeping("16-bit", "none", {"": Part("F16", shape)}, pack, {})


def _grouped(shape: tuple[int, ...], bits: Literal[4, 8], loss: Loss, pack: Pack) -> Keeping:
    rows, columns = shape
    groups = Part("F16", (rows, columns // GROUP))
    parts = {"": Part("U8", (rows, columns // 2)), SCALE: groups, MINIMUM: groups}
    if bits == 8:
        parts = {"": Part("I8", (rows, columns)), SCALE: groups}
    return Keeping("4 bits in groups" if bits == 4 else "8 bits in groups", loss, parts, pack, {})


def _halves(blocks: Array, place: int) -> Array:
    """Return the float16 at ``place`` of every block."""
    halves: Array = blocks[..., place : place + 2].copy().view(np.float16)[..., 0]
    return halves


def _paired(codes: Array) -> Array:
    """Pack codes [n, K], a byte each, two to a byte: the earlier column in the low nibble."""
    pairs: Array = codes[:, 0::2] | codes[:, 1::2] << 4
    return pairs


def _nibbles(packed: Array) -> Array:
    """Return 32 codes of 16 bytes as the file has them: the low nibbles first, then the high ones."""
    codes: Array = np.concatenate((packed & 15, packed >> 4), axis=-1)
    return codes


def _q4_0(rows: Array) -> Mapping[str, Array]:
    blocks = rows.reshape(len(rows), -1, 18)
    scale = _halves(blocks, 0)
    codes = _nibbles(blocks[..., 2:]).reshape(len(rows), -1)
    return {"": _paired(codes), SCALE: scale, MINIMUM: (scale * np.float16(-8)).astype(np.float16)}


def _q4_1(rows: Array) -> Mapping[str, Array]:
    blocks = rows.reshape(len(rows), -1, 20)
    codes = _nibbles(blocks[..., 4:]).reshape(len(rows), -1)
    return {"": _paired(codes), SCALE: _halves(blocks, 0), MINIMUM: _halves(blocks, 2)}


def _q8_0(rows: Array) -> Mapping[str, Array]:
    blocks = rows.reshape(len(rows), -1, 34)
    codes = blocks[..., 2:].copy().view(np.int8).reshape(len(rows), -1)
    return {"": codes, SCALE: _halves(blocks, 0)}


def _q4_k(rows: Array) -> Mapping[str, Array]:
    """Keep the codes; scales and minima, products of a float16 and 6 bits, are rounded to float16."""
    blocks = rows.reshape(-1, 144)
    scales, minima = Q4_K.get_scale_min(blocks[:, 4:16])
    packed = blocks[:, 16:].reshape(len(blocks), 4, GROUP)  # 64 weights each: first the low nibbles, then the high ones
    codes = np.stack((packed & 15, packed >> 4), axis=2).reshape(len(rows), -1)
    scale, minimum = (
        (_halves(blocks, place)[:, None].astype(np.float32) * sixes.astype(np.float32)).reshape(len(rows), -1)
        for place, sixes in ((0, scales), (2, minima))
    )
    return {"": _paired(codes), SCALE: scale.astype(np.float16), MINIMUM: (-minimum).astype(np.float16)}


_GROUPED: dict[Kind, tuple[Literal[4, 8], Loss, Pack]] = {
    Kind.Q4_0: (4, "none", _q4_0),
    Kind.Q4_1: (4, "none", _q4_1),
    Kind.Q4_K: (4, "little", _q4_k),
    Kind.Q8_0: (8, "none", _q8_0),
}


def _eight(weights: Array) -> Mapping[str, Array]:
    """Round float32 [n, K] to 8 bits in groups."""
    groups = weights.reshape(len(weights), -1, GROUP)
    scale = (np.abs(groups).max(axis=-1) / 127).astype(np.float16)
    by = np.where(scale > 0, scale, 1).astype(np.float32)[..., None]
    codes = np.clip(np.rint(groups / by), -127, 127).astype(np.int8)
    return {"": codes.reshape(weights.shape), SCALE: scale}


def _nf4(kind: Kind, shape: tuple[int, ...]) -> Keeping:
    """Keep a matrix as bitsandbytes would: NF4, a float32 scale for every 64 weights."""
    from bitsandbytes.functional import quantize_4bit
    from torch import from_numpy, zeros

    count = shape[0] * shape[1]
    state = json.dumps({"quant_type": "nf4", "blocksize": BLOCK, "dtype": "bfloat16", "shape": list(shape)}).encode()
    parts = {
        "": Part("U8", (count // 2, 1)),
        "absmax": Part("F32", (count // BLOCK,)),
        "quant_map": Part("F32", (16,)),
        STATE: Part("U8", (len(state),)),
    }

    def pack(rows: Array) -> Mapping[str, Array]:
        packed, quantised = quantize_4bit(from_numpy(dequantize(rows, kind)), blocksize=BLOCK, quant_type="nf4")
        return {"": packed.numpy(), "absmax": quantised.absmax.float().numpy()}

    levels = quantize_4bit(zeros(BLOCK), blocksize=BLOCK, quant_type="nf4")[1].code.float().numpy()
    return Keeping("NF4", "some", parts, pack, {"quant_map": levels.tobytes(), STATE: state})


def stretches(rows: int, columns: int) -> Iterator[slice]:
    """Cut a matrix into stretches of an even number of rows, small enough to be held as float32 several times."""
    step = max(2, (1 << 22) // max(1, columns) // 2 * 2)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))
