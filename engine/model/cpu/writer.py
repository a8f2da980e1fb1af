"""A small vocabulary for writing kernels as LLVM instructions: addresses in bytes, vectors, loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from engine.model.cpu.layout import LANES

Value = Any  # of llvmlite: a result of an instruction, or a constant
Type = Any

BIT, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
F16, F32 = ir.HalfType(), ir.FloatType()
POINTER = ir.PointerType(I8)
NOTHING = ir.VoidType()
LINE = 64  # bytes that come from memory at a time
AHEAD = 2048  # bytes fetched ahead: processors do so by themselves, but not across the edges of pages
ENTRY = ir.FunctionType(NOTHING, [POINTER, I64, I64, I64])  # the arguments one after another; first, last, slot


def vector(type_: Type, lanes: int = LANES) -> Type:
    """Return the type of ``lanes`` values side by side."""
    return ir.VectorType(type_, lanes)


def number(value: float, type_: Type = I64) -> Value:
    """Return a constant; every lane of it, where ``type_`` is a vector."""
    return ir.Constant(type_, [value] * type_.count if isinstance(type_, ir.VectorType) else value)


def indices(chosen: Sequence[int]) -> Value:
    """Return which lanes a shuffle takes."""
    return ir.Constant(vector(I32, len(chosen)), list(chosen))


def bytes_of(sixteen: Sequence[int]) -> Value:
    """Return a table for shuffles of bytes, which look into either half of a vector."""
    return ir.Constant(vector(I8, 2 * len(sixteen)), [*sixteen, *sixteen])


class Writer:
    """Writes one function, instruction by instruction; ``b`` is llvmlite's own builder."""

    def __init__(self, function: Any) -> None:
        self.function, self.module = function, function.module
        self.b = ir.IRBuilder(function.append_basic_block())

    def at(self, base: Value, *steps: Value | int) -> Value:
        """Return the address ``steps`` bytes behind ``base``."""
        for step in steps:
            base = self.b.gep(base, [number(step) if isinstance(step, int) else step])
        return base

    def load(self, address: Value, type_: Type) -> Value:
        """Return what lies at ``address``, which need not be aligned."""
        value = self.b.load(self.b.bitcast(address, type_.as_pointer()))
        value.align = 1
        return value

    def store(self, value: Value, address: Value) -> None:
        """Put ``value`` at ``address``, which need not be aligned."""
        self.b.store(value, self.b.bitcast(address, value.type.as_pointer())).align = 1

    def all(self, value: Value, lanes: int = LANES) -> Value:
        """Return ``value`` in every lane of a vector."""
        whole = vector(value.type, lanes)
        first = self.b.insert_element(ir.Constant(whole, ir.Undefined), value, number(0, I32))
        return self.b.shuffle_vector(first, ir.Constant(whole, ir.Undefined), number(0, vector(I32, lanes)))

    def call(self, name: str, result: Type, *arguments: Value) -> Value:
        """Return what the function or intrinsic ``name`` makes of ``arguments``."""
        known = self.module.globals.get(name)
        if known is None:
            known = ir.Function(self.module, ir.FunctionType(result, [each.type for each in arguments]), name)
        return self.b.call(known, arguments)

    def of(self, name: str, *arguments: Value) -> Value:
        """Return LLVM's own arithmetic ``name`` of ``arguments``, whose type it has."""
        type_ = arguments[0].type
        lanes, each = (f"v{type_.count}", type_.element) if isinstance(type_, ir.VectorType) else ("", type_)
        suffix = {F32: "f32", F16: "f16", I8: "i8", I16: "i16", I32: "i32"}[each]
        return self.call(f"llvm.{name}.{lanes}{suffix}", type_, *arguments)

    def fetch(self, address: Value, size: int) -> None:
        """Bring the ``size`` bytes that lie AHEAD of ``address`` near, if there is anything."""
        near, whole = number(3, I32), number(1, I32)
        for line in range(0, size, LINE):
            self.call("llvm.prefetch.p0i8", NOTHING, self.at(address, AHEAD + line), number(0, I32), near, whole)

    @contextmanager
    def loop(self, start: Value, stop: Value, step: Value | int = 1) -> Iterator[Value]:
        """Write what happens for start, start + step, ... below ``stop``; gives the running number."""
        before = self.b.block
        head, body, behind = (self.b.append_basic_block(name) for name in ("head", "body", "behind"))
        self.b.branch(head)
        self.b.position_at_end(head)
        running = self.b.phi(I64)
        running.add_incoming(start, before)
        self.b.cbranch(self.b.icmp_signed("<", running, stop), body, behind)
        self.b.position_at_end(body)
        yield running
        onwards = number(step) if isinstance(step, int) else step
        running.add_incoming(self.b.add(running, onwards), self.b.block)
        self.b.branch(head)
        self.b.position_at_end(behind)

    @contextmanager
    def until(self, done: Callable[[], Value]) -> Iterator[None]:
        """Write what happens again and again until ``done``, which writes what is asked before each time."""
        head, body, behind = (self.b.append_basic_block(name) for name in ("head", "body", "behind"))
        self.b.branch(head)
        self.b.position_at_end(head)
        self.b.cbranch(done(), behind, body)
        self.b.position_at_end(body)
        yield
        self.b.branch(head)
        self.b.position_at_end(behind)

    def variable(self, value: Value) -> Value:
        """Return the place of a variable that begins as ``value``; it becomes a register."""
        with self.b.goto_entry_block():
            place = self.b.alloca(value.type)
        self.b.store(value, place)
        return place


class Kernel(Writer):
    """Writes a kernel: what a thread does of a stage.

    ``pointers`` and ``counts`` are its arguments: addresses of bytes that do not overlap, then 64-bit numbers. It does
    the items ``first`` .. ``last`` - 1 of the stage, as thread ``slot`` of those that share it.
    """

    def __init__(self, module: Any, name: str, pointers: int, counts: int) -> None:
        signature = ir.FunctionType(NOTHING, [POINTER] * pointers + [I64] * (counts + 3))
        super().__init__(ir.Function(module, signature, f"{name}_items"))
        self.name, self.function.linkage = name, "internal"
        self.pointers: Sequence[Value] = self.function.args[:pointers]
        self.counts: Sequence[Value] = self.function.args[pointers:-3]
        self.first, self.last, self.slot = self.function.args[-3:]
        for pointer in self.pointers:
            pointer.add_attribute("noalias")

    def end(self) -> None:
        """End it, and write how it is called from outside: as ENTRY."""
        self.b.ret_void()
        w = Writer(ir.Function(self.module, ENTRY, self.name))
        arguments, *items = w.function.args
        count = len(self.pointers)
        values = [w.load(w.at(arguments, 8 * at), I64) for at in range(count + len(self.counts))]
        addresses = [w.b.inttoptr(value, POINTER) for value in values[:count]]
        w.b.call(self.function, [*addresses, *values[count:], *items])
        w.b.ret_void()
