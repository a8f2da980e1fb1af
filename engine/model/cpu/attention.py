"""Writes attention, as LLVM instructions: softmax(q k / sqrt(dim)) v over the cached past.

Queries that read the same keys, those of a group of heads and of a few rows, share what the cache's float16 is widened
to, and two at a time what comes of that into registers. Positions are taken in eights from a multiple of eight on, each
in a lane of its own, and a query leaves out what it does not see: its result depends, bit for bit, neither on the
queries beside it nor on how a text was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from engine.model.cpu.activations import FLOATS
from engine.model.cpu.floats import PAIRS, exponential, highest, joined, most, total
from engine.model.cpu.layout import LANES, TILE
from engine.model.cpu.writer import F16, F32, I32, I64, POINTER, Kernel, Value, indices, number, vector

WIDE = 64  # dimensions of a head gathered at a time: eight vectors, which leaves registers for the rest
NOWHERE = float("-inf")  # the score of a position that is not seen
PLACES = 5  # numbers that say where a query lies
LEAST = -60.0  # scores this far below the largest count nothing: beside it they are lost, and tiny floats are slow


def space(group: int, room: int, dim: int) -> int:
    """Return how many floats a thread works in: heads of ``dim`` share keys by ``group``, with ``room`` positions."""
    return LANES * dim + TILE * group * (room + 2 * LANES + 2 * PLACES)


def write_attend(module: Any) -> None:
    """Write ``attend``: what each query gathers from the cache.

    Arguments: rows float32 [n, heads + 2 * kv_heads, dim], keys and values float16 [kv_heads, room, dim], room to work
    in float32 [threads, space], the result float32 [n, heads, dim], the factor of scores float32 [1]; heads, kv_heads,
    dim, the window (positions seen, itself included), room, n, the first row's position, bytes of space. Items are key
    heads, of TILE rows after TILE rows.
    """
    w = Kernel(module, "attend", 6, 8)
    with w.loop(w.first, w.last) as item:
        _Item(w, item).write()
    w.end()


@dataclass(frozen=True, slots=True)
class _Query:
    """Addresses of a query, of what it gathers and of its scores, and the positions it sees: first .. stop - 1."""

    own: Value
    gathered: Value
    scores: Value
    first: Value
    stop: Value


class _Item:
    """The queries of a few rows that read the same keys."""

    def __init__(self, w: Kernel, item: Value) -> None:
        b = w.b
        self.w = w
        self.heads, self.kv_heads, self.dim, self.window, self.room, count, start, size = w.counts
        self.group = b.udiv(self.heads, self.kv_heads)
        self.kv_head, self.row = b.urem(item, self.kv_heads), b.mul(b.udiv(item, self.kv_heads), number(TILE))
        left = b.sub(count, self.row)
        self.rows = b.select(b.icmp_signed("<", left, number(TILE)), left, number(TILE))
        self.start = b.add(start, self.row)
        self.first = b.and_(self._first(self.start), number(-LANES))
        self.stop = b.add(self.start, self.rows)  # behind the last position that any of them sees
        self.near = w.at(w.pointers[3], b.mul(w.slot, size))  # float32 [dim / 8, 8 positions, 8]
        self.queries = b.mul(self.rows, self.group)
        self.places = w.at(self.near, b.mul(self.dim, number(4 * LANES)))  # int64 [queries, PLACES]
        self.scores = w.at(self.places, b.mul(self.queries, number(8 * PLACES)))
        self.factor = w.all(w.load(w.pointers[5], F32))

    def write(self) -> None:
        """Write all that becomes of them."""
        _, keys, values, *_ = self.w.pointers
        self._find()
        with self._eights() as position:
            self._widen(keys, position)
            self._by_two(lambda queries: self._score(queries, position))
        with self._each() as query:
            self._soften(query)
            self._clear(query)
        with self._eights() as position:
            self._widen(values, position)
            with self.w.b.if_else(self._seen_by_all(position)) as (yes, no):
                with yes:
                    self._by_two(lambda queries: self._gather(queries, position))
                with no, self._each() as query:
                    self._gather_seen(query, position)

    def _find(self) -> None:
        """Write down where every query lies."""
        w, b = self.w, self.w.b
        rows, _, _, _, result, _ = w.pointers
        bytes_ = b.mul(self.dim, number(4))
        every = b.add(self.heads, b.mul(self.kv_heads, number(2)))
        with w.loop(number(0), self.rows) as row, w.loop(number(0), self.group) as which:
            head, line = b.add(b.mul(self.kv_head, self.group), which), b.add(self.row, row)
            position, index = b.add(self.start, row), b.add(b.mul(row, self.group), which)
            addresses = (
                w.at(rows, b.mul(b.add(b.mul(line, every), head), bytes_)),
                w.at(result, b.mul(b.add(b.mul(line, self.heads), head), bytes_)),
                w.at(self.scores, b.mul(index, number(4 * LANES))),
            )
            seen = self._first(position), b.add(position, number(1))
            target = w.at(self.places, b.mul(index, number(8 * PLACES)))
            for at, each in enumerate((*(b.ptrtoint(each, I64) for each in addresses), *seen)):
                w.store(each, w.at(target, 8 * at))

    def _query(self, index: Value) -> _Query:
        """Return a query that has been found."""
        w = self.w
        start = w.at(self.places, w.b.mul(index, number(8 * PLACES)))
        *addresses, first, stop = (w.load(w.at(start, 8 * at), I64) for at in range(PLACES))
        own, gathered, scores = (w.b.inttoptr(each, POINTER) for each in addresses)
        return _Query(own, gathered, scores, first, stop)

    @contextmanager
    def _each(self) -> Iterator[_Query]:
        """Write something for every query."""
        with self.w.loop(number(0), self.queries) as index:
            yield self._query(index)

    def _by_two(self, write: Callable[[list[_Query]], None]) -> None:
        """Write something for every two queries, and for one that is left."""
        w, b = self.w, self.w.b
        even = b.and_(self.queries, number(-2))
        with w.loop(number(0), even, 2) as index:
            write([self._query(index), self._query(b.add(index, number(1)))])
        with w.loop(even, self.queries) as index:
            write([self._query(index)])

    def _first(self, position: Value) -> Value:
        """Return the first position that is seen from ``position``."""
        b = self.w.b
        behind = b.sub(b.add(position, number(1)), self.window)
        return b.select(b.icmp_signed(">", behind, number(0)), behind, number(0))

    @contextmanager
    def _eights(self) -> Iterator[Value]:
        """Write something for all positions that any query sees, eight at a time."""
        with self.w.loop(self.first, self.stop, LANES) as position:
            yield position

    def _widen(self, cached: Value, position: Value) -> None:
        """Put eight keys or values from ``position`` on to ``near``; behind the last one it is that one again."""
        w, b = self.w, self.w.b
        size = b.mul(self.dim, number(2))
        last = b.sub(self.stop, number(1))
        start = w.at(cached, b.mul(b.mul(self.kv_head, self.room), size))
        with w.loop(number(0), number(LANES)) as lane:
            here = b.add(position, lane)
            here = b.select(b.icmp_signed("<", here, last), here, last)
            source, target = w.at(start, b.mul(here, size)), w.at(self.near, b.mul(lane, number(4 * LANES)))

            def widen(column: Value, lanes: range) -> None:
                held = w.at(source, b.mul(column, number(2)))
                w.fetch(held, 2 * lanes.stop)
                for each in lanes:
                    wide = b.fpext(w.load(w.at(held, 2 * each), vector(F16)), FLOATS)
                    w.store(wide, w.at(target, b.mul(column, number(4 * LANES)), 4 * LANES * each))

            self._columns(widen)

    def _score(self, queries: list[_Query], position: Value) -> None:
        """Put the products of each of ``queries`` with the eight keys from ``position`` on among its scores."""
        w, b = self.w, self.w.b
        some = LANES // len(queries)  # keys at a time: as many sums as registers hold
        halves: list[list[Value]] = [[] for _ in queries]
        for start in range(0, LANES, some):
            parts = [[w.variable(number(0.0, FLOATS)) for _ in range(some)] for _ in queries]
            with w.loop(number(0), self.dim, LANES) as column:
                own = [w.load(w.at(query.own, b.mul(column, number(4))), FLOATS) for query in queries]
                keys = w.at(self.near, b.mul(column, number(4 * LANES)), 4 * LANES * start)
                for lane in range(some):
                    key = w.load(w.at(keys, 4 * LANES * lane), FLOATS)
                    for each, part in zip(own, parts, strict=True):
                        b.store(w.of("fma", each, key, b.load(part[lane])), part[lane])
            for half, part in zip(halves, parts, strict=True):
                half.extend(joined(w, [b.load(each) for each in part], PAIRS[:2]))
        for query, half in zip(queries, halves, strict=True):
            (sums,) = joined(w, half, PAIRS[2:])
            w.store(b.fmul(sums, self.factor), self._place(query, position))

    def _soften(self, query: _Query) -> None:
        """Make its scores shares of one, zero where it does not see."""
        w, b = self.w, self.w.b
        largest, sum_ = w.variable(number(NOWHERE, FLOATS)), w.variable(number(0.0, FLOATS))
        with self._eights() as position:
            place = self._place(query, position)
            with b.if_then(b.not_(self._seen_by_all(position))):
                unseen = b.not_(self._seen(query, position))
                w.store(b.select(unseen, number(NOWHERE, FLOATS), w.load(place, FLOATS)), place)
            b.store(most(w, b.load(largest), w.load(place, FLOATS)), largest)
        top = w.all(highest(w, b.load(largest)))
        with self._eights() as position:
            place = self._place(query, position)
            below = b.fsub(w.load(place, FLOATS), top)
            counts = b.fcmp_unordered(">", below, number(LEAST, FLOATS))  # what is no number counts too
            risen = b.select(counts, exponential(w, most(w, number(LEAST, FLOATS), below)), number(0.0, FLOATS))
            w.store(risen, place)
            b.store(b.fadd(b.load(sum_), risen), sum_)
        share = w.all(b.fdiv(number(1.0, F32), total(w, b.load(sum_))))
        with self._eights() as position:
            place = self._place(query, position)
            w.store(b.fmul(w.load(place, FLOATS), share), place)

    def _clear(self, query: _Query) -> None:
        with self.w.loop(number(0), self.dim, LANES) as column:
            self.w.store(number(0.0, FLOATS), self.w.at(query.gathered, self.w.b.mul(column, number(4))))

    def _gather(self, queries: list[_Query], position: Value) -> None:
        """Add the eight values from ``position`` on, each by its share, to what each of ``queries`` gathered."""
        w, b = self.w, self.w.b
        shares = [self._place(query, position) for query in queries]

        def gather(column: Value, lanes: range) -> None:
            targets = [w.at(query.gathered, b.mul(column, number(4))) for query in queries]
            sums = [[w.load(w.at(target, 4 * each), FLOATS) for each in lanes] for target in targets]
            values = w.at(self.near, b.mul(column, number(4 * LANES)))
            for lane in range(LANES):
                own = [w.all(w.load(w.at(share, 4 * lane), F32)) for share in shares]
                for at, each in enumerate(lanes):
                    value = w.load(w.at(values, 4 * LANES * (lane + each)), FLOATS)
                    for share, sum_ in zip(own, sums, strict=True):
                        sum_[at] = w.of("fma", share, value, sum_[at])
            for target, sum_ in zip(targets, sums, strict=True):
                for at, each in enumerate(lanes):
                    w.store(sum_[at], w.at(target, 4 * each))

        self._columns(gather, WIDE // len(queries))

    def _gather_seen(self, query: _Query, position: Value) -> None:
        """Add those of the eight values from ``position`` on that it sees, each by its share, to what it gathered."""
        w, b = self.w, self.w.b
        behind = b.add(position, number(LANES))
        first = b.select(b.icmp_signed(">", query.first, position), query.first, position)
        stop = b.select(b.icmp_signed("<", query.stop, behind), query.stop, behind)

        shares = self._place(query, position)

        def gather(column: Value, lanes: range) -> None:
            target = w.at(query.gathered, b.mul(column, number(4)))
            sums = [w.variable(w.load(w.at(target, 4 * each), FLOATS)) for each in lanes]
            values = w.at(self.near, b.mul(column, number(4 * LANES)))
            with w.loop(b.sub(first, position), b.sub(stop, position)) as lane:
                share = w.all(w.load(w.at(shares, b.mul(lane, number(4))), F32))
                here = w.at(values, b.mul(lane, number(4 * LANES)))
                for each, sum_ in zip(lanes, sums, strict=True):
                    value = w.load(w.at(here, 4 * LANES * each), FLOATS)
                    b.store(w.of("fma", share, value, b.load(sum_)), sum_)
            for each, sum_ in zip(lanes, sums, strict=True):
                w.store(b.load(sum_), w.at(target, 4 * each))

        self._columns(gather)

    def _columns(self, write: Callable[[Value, range], None], wide: int = WIDE) -> None:
        """Write something for ``wide`` dimensions at a time, then for the rest; a range says where vectors begin."""
        w = self.w
        whole = w.b.and_(self.dim, number(-wide))
        for start, stop, step in ((number(0), whole, wide), (whole, self.dim, LANES)):
            with w.loop(start, stop, step) as column:
                write(column, range(0, step, LANES))

    def _place(self, query: _Query, position: Value) -> Value:
        """Return where its scores of the eight positions from ``position`` on lie, beside those of the others."""
        b = self.w.b
        every = b.mul(b.mul(self.rows, self.group), number(4))
        return self.w.at(query.scores, b.mul(b.sub(position, self.first), every))

    def _seen_by_all(self, position: Value) -> Value:
        """Return whether every query sees all of the eight positions from ``position`` on."""
        b = self.w.b
        latest = self._first(b.sub(self.stop, number(1)))
        after = b.icmp_signed("<=", b.add(position, number(LANES)), b.add(self.start, number(1)))
        return b.and_(after, b.icmp_signed(">=", position, latest))

    def _seen(self, query: _Query, position: Value) -> Value:
        """Return which of the eight positions from ``position`` on it sees."""
        w, b = self.w, self.w.b
        lanes = indices(range(LANES))
        here = b.add(w.all(b.trunc(position, I32)), lanes)
        after, before = (w.all(b.trunc(each, I32)) for each in (query.first, query.stop))
        return b.and_(b.icmp_signed(">=", here, after), b.icmp_signed("<", here, before))
