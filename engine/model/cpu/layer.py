"""What a layer does between its products, as LLVM instructions: rotation, attention, gates.

Every row goes its own way through them, in an order that does not depend on the others.
"""

from __future__ import annotations

from typing import Any

from engine.model.cpu.activations import FLOATS, WORDS, write_group
from engine.model.cpu.layout import GROUP, LANES
from engine.model.cpu.writer import F16, F32, I32, Value, Writer, indices, number, vector

HALVES = vector(F16)
WIDE = 64  # dimensions of a head gathered at a time: eight vectors, which leaves registers for the rest
LARGEST = 65504.0  # of float16


def write_norm(module: Any) -> None:
    """Write ``norm``: rows float32 [n, K] over their root mean square, times weights [K], packed as ``quantise`` does.

    Arguments: rows, weights, codes, scales, sums, epsilon float32 [1]; n, K / 32.
    """
    w = Writer(module, "norm", 6, 2)
    rows, weights, codes, scales, sums, epsilon = w.pointers
    count, groups = w.counts
    b = w.b
    size = b.mul(groups, number(4 * GROUP))  # bytes of a row
    width = b.sitofp(b.mul(groups, number(GROUP)), F32)
    with w.loop(number(0), count) as row:
        start = w.at(rows, b.mul(row, size))
        squares = w.variable(number(0.0, FLOATS))
        with w.loop(number(0), size, 4 * LANES) as at:
            value = w.load(w.at(start, at), FLOATS)
            b.store(w.of("fma", value, value, b.load(squares)), squares)
        mean = b.fdiv(total(w, b.load(squares)), width)
        root = w.of("sqrt", b.fadd(mean, w.load(epsilon, F32)))
        factor = w.all(b.fdiv(number(1.0, F32), root))
        with w.loop(number(0), groups) as group:
            values = []
            for lane in range(0, GROUP, LANES):
                at = b.add(b.mul(group, number(4 * GROUP)), number(4 * lane))
                scaled = b.fmul(w.load(w.at(start, at), FLOATS), factor)
                values.append(b.fmul(scaled, w.load(w.at(weights, at), FLOATS)))
            write_group(w, values, b.add(b.mul(row, groups), group), codes, scales, sums)
    w.end()


def write_gate(module: Any) -> None:
    """Write ``gate``: silu(a) * b of rows [a, b], each float32 [K], packed as ``quantise`` does.

    Arguments: rows, codes, scales, sums; n, K / 32.
    """
    w = Writer(module, "gate", 4, 2)
    rows, codes, scales, sums = w.pointers
    count, groups = w.counts
    b = w.b
    size = b.mul(groups, number(4 * GROUP))
    one, bound = number(1.0, FLOATS), number(87.0, FLOATS)
    with w.loop(number(0), count) as row, w.loop(number(0), groups) as group:
        values = []
        for lane in range(0, GROUP, LANES):
            at = w.at(rows, b.mul(row, b.mul(size, number(2))), b.mul(group, number(4 * GROUP)), 4 * lane)
            gate, up = w.load(at, FLOATS), w.load(w.at(at, size), FLOATS)
            away = w.of("maximum", w.of("minimum", b.fneg(gate), bound), b.fneg(bound))
            sigmoid = b.fdiv(one, b.fadd(one, exponential(w, away)))
            values.append(b.fmul(b.fmul(gate, sigmoid), up))
        write_group(w, values, b.add(b.mul(row, groups), group), codes, scales, sums)
    w.end()


def write_add(module: Any) -> None:
    """Write ``add``: target float32 [n, K] gains source. Arguments: both; n, K, floats from row to row of each."""
    w = Writer(module, "add", 2, 4)
    count, width, *steps = w.counts
    b = w.b
    with w.loop(number(0), count) as row, w.loop(number(0), width, LANES) as column:
        here, there = (
            w.at(base, b.mul(b.add(b.mul(row, step), column), number(4)))
            for base, step in zip(w.pointers, steps, strict=True)
        )
        w.store(b.fadd(w.load(here, FLOATS), w.load(there, FLOATS)), here)
    w.end()


def write_rotate(module: Any) -> None:
    """Write ``rotate``: queries are turned where they are, keys turned and values put into the cache as float16.

    Arguments: rows float32 [n, heads + 2 * kv_heads, dim], cosines and signed sines float32 [n, dim], keys and values
    float16 [kv_heads, room, dim] from the first new position on; n, heads, kv_heads, room, dim.
    """
    w = Writer(module, "rotate", 5, 5)
    rows, cosines, sines, keys, values = w.pointers
    count, heads, kv_heads, room, dim = w.counts
    b = w.b
    every = b.add(heads, b.mul(kv_heads, number(2)))
    size = b.mul(dim, number(4))
    half = b.udiv(size, number(2))
    with w.loop(number(0), count) as row:
        angle = b.mul(row, size)
        with w.loop(number(0), every) as head:
            start = w.at(rows, b.mul(b.add(b.mul(row, every), head), size))
            own = b.sub(head, heads)  # of keys, then of values
            with b.if_then(b.icmp_signed("<", own, kv_heads)), w.loop(number(0), half, 4 * LANES) as at:
                opposite = b.add(at, half)
                low, high = w.load(w.at(start, at), FLOATS), w.load(w.at(start, opposite), FLOATS)
                for here, own_part, other in ((at, low, high), (opposite, high, low)):
                    cosine, sine = (w.load(w.at(table, angle, here), FLOATS) for table in (cosines, sines))
                    turned = w.of("fma", other, sine, b.fmul(own_part, cosine))
                    w.store(turned, w.at(start, here))
            for first, target in ((number(0), keys), (kv_heads, values)):
                which = b.sub(own, first)
                inside = b.and_(b.icmp_signed(">=", which, number(0)), b.icmp_signed("<", which, kv_heads))
                with b.if_then(inside), w.loop(number(0), dim, LANES) as column:
                    value = w.load(w.at(start, b.mul(column, number(4))), FLOATS)
                    held = w.of("maximum", w.of("minimum", value, number(LARGEST, FLOATS)), number(-LARGEST, FLOATS))
                    place = b.add(b.mul(b.add(b.mul(which, room), row), dim), column)
                    w.store(b.fptrunc(held, HALVES), w.at(target, b.mul(place, number(2))))
    w.end()


def write_attend(module: Any) -> None:
    """Write ``attend``: what each query gathers from the cache, softmax(q k / sqrt(dim)) v.

    Arguments: rows float32 [n, heads + 2 * kv_heads, dim], keys and values float16 [kv_heads, room, dim], scores
    float32 [room + 8] to work in, the result float32 [n, heads, dim], the factor of scores float32 [1]; n, the first
    row's position, the window (positions seen, itself included), heads, kv_heads, room, dim.
    """
    w = Writer(module, "attend", 6, 7)
    rows, keys, values, scores, result, factor = w.pointers
    count, start, window, heads, kv_heads, room, dim = w.counts
    b = w.b
    every, group = b.add(heads, b.mul(kv_heads, number(2))), b.udiv(heads, kv_heads)
    scale = w.load(factor, F32)
    with w.loop(number(0), count) as row:
        stop = b.add(b.add(start, row), number(1))
        behind = b.sub(stop, window)
        first = b.select(b.icmp_signed(">", behind, number(0)), behind, number(0))
        seen = b.sub(stop, first)
        with w.loop(number(0), heads) as head:
            query = w.at(rows, b.mul(b.mul(b.add(b.mul(row, every), head), dim), number(4)))
            past = b.mul(b.mul(b.add(b.mul(b.udiv(head, group), room), first), dim), number(2))
            most = _score(w, query, w.at(keys, past), scores, seen, dim, scale)
            sum_ = _exponentials(w, scores, seen, most)
            target = w.at(result, b.mul(b.mul(b.add(b.mul(row, heads), head), dim), number(4)))
            _gather(w, scores, w.at(values, past), target, seen, dim, b.fdiv(number(1.0, F32), sum_))
    w.end()


def _score(w: Writer, query: Value, keys: Value, scores: Value, seen: Value, dim: Value, scale: Value) -> Value:
    """Put the query's products with ``seen`` keys into ``scores``; returns the largest."""
    b = w.b
    most = w.variable(number(float("-inf"), F32))
    size = b.mul(dim, number(2))
    with w.loop(number(0), seen) as position:
        key = w.at(keys, b.mul(position, size))
        parts = w.variable(number(0.0, FLOATS))
        with w.loop(number(0), dim, LANES) as column:
            wide = b.fpext(w.load(w.at(key, b.mul(column, number(2))), HALVES), FLOATS)
            own = w.load(w.at(query, b.mul(column, number(4))), FLOATS)
            b.store(w.of("fma", own, wide, b.load(parts)), parts)
        score = b.fmul(total(w, b.load(parts)), scale)
        w.store(score, w.at(scores, b.mul(position, number(4))))
        b.store(w.of("maximum", b.load(most), score), most)
    w.store(number(float("-inf"), FLOATS), w.at(scores, b.mul(seen, number(4))))  # up to whole vectors
    return b.load(most)


def _exponentials(w: Writer, scores: Value, seen: Value, most: Value) -> Value:
    """Make each of ``scores`` e to the power of what it is above ``most``; returns their sum."""
    b = w.b
    sums, top = w.variable(number(0.0, FLOATS)), w.all(most)
    with w.loop(number(0), seen, LANES) as position:
        place = w.at(scores, b.mul(position, number(4)))
        below = w.of("maximum", b.fsub(w.load(place, FLOATS), top), number(-87.0, FLOATS))
        risen = exponential(w, below)
        w.store(risen, place)
        b.store(b.fadd(b.load(sums), risen), sums)
    return total(w, b.load(sums))


def _gather(w: Writer, scores: Value, values: Value, target: Value, seen: Value, dim: Value, share: Value) -> None:
    """Put the values, each by its score times ``share``, together into ``target``."""
    b, lanes = w.b, range(0, WIDE, LANES)
    shares = w.all(share)
    size = b.mul(dim, number(2))

    def gather(column: Value, at: range) -> None:
        sums = [w.variable(number(0.0, FLOATS)) for _ in at]
        with w.loop(number(0), seen) as position:
            weight = w.all(w.load(w.at(scores, b.mul(position, number(4))), F32))
            start = w.at(values, b.mul(position, size), b.mul(column, number(2)))
            for lane, sum_ in zip(at, sums, strict=True):
                wide = b.fpext(w.load(w.at(start, 2 * lane), HALVES), FLOATS)
                b.store(w.of("fma", weight, wide, b.load(sum_)), sum_)
        for lane, sum_ in zip(at, sums, strict=True):
            w.store(b.fmul(b.load(sum_), shares), w.at(target, b.mul(column, number(4)), 4 * lane))

    whole = b.mul(b.udiv(dim, number(WIDE)), number(WIDE))
    with w.loop(number(0), whole, WIDE) as column:
        gather(column, lanes)
    with w.loop(whole, dim, LANES) as column:
        gather(column, lanes[:1])


def total(w: Writer, lanes: Value) -> Value:
    """Return the sum of eight floats, halves first."""
    b = w.b
    for width in (4, 2, 1):
        low, high = (indices(range(start, start + width)) for start in (0, width))
        lanes = b.fadd(b.shuffle_vector(lanes, lanes, low), b.shuffle_vector(lanes, lanes, high))
    return b.extract_element(lanes, number(0, I32))


def exponential(w: Writer, x: Value) -> Value:
    """Return e to the power of eight floats from -87 to 87, to seven digits (the series behind Cephes' expf)."""
    b = w.b
    whole = w.of("roundeven", b.fmul(x, number(1.44269504088896341, FLOATS)))
    rest = w.of("fma", whole, number(-0.693359375, FLOATS), x)
    rest = w.of("fma", whole, number(2.12194440e-4, FLOATS), rest)
    series = number(1.9875691500e-4, FLOATS)
    for factor in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5, 1.0, 1.0):
        series = w.of("fma", series, rest, number(factor, FLOATS))
    power = b.add(w.call("llvm.fptosi.sat.v8i32.v8f32", WORDS, whole), number(127, WORDS))
    return b.fmul(series, b.bitcast(b.shl(power, number(23, WORDS)), FLOATS))
