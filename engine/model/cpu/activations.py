"""Writes how activations become 8-bit codes in groups of 32, as LLVM instructions."""

from __future__ import annotations

from typing import Any

from engine.model.cpu.layout import GROUP, LANES
from engine.model.cpu.writer import F32, I8, I16, I32, Kernel, Value, Writer, indices, number, vector

MOST = 127  # of a code
FLOATS, WORDS = vector(F32), vector(I32)
SIZE = 0x7FFFFFFF  # the bits of a float but its sign


def write_quantise(module: Any) -> None:
    """Write ``quantise``: float32 [groups, 32] to codes int8, scales and sums float32 [groups]. Items are groups.

    A value is about its code times its group's scale; a sum is that of a group's codes, times the scale. What is not a
    number makes its group's scale so too, so that it is not lost.
    """
    w = Kernel(module, "quantise", 4, 0)
    source, codes, scales, sums = w.pointers
    with w.loop(w.first, w.last) as group:
        start = w.at(source, w.b.mul(group, number(4 * GROUP)))
        values = [w.load(w.at(start, 4 * lane), FLOATS) for lane in range(0, GROUP, LANES)]
        write_group(w, values, group, codes, scales, sums)
    w.end()


def write_group(w: Writer, values: list[Value], group: Value, codes: Value, scales: Value, sums: Value) -> None:
    """Write how four vectors of floats become the codes, the scale and the sum of ``group``."""
    b = w.b
    most = _largest(w, values)
    scale = b.fdiv(most, number(MOST, F32))
    nothing = b.fcmp_ordered("==", most, number(0.0, F32))
    inverse = w.all(b.select(nothing, number(0.0, F32), b.fdiv(number(MOST, F32), most)))
    whole = [nearest(w, b.fmul(each, inverse)) for each in values]
    _store_codes(w, whole, w.at(codes, b.mul(group, number(GROUP))))
    at = b.mul(group, number(4))
    w.store(scale, w.at(scales, at))
    total = b.add(b.add(whole[0], whole[1]), b.add(whole[2], whole[3]))
    counted = b.sitofp(w.call("llvm.vector.reduce.add.v8i32", I32, total), F32)
    w.store(b.fmul(scale, counted), w.at(sums, at))


def nearest(w: Writer, floats: Value) -> Value:
    """Return int32 [8], the whole numbers nearest to ``floats``; something for those too large, and for no number."""
    return w.call("llvm.x86.avx.cvt.ps2dq.256", WORDS, floats)


def _largest(w: Writer, values: list[Value]) -> Value:
    """Return the largest size among four vectors of floats. As bits, what is not a number is the largest of all."""
    b = w.b
    sizes = [b.and_(b.bitcast(each, WORDS), number(SIZE, WORDS)) for each in values]
    largest = w.of("smax", w.of("smax", sizes[0], sizes[1]), w.of("smax", sizes[2], sizes[3]))
    return b.bitcast(w.call("llvm.vector.reduce.smax.v8i32", I32, largest), F32)


def _store_codes(w: Writer, whole: list[Value], target: Value) -> None:
    """Put four vectors of whole numbers, a byte each, to ``target``."""
    halves, bytes_ = vector(I16, 2 * LANES), vector(I8, 4 * LANES)
    low, high = (w.call("llvm.x86.avx2.packssdw", halves, *pair) for pair in (whole[:2], whole[2:]))
    mixed = w.b.bitcast(w.call("llvm.x86.avx2.packsswb", bytes_, low, high), WORDS)  # by halves of registers
    w.store(w.b.shuffle_vector(mixed, mixed, indices([0, 4, 1, 5, 2, 6, 3, 7])), target)
