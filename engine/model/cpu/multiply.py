"""Writes a packed weight times any number of rows, as LLVM instructions: every block comes from memory once."""

from __future__ import annotations

from typing import Any

from engine.model.cpu.activations import FLOATS
from engine.model.cpu.layout import GROUP, LANES, TILE, Format
from engine.model.cpu.product import write_product
from engine.model.cpu.writer import POINTER, Kernel, Value, number


def write_multiply(module: Any, form: Format) -> None:
    """Write ``multiply <format>``: some blocks of a packed weight, for n rows of activations.

    Arguments: the weight; activations as codes int8 [n, K], scales and sums float32 [n, K / 32]; the result float32
    [n, width]; a bias float32 [width] or nothing; float32 [n, width] that gains the result, or nothing; K / 32, width,
    n. Items are blocks.
    """
    names = {rows: f"product {form.name} {rows}" for rows in range(1, TILE + 1)}
    for rows, name in names.items():
        write_product(module, form, rows, name)
    w = Kernel(module, f"multiply {form.name}", 7, 3)
    weight, *activations, result, bias, target = w.pointers
    groups, width, count = w.counts
    b = w.b
    few = b.icmp_signed("<=", count, number(TILE))
    step = b.select(few, b.sub(w.last, w.first), number(1))  # a block is near while all rows pass it
    with w.loop(w.first, w.last, step) as first, w.loop(number(0), count, TILE) as row:
        sizes = (GROUP, 4, 4)  # bytes of a group
        parts = [
            w.at(part, b.mul(b.mul(row, groups), number(size))) for part, size in zip(activations, sizes, strict=True)
        ]
        made, left = w.at(result, b.mul(b.mul(row, width), number(4))), b.sub(count, row)
        for rows, name in names.items():
            with b.if_then(b.icmp_signed(">=" if rows == TILE else "==", left, number(rows))):
                tile = module.globals[f"{name}_items"]
                b.call(tile, [weight, *parts, made, groups, width, first, b.add(first, step), w.slot])
    _gain(w, result, bias, number(0))
    _gain(w, target, result, width)
    w.end()


def _gain(w: Kernel, target: Value, source: Value, step: Value) -> None:
    """Add ``source``, ``step`` floats from row to row, to ``target``, where there are both."""
    b = w.b
    _, width, count = w.counts
    nothing = POINTER(None)
    both = b.and_(b.icmp_unsigned("!=", target, nothing), b.icmp_unsigned("!=", source, nothing))
    first, last = (b.mul(each, number(LANES)) for each in (w.first, w.last))
    with b.if_then(both), w.loop(number(0), count) as row, w.loop(first, last, LANES) as column:
        here, there = (
            w.at(base, b.mul(b.add(b.mul(row, size), column), number(4)))
            for base, size in ((target, width), (source, step))
        )
        w.store(b.fadd(w.load(here, FLOATS), w.load(there, FLOATS)), here)
