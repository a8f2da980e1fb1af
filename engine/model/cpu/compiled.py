"""The kernels of a CPU, compiled for this processor when a model is first loaded."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from engine.model.cpu.layout import FORMATS

KERNELS = (
    *("quantise", "norm", "norm_heads", "rotate", "attend", "gate"),
    *(f"multiply {form.name}" for form in FORMATS),
)


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """Kernels at work. ``engine`` owns their code: it must outlive them."""

    addresses: dict[str, int]  # of each of KERNELS
    lead: Callable[[int, int, int, int], None]  # see engine/model/cpu/stages.py
    follow: Callable[[int, int], None]
    engine: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why this processor does not run them, as a sentence."""

    reason: str


@cache
def kernels() -> Kernels | Refusal:
    """Return the kernels, compiled, or why there are none; takes a second the first time."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return Refusal("Our CPU kernels are made for x86.")
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        return Refusal("The processor lacks AVX2.")
    try:
        return compiled()
    except (ImportError, OSError, RuntimeError) as error:
        return Refusal(f"Our CPU kernels cannot be compiled: {error}.")


def found() -> Kernels:
    """Return the kernels; raises RuntimeError where there are none."""
    made = kernels()
    if not isinstance(made, Kernels):
        raise RuntimeError(made.reason)  # noqa: TRY004 - nothing is packed without them
    return made


def compiled() -> Kernels:
    """Compile the kernels; raises ImportError without llvmlite, RuntimeError for what LLVM refuses."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.set_option("updraft", "--enable-misched=0")  # it moves loads up until sixteen registers are not enough
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    code = llvm.parse_assembly(written())
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(code, passes)
    engine = llvm.create_mcjit_compiler(code, machine)
    engine.finalize_object()

    def call(name: str, *arguments: Any) -> Callable[..., None]:
        return ctypes.CFUNCTYPE(None, *arguments)(engine.get_function_address(name))

    pointer, number = ctypes.c_void_p, ctypes.c_int64
    return Kernels(
        {name: engine.get_function_address(name) for name in KERNELS},
        call("lead", pointer, pointer, number, number),
        call("follow", pointer, number),
        engine,
    )


def written() -> str:
    """Return all kernels as LLVM instructions."""
    from llvmlite import ir

    from engine.model.cpu.activations import write_quantise
    from engine.model.cpu.attention import write_attend
    from engine.model.cpu.layer import write_gate, write_norm, write_norm_heads, write_rotate
    from engine.model.cpu.multiply import write_multiply
    from engine.model.cpu.stages import write_follow, write_lead

    module = ir.Module("kernels")
    for write in (write_quantise, write_norm, write_norm_heads, write_rotate, write_attend, write_gate):
        write(module)
    for form in FORMATS:
        write_multiply(module, form)
    write_lead(module)
    write_follow(module)
    return str(module)
