"""Writes what a layer does between its products and attention, as LLVM instructions: norms, gates, rotation.

Every row goes its own way through them, in an order that does not depend on the others.
"""

from __future__ import annotations

from typing import Any

from engine.model.cpu.activations import FLOATS, write_group
from engine.model.cpu.floats import exponential, least, most, total
from engine.model.cpu.layout import GROUP, LANES
from engine.model.cpu.writer import F16, F32, Kernel, Value, Writer, number, vector

HALVES = vector(F16)
LARGEST = 65504.0  # of float16


def write_norm(module: Any) -> None:
    """Write ``norm``: rows float32 [n, K] over their root mean square, times weights [K], packed as ``quantise`` does.

    Arguments: rows, weights, codes, scales, sums, epsilon float32 [1]; K / 32. Items are rows.
    """
    w = Kernel(module, "norm", 6, 1)
    rows, weights, codes, scales, sums, epsilon = w.pointers
    (groups,) = w.counts
    b = w.b
    size = b.mul(groups, number(4 * GROUP))  # bytes of a row
    with w.loop(w.first, w.last) as row:
        start = w.at(rows, b.mul(row, size))
        factor = _over_root_mean_square(w, start, size, epsilon)
        with w.loop(number(0), groups) as group:
            values = []
            for lane in range(0, GROUP, LANES):
                at = b.add(b.mul(group, number(4 * GROUP)), number(4 * lane))
                scaled = b.fmul(w.load(w.at(start, at), FLOATS), factor)
                values.append(b.fmul(scaled, w.load(w.at(weights, at), FLOATS)))
            write_group(w, values, b.add(b.mul(row, groups), group), codes, scales, sums)
    w.end()


def write_norm_heads(module: Any) -> None:
    """Write ``norm_heads``: queries and keys are brought to their norms where they are, head by head.

    Arguments: rows float32 [n, heads + 2 * kv_heads, dim], weights float32 [heads + kv_heads, dim], epsilon float32
    [1]; heads, kv_heads, dim. Items are rows.
    """
    w = Kernel(module, "norm_heads", 3, 3)
    rows, weights, epsilon = w.pointers
    heads, kv_heads, dim = w.counts
    b = w.b
    normed, size = b.add(heads, kv_heads), b.mul(dim, number(4))
    with w.loop(w.first, w.last) as row, w.loop(number(0), normed) as head:
        start = w.at(rows, b.mul(b.add(b.mul(row, b.add(normed, kv_heads)), head), size))
        factor = _over_root_mean_square(w, start, size, epsilon)
        with w.loop(number(0), size, 4 * LANES) as at:
            weight = w.load(w.at(weights, b.mul(head, size), at), FLOATS)
            w.store(b.fmul(b.fmul(w.load(w.at(start, at), FLOATS), factor), weight), w.at(start, at))
    w.end()


def write_gate(module: Any) -> None:
    """Write ``gate``: silu(a) * b of rows [a, b], each float32 [K], packed as ``quantise`` does.

    Arguments: rows, codes, scales, sums; K / 32. Items are groups of all rows.
    """
    w = Kernel(module, "gate", 4, 1)
    rows, codes, scales, sums = w.pointers
    (groups,) = w.counts
    b = w.b
    size = b.mul(groups, number(4 * GROUP))
    one, bound = number(1.0, FLOATS), number(87.0, FLOATS)
    with w.loop(w.first, w.last) as group:
        row = b.udiv(group, groups)
        start = w.at(rows, b.mul(b.add(group, b.mul(row, groups)), number(4 * GROUP)))
        values = []
        for lane in range(0, GROUP, LANES):
            at = w.at(start, 4 * lane)
            gate, up = w.load(at, FLOATS), w.load(w.at(at, size), FLOATS)
            away = most(w, number(-87.0, FLOATS), least(w, bound, b.fneg(gate)))
            values.append(b.fmul(b.fdiv(gate, b.fadd(one, exponential(w, away))), up))
        write_group(w, values, group, codes, scales, sums)
    w.end()


def write_rotate(module: Any) -> None:
    """Write ``rotate``: queries are turned where they are, keys turned and values put into the cache as float16.

    Arguments: rows float32 [n, heads + 2 * kv_heads, dim], cosines and signed sines float32 [n, dim], keys and values
    float16 [kv_heads, room, dim] from the first new position on; heads, kv_heads, dim, room. Items are heads of rows.
    """
    w = Kernel(module, "rotate", 5, 4)
    rows, cosines, sines, keys, values = w.pointers
    heads, kv_heads, dim, room = w.counts
    b = w.b
    every = b.add(heads, b.mul(kv_heads, number(2)))
    size = b.mul(dim, number(4))
    half = b.udiv(size, number(2))
    with w.loop(w.first, w.last) as item:
        row, head = b.udiv(item, every), b.urem(item, every)
        start, angle = w.at(rows, b.mul(item, size)), b.mul(row, size)
        own = b.sub(head, heads)  # of keys, then of values
        with b.if_then(b.icmp_signed("<", own, kv_heads)), w.loop(number(0), half, 4 * LANES) as at:
            opposite = b.add(at, half)
            low, high = w.load(w.at(start, at), FLOATS), w.load(w.at(start, opposite), FLOATS)
            for here, own_part, other in ((at, low, high), (opposite, high, low)):
                cosine, sine = (w.load(w.at(table, angle, here), FLOATS) for table in (cosines, sines))
                w.store(w.of("fma", other, sine, b.fmul(own_part, cosine)), w.at(start, here))
        for first, target in ((number(0), keys), (kv_heads, values)):
            which = b.sub(own, first)
            inside = b.and_(b.icmp_signed(">=", which, number(0)), b.icmp_signed("<", which, kv_heads))
            with b.if_then(inside), w.loop(number(0), dim, LANES) as column:
                value = w.load(w.at(start, b.mul(column, number(4))), FLOATS)
                held = most(w, number(-LARGEST, FLOATS), least(w, number(LARGEST, FLOATS), value))
                place = b.add(b.mul(b.add(b.mul(which, room), row), dim), column)
                w.store(b.fptrunc(held, HALVES), w.at(target, b.mul(place, number(2))))
    w.end()


def _over_root_mean_square(w: Writer, start: Value, size: Value, epsilon: Value) -> Value:
    """Return in every lane one over the root of the mean square of the floats in ``size`` bytes from ``start`` on."""
    b = w.b
    squares = w.variable(number(0.0, FLOATS))
    with w.loop(number(0), size, 4 * LANES) as at:
        value = w.load(w.at(start, at), FLOATS)
        b.store(w.of("fma", value, value, b.load(squares)), squares)
    width = b.sitofp(b.udiv(size, number(4)), F32)
    mean = b.fdiv(total(w, b.load(squares)), width)
    return w.all(b.fdiv(number(1.0, F32), w.of("sqrt", b.fadd(mean, w.load(epsilon, F32)))))
