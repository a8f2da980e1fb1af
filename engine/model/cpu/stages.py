"""Writes how threads share a pass, as LLVM instructions: stage after stage, in pieces that they take in turn.

One thread leads. It names a stage, takes pieces of it like all others, waits for those that others took, and goes on.
Others follow: they take what is there when they come. A pass so waits for nobody but those at work on a piece, comes to
its end without any of them, and is the same whoever did what, as an item's result does not depend on the others.

A stage is STAGE numbers: its kernel's address, its items, its pieces, how many items a piece has at least (whoever sets
the pieces keeps to it), the kernel's arguments. What the threads share is CREW numbers, at the places below.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from engine.model.cpu.layout import ARGUMENTS, ITEMS, KERNEL, PIECES, STAGE
from engine.model.cpu.writer import ENTRY, I64, NOTHING, POINTER, Value, Writer, number

TICKET, DONE, NOW, SLOTS = (8 * 8 * place for place in range(4))  # bytes into the crew; each has a line of its own
BITS = 16  # of a ticket: pieces taken so far, then all of them; above them the stages so far
MANY = (1 << BITS) - 1
PATIENCE = 300_000  # ticks of the processor, about a tenth of a millisecond, that one who follows waits for work


def write_lead(module: Any) -> None:
    """Write ``lead``, which runs a pass to its end. Arguments: the crew, the stages; how many stages, and threads."""
    w = Writer(ir.Function(module, ir.FunctionType(NOTHING, [POINTER, POINTER, I64, I64]), "lead"))
    crew, stages, count, threads = w.function.args
    b = w.b
    with w.loop(number(0), count) as index:
        stage = w.at(stages, b.mul(index, number(8 * STAGE)))
        pieces = w.load(w.at(stage, 8 * PIECES), I64)
        alone = b.icmp_signed("<=", pieces, number(1))
        with b.if_else(alone) as (yes, no):
            with yes:
                _perform(w, stage, number(0), number(1), number(0))
            with no:
                _name(w, crew, stage, pieces, threads)
                _take(w, crew, number(0))
                with w.until(lambda: b.icmp_signed("==", _read(w, crew, DONE), pieces)):
                    _pause(w)
    b.ret_void()


def write_follow(module: Any) -> None:
    """Write ``follow``, which takes pieces until there were none for PATIENCE. Arguments: the crew; this one's slot."""
    w = Writer(ir.Function(module, ir.FunctionType(NOTHING, [POINTER, I64]), "follow"))
    crew, slot = w.function.args
    b = w.b
    busy = w.variable(_clock(w))
    with w.until(lambda: b.icmp_signed(">", b.sub(_clock(w), b.load(busy)), number(PATIENCE))):
        took = _take(w, crew, slot)
        with b.if_else(took) as (yes, no):
            with yes:
                b.store(_clock(w), busy)
            with no:
                _pause(w)
    b.ret_void()


def _name(w: Writer, crew: Value, stage: Value, pieces: Value, threads: Value) -> None:
    """Let all threads know of ``stage``; whatever was known before has been done."""
    b = w.b
    _write(w, crew, NOW, b.ptrtoint(stage, I64))
    _write(w, crew, SLOTS, threads)
    _write(w, crew, DONE, number(0))
    before = b.lshr(_read(w, crew, TICKET), number(2 * BITS))
    ticket = b.or_(b.shl(b.add(before, number(1)), number(2 * BITS)), b.shl(pieces, number(BITS)))
    _write(w, crew, TICKET, ticket)


def _take(w: Writer, crew: Value, slot: Value) -> Value:
    """Take pieces of the stage of now until none is left; returns whether there was one.

    What is read of a stage holds good only if its ticket is still the same when a piece is taken.
    """
    b = w.b
    any_ = w.variable(number(0))
    left = w.variable(number(1))
    with w.until(lambda: b.icmp_signed("==", b.load(left), number(0))):
        ticket = _read(w, crew, TICKET)
        piece, pieces = b.and_(ticket, number(MANY)), b.and_(b.lshr(ticket, number(BITS)), number(MANY))
        stage, slots = _read(w, crew, NOW), _read(w, crew, SLOTS)
        open_ = b.and_(b.icmp_signed("<", piece, pieces), b.icmp_signed("<", slot, slots))
        b.store(b.zext(open_, I64), left)
        with b.if_then(open_):
            place = b.bitcast(w.at(crew, TICKET), I64.as_pointer())
            swapped = b.cmpxchg(place, ticket, b.add(ticket, number(1)), "acq_rel", "acquire")
            with b.if_then(b.extract_value(swapped, 1)):
                _perform(w, b.inttoptr(stage, POINTER), piece, pieces, slot)
                b.store(number(1), any_)
                b.atomic_rmw("add", b.bitcast(w.at(crew, DONE), I64.as_pointer()), number(1), "acq_rel")
    return b.icmp_signed("!=", b.load(any_), number(0))


def _perform(w: Writer, stage: Value, piece: Value, pieces: Value, slot: Value) -> None:
    """Do one of ``pieces`` of a stage."""
    b = w.b
    items = w.load(w.at(stage, 8 * ITEMS), I64)
    first, last = (b.udiv(b.mul(items, each), pieces) for each in (piece, b.add(piece, number(1))))
    kernel = b.inttoptr(w.load(w.at(stage, 8 * KERNEL), I64), ENTRY.as_pointer())
    b.call(kernel, [w.at(stage, 8 * ARGUMENTS), first, last, slot])


def _read(w: Writer, crew: Value, place: int) -> Value:
    return w.b.load_atomic(w.b.bitcast(w.at(crew, place), I64.as_pointer()), "acquire", 8)


def _write(w: Writer, crew: Value, place: int, value: Value) -> None:
    w.b.store_atomic(value, w.b.bitcast(w.at(crew, place), I64.as_pointer()), "release", 8)


def _clock(w: Writer) -> Value:
    return w.call("llvm.readcyclecounter", I64)


def _pause(w: Writer) -> None:
    w.call("llvm.x86.sse2.pause", NOTHING)
