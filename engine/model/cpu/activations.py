"""Activations as 8-bit codes in groups of 32, as LLVM instructions."""

from __future__ import annotations

from typing import Any

from engine.model.cpu.layout import GROUP, LANES
from engine.model.cpu.writer import F32, I8, I32, Value, Writer, number, vector

MOST = 127  # of a code
FLOATS, WORDS = vector(F32), vector(I32)


def write_quantise(module: Any) -> None:
    """Write ``quantise``: float32 [groups, 32] to codes int8, scales and sums float32 [groups].

    A value is about its code times its group's scale; a sum is that of a group's codes, times the scale. What is not a
    number makes its group's scale so too, so that it is not lost.
    """
    w = Writer(module, "quantise", 4, 1)
    source, codes, scales, sums = w.pointers
    with w.loop(number(0), w.counts[0]) as group:
        start = w.at(source, w.b.mul(group, number(4 * GROUP)))
        values = [w.load(w.at(start, 4 * lane), FLOATS) for lane in range(0, GROUP, LANES)]
        write_group(w, values, group, codes, scales, sums)
    w.end()


def write_group(w: Writer, values: list[Value], group: Value, codes: Value, scales: Value, sums: Value) -> None:
    """Write how four vectors of floats become the codes, the scale and the sum of ``group``."""
    b = w.b
    sizes = [w.of("fabs", each) for each in values]
    largest = w.of("maximum", w.of("maximum", sizes[0], sizes[1]), w.of("maximum", sizes[2], sizes[3]))
    most = w.call("llvm.vector.reduce.fmaximum.v8f32", F32, largest)
    scale = b.fdiv(most, number(MOST, F32))
    nothing = b.fcmp_ordered("==", most, number(0.0, F32))
    inverse = w.all(b.select(nothing, number(0.0, F32), b.fdiv(number(MOST, F32), most)))
    total = number(0, WORDS)
    target = w.at(codes, b.mul(group, number(GROUP)))
    for index, each in enumerate(values):
        nearest = w.of("roundeven", b.fmul(each, inverse))
        whole = w.call("llvm.fptosi.sat.v8i32.v8f32", WORDS, nearest)  # defined whatever a float holds
        total = b.add(total, whole)
        w.store(b.trunc(whole, vector(I8)), w.at(target, LANES * index))
    at = b.mul(group, number(4))
    w.store(scale, w.at(scales, at))
    counted = b.sitofp(w.call("llvm.vector.reduce.add.v8i32", I32, total), F32)
    w.store(b.fmul(scale, counted), w.at(sums, at))
