"""The kernels of a CPU, compiled for this processor when a model is first loaded."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from engine.model.cpu.layout import FORMATS, TILE, Format

Call = Callable[..., None]
ARGUMENTS = {  # pointers and numbers
    "quantise": (4, 1),
    "norm": (6, 2),
    "gate": (4, 2),
    "add": (2, 4),
    "rotate": (5, 5),
    "attend": (6, 7),
}


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """Kernels at work. ``engine`` owns their code: it must outlive them."""

    quantise: Call
    norm: Call
    gate: Call
    add: Call
    rotate: Call
    attend: Call
    products: dict[tuple[Format, int], Call]  # by format, and rows up to TILE
    engine: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why this processor does not run them, as a sentence."""

    reason: str


@cache
def kernels() -> Kernels | Refusal:
    """Return the kernels, compiled, or why there are none; takes half a second the first time."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return Refusal("Our CPU kernels are made for x86.")
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        return Refusal("The processor lacks AVX2.")
    try:
        return compiled()
    except (ImportError, OSError, RuntimeError) as error:
        return Refusal(f"Our CPU kernels cannot be compiled: {error}.")


def compiled() -> Kernels:
    """Compile the kernels; raises ImportError without llvmlite, RuntimeError for what LLVM refuses."""
    from llvmlite import binding as llvm
    from llvmlite import ir

    from engine.model.cpu.activations import write_quantise
    from engine.model.cpu.layer import write_add, write_attend, write_gate, write_norm, write_rotate
    from engine.model.cpu.product import write_product

    module = ir.Module("kernels")
    for write in (write_quantise, write_norm, write_gate, write_add, write_rotate, write_attend):
        write(module)
    names = {(form, rows): f"product_{form.name}_{rows}" for form in FORMATS for rows in range(1, TILE + 1)}
    for (form, rows), name in names.items():
        write_product(module, form, rows, name)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    code = llvm.parse_assembly(str(module))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(code, passes)
    engine = llvm.create_mcjit_compiler(code, machine)
    engine.finalize_object()

    def call(name: str, pointers: int, counts: int) -> Call:
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * pointers, *[ctypes.c_int64] * counts)
        return signature(engine.get_function_address(name))

    products = {which: call(name, 5, 4) for which, name in names.items()}
    others = {name: call(name, *counts) for name, counts in ARGUMENTS.items()}
    return Kernels(products=products, engine=engine, **others)
