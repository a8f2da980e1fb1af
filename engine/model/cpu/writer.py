"""A small vocabulary for writing kernels as LLVM instructions: addresses in bytes, vectors, loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def vector(type_: Type, lanes: int = LANES) -> Type:
    """Return the type of ``lanes`` values side by side."""
    return ir.VectorType(type_, lanes)


def number(value: float, type_: Type = I64) -> Value:
    """Return a constant; every lane of it, where ``type_`` is a vector."""
    return ir.Constant(type_, [value] * type_.count if isinstance(type_, ir.VectorType) else value)


def indices(chosen: range) -> Value:
    """Return which lanes a shuffle takes."""
    return ir.Constant(vector(I32, len(chosen)), list(chosen))


def bytes_of(sixteen: Sequence[int]) -> Value:
    """Return a table for shuffles of bytes, which look into either half of a vector."""
    return ir.Constant(vector(I8, 2 * len(sixteen)), [*sixteen, *sixteen])


class Writer:
    """Writes one function, instruction by instruction; ``b`` is llvmlite's own builder.

    ``pointers`` and ``counts`` are its arguments: addresses of bytes that do not overlap, then 64-bit numbers.
    """

    def __init__(self, module: Any, name: str, pointers: int, counts: int) -> None:
        signature = ir.FunctionType(NOTHING, [POINTER] * pointers + [I64] * counts)
        self.module, self.function = module, ir.Function(module, signature, name)
        self.pointers: Sequence[Value] = self.function.args[:pointers]
        self.counts: Sequence[Value] = self.function.args[pointers:]
        for pointer in self.pointers:
            pointer.add_attribute("noalias")
        self.b = ir.IRBuilder(self.function.append_basic_block())

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

    @contextmanager
    def loop(self, start: Value, stop: Value, step: int = 1) -> Iterator[Value]:
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
        running.add_incoming(self.b.add(running, number(step)), self.b.block)
        self.b.branch(head)
        self.b.position_at_end(behind)

    def variable(self, value: Value) -> Value:
        """Return the place of a variable that begins as ``value``; it becomes a register."""
        with self.b.goto_entry_block():
            place = self.b.alloca(value.type)
        self.b.store(value, place)
        return place

    def end(self) -> None:
        """End the function."""
        self.b.ret_void()
