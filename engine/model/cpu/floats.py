"""Writes arithmetic of eight floats side by side, as LLVM instructions; what is not a number stays so."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model.cpu.activations import FLOATS, WORDS, nearest
from engine.model.cpu.writer import I32, Value, Writer, indices, number

PAIRS = (  # lanes of two vectors that are added: by one, by two, by halves
    ((0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)),
    ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)),
    ((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)),
)


def most(w: Writer, bound: Value, x: Value) -> Value:
    """Return the larger of both."""
    return w.call("llvm.x86.avx.max.ps.256", FLOATS, bound, x)  # the second, where one is not a number


def least(w: Writer, bound: Value, x: Value) -> Value:
    """Return the smaller of both."""
    return w.call("llvm.x86.avx.min.ps.256", FLOATS, bound, x)


def total(w: Writer, lanes: Value) -> Value:
    """Return the sum of eight floats, halves first."""
    b = w.b
    for width in (4, 2, 1):
        low, high = (indices(range(start, start + width)) for start in (0, width))
        lanes = b.fadd(b.shuffle_vector(lanes, lanes, low), b.shuffle_vector(lanes, lanes, high))
    return b.extract_element(lanes, number(0, I32))


def highest(w: Writer, lanes: Value) -> Value:
    """Return the largest of eight floats; any of them, where one is not a number."""
    b = w.b
    for width in (4, 2, 1):
        turned = b.shuffle_vector(lanes, lanes, indices([(lane + width) % 8 for lane in range(8)]))
        lanes = most(w, lanes, turned)
    return b.extract_element(lanes, number(0, I32))


def joined(w: Writer, vectors: Sequence[Value], steps: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Value]:
    """Return half as many vectors after each of ``steps``: neighbours added, as PAIRS says.

    After all of them it is one, with the sums of eight vectors, a lane each.
    """
    b = w.b
    for low, high in steps:
        vectors = [
            b.fadd(b.shuffle_vector(one, two, indices(low)), b.shuffle_vector(one, two, indices(high)))
            for one, two in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    return [*vectors]


def exponential(w: Writer, x: Value) -> Value:
    """Return e to the power of eight floats from -87 to 87, to seven digits (the series behind Cephes' expf)."""
    b = w.b
    whole = w.of("roundeven", b.fmul(x, number(1.44269504088896341, FLOATS)))
    rest = w.of("fma", whole, number(-0.693359375, FLOATS), x)
    rest = w.of("fma", whole, number(2.12194440e-4, FLOATS), rest)
    series = number(1.9875691500e-4, FLOATS)
    for factor in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5, 1.0, 1.0):
        series = w.of("fma", series, rest, number(factor, FLOATS))
    power = b.add(nearest(w, whole), number(127, WORDS))
    return b.fmul(series, b.bitcast(b.shl(power, number(23, WORDS)), FLOATS))
