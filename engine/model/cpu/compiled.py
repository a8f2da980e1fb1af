"""Compiles the kernels for this processor when a model is first loaded."""

from __future__ import annotations

import ctypes
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from engine.model.cpu.kept import kept
from engine.model.cpu.layout import FORMATS, GROUP

OPTIONS = (  # both would hold more at a time than sixteen registers do: loads moved up, sums of sums
    "--enable-misched=0",
    "--x86-machine-combiner=0",
)
ALIGNED = '"stackrealign"'  # else what registers do not hold crosses cache lines, by where the stack begins
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
    """Return the kernels, compiled, or why there are none."""
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
    """Compile the kernels, or take them as they were kept.

    Raises ImportError without llvmlite, RuntimeError for what LLVM refuses.
    """
    from llvmlite import binding

    code = machine_code()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
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


def machine_code() -> bytes:
    """Return the kernels as an object file; as it was kept, unless something it is made of changed."""
    from llvmlite import __version__, binding

    def make() -> bytes:
        code, machine = binding.parse_assembly(written()), _machine()
        passes = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=2))
        passes.getModulePassManager().run(code, passes)
        return bytes(machine.emit_object(code))

    sources = sorted(Path(__file__).parent.glob("*.py"))
    made_of = (
        __version__,
        binding.llvm_version_info,
        OPTIONS,
        GROUP,
        *_processor(),
        *(each.read_bytes() for each in sources),
    )
    return kept(repr(made_of).encode(), make) if sources else make()


def _machine() -> Any:
    """Return what compiles for this processor, which an engine makes its own."""
    from llvmlite import binding

    _begin()
    cpu, features = _processor()
    return binding.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3)


@cache
def _begin() -> None:
    """Prepare LLVM, which takes options once."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    for option in OPTIONS:
        binding.set_option("updraft", option)


def _processor() -> tuple[str, str]:
    """Return the processor's name and what it can do, as LLVM says it."""
    from llvmlite import binding

    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


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
    return re.sub(r"^(define .*\))$", rf"\1 {ALIGNED}", str(module), flags=re.MULTILINE)
