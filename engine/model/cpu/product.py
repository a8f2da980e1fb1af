"""Writes the product of packed weights with packed activations, as LLVM instructions.

Weights lie in blocks of eight outputs, a lane each, group of 32 by group of 32: first the codes, as many bytes as
their format says, then its numbers, eight float16 of each. A vector of codes holds four columns of each output; at 4
bits its high nibbles hold the four columns behind those. See engine/model/packing.py, which packs them.

Within a group everything is an integer, and groups are added in order: a row's result does not depend on how many rows
pass with it, bit for bit.
"""

from __future__ import annotations

from typing import Any

from engine.model.cpu.layout import EIGHT, FOUR, GROUP, LANES, LEVELS, NF4, ONE, Format
from engine.model.cpu.writer import BIT, F16, F32, I8, I16, I32, Kernel, Value, Writer, bytes_of, number, vector

BYTES, PAIRS = vector(I8, 4 * LANES), vector(I16, 2 * LANES)
PART = 5  # bits of each of the two parts of one of NF4's levels


def write_product(module: Any, form: Format, rows: int, name: str) -> None:
    """Write ``name``: the product of some blocks of a packed weight, for ``rows`` rows.

    Arguments: the weight; activations as codes int8 [rows, K], scales and sums float32 [rows, K / 32]; the result,
    float32 [rows, width]; then K / 32, width. Items are blocks.
    """
    w = Kernel(module, name, 5, 2)
    weight, codes, scales, sums, result = w.pointers
    groups, width = w.counts
    b, columns = w.b, w.b.mul(groups, number(GROUP))
    zero = number(0.0, vector(F32))
    with w.loop(w.first, w.last) as block:
        totals = [w.variable(zero) for _ in range(rows)]
        base = w.at(weight, b.mul(block, b.mul(groups, number(form.stride))))
        with w.loop(number(0), groups) as group:
            here = w.at(base, b.mul(group, number(form.stride)))
            w.fetch(here, form.stride)
            column = b.mul(group, number(GROUP))
            starts = [w.at(codes, b.mul(columns, number(row)), column) for row in range(rows)]
            dots = DOTS[form](w, here, starts)
            scale, minimum = _numbers(w, w.at(here, form.codes), form)
            for row, dot in enumerate(dots):
                at = b.mul(b.add(b.mul(groups, number(row)), group), number(4))
                factor = b.fmul(scale, w.all(w.load(w.at(scales, at), F32)))
                total = w.of("fma", factor, b.sitofp(dot, vector(F32)), b.load(totals[row]))
                if minimum is not None:
                    total = w.of("fma", minimum, w.all(w.load(w.at(sums, at), F32)), total)
                b.store(total, totals[row])
        for row, total in enumerate(totals):
            at = b.add(b.mul(width, number(row)), b.mul(block, number(LANES)))
            w.store(b.load(total), w.at(result, b.mul(at, number(4))))
    w.end()


def _numbers(w: Writer, start: Value, form: Format) -> tuple[Value, Value | None]:
    """Return what codes are to be multiplied by and what is to be added, float32 [8]."""
    first = w.b.fpext(w.load(start, vector(F16)), vector(F32))
    if form is NF4:  # levels are kept from 0 on
        return w.b.fmul(first, number(1 / ONE, vector(F32))), w.b.fneg(first)
    if form.numbers == 1:
        return first, None
    return first, w.b.fpext(w.load(w.at(start, 2 * LANES), vector(F16)), vector(F32))


def _dots4(w: Writer, here: Value, starts: list[Value]) -> list[Value]:
    """Return for each row of activations int32 [8], the group's codes of 0 to 15 times its own."""
    b, dots = w.b, list[Value]()
    for vector_at in range(0, FOUR.codes, 4 * LANES):
        for half, unsigned in enumerate(_nibbles(w, w.load(w.at(here, vector_at), BYTES))):
            for row, start in enumerate(starts):
                product = _pairs(w, unsigned, _four(w, start, vector_at // 4 + 4 * half))
                if len(dots) <= row:
                    dots.append(product)
                else:
                    dots[row] = b.add(dots[row], product)  # eight sums of two stay below 8 * 2 * 15 * 127 < 32768
    return [_joined(w, dot) for dot in dots]


def _dots8(w: Writer, here: Value, starts: list[Value]) -> list[Value]:
    """Return for each row of activations int32 [8], the group's signed codes times its own."""
    b = w.b
    dots = [number(0, vector(I32))] * len(starts)
    for vector_at in range(0, EIGHT.codes, 4 * LANES):
        signed = w.load(w.at(here, vector_at), BYTES)
        size = w.call("llvm.abs.v32i8", BYTES, signed, number(0, BIT))
        for row, start in enumerate(starts):
            turned = w.call("llvm.x86.avx2.psign.b", BYTES, _four(w, start, vector_at // 8), signed)
            dots[row] = b.add(dots[row], _joined(w, _pairs(w, size, turned)))
    return dots


def _dots_nf4(w: Writer, here: Value, starts: list[Value]) -> list[Value]:
    """Return for each row of activations int32 [8], the group's levels of 0 to 1006 times its own codes.

    In a loop, for LLVM would otherwise look all levels up first and run out of registers.
    """
    b = w.b
    dots = [w.variable(number(0, vector(I32))) for _ in starts]
    tables = [(shift, bytes_of([level >> shift & (1 << PART) - 1 for level in LEVELS])) for shift in (0, PART)]
    with w.loop(number(0), number(NF4.codes), 4 * LANES) as at:
        both = _nibbles(w, w.load(w.at(here, at), BYTES))
        parts = [(shift, [_looked_up(w, table, each) for each in both]) for shift, table in tables]
        for dot, start in zip(dots, starts, strict=True):
            column = w.at(start, b.lshr(at, number(2)))
            low, high = _four(w, column, 0), _four(w, column, 4)
            for shift, (first, second) in parts:  # two sums of two stay below 2 * 2 * 31 * 127 < 32768
                pairs = b.add(_pairs(w, first, low), _pairs(w, second, high))
                b.store(b.add(b.load(dot), _joined(w, pairs, 1 << shift)), dot)
    return [b.load(dot) for dot in dots]


DOTS = {FOUR: _dots4, EIGHT: _dots8, NF4: _dots_nf4}


def _nibbles(w: Writer, both: Value) -> tuple[Value, Value]:
    """Return the low and the high nibbles of bytes."""
    b = w.b
    high = b.bitcast(b.lshr(b.bitcast(both, PAIRS), number(4, PAIRS)), BYTES)
    return b.and_(both, number(15, BYTES)), b.and_(high, number(15, BYTES))


def _looked_up(w: Writer, table: Value, which: Value) -> Value:
    """Return for each byte of ``which``, 0 to 15, the table's entry."""
    return w.call("llvm.x86.avx2.pshuf.b", BYTES, table, which)


def _four(w: Writer, start: Value, column: int) -> Value:
    """Return four activations from ``column`` on, for every output."""
    return w.b.bitcast(w.all(w.load(w.at(start, column), I32)), BYTES)


def _pairs(w: Writer, unsigned: Value, signed: Value) -> Value:
    """Return int16 [16], sums of two products each; they must not pass 32767."""
    return w.call("llvm.x86.avx2.pmadd.ub.sw", PAIRS, unsigned, signed)


def _joined(w: Writer, pairs: Value, by: int = 1) -> Value:
    """Return int32 [8], the sums of two neighbours each, times ``by``."""
    return w.call("llvm.x86.avx2.pmadd.wd", vector(I32), pairs, number(by, PAIRS))
