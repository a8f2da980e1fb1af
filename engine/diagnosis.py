"""What the engine runs on, in words, for a report a person can read or send."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import torch

from engine.model import Transformer
from engine.model.kernels import available
from engine.model.linear import Stacked
from engine.model.packed import Packed
from engine.model.packing import refusal

LIBRARIES = ("transformers", "bitsandbytes", "safetensors", "huggingface-hub")


def describe_engine(
    device: torch.device, loaded: Mapping[str, Transformer], threads: str = ""
) -> tuple[tuple[str, str], ...]:
    """Return (what, value) pairs: versions, the device and its memory, threads, and each of ``loaded`` by role.

    ``threads``: how many compute and why, where that was chosen.
    """
    return (
        ("torch", torch.__version__),
        ("CUDA build", torch.version.cuda or "none: this build of torch runs on the CPU"),
        *_device(device),
        ("Threads", threads or f"{torch.get_num_threads()} for one operation"),
        *((name, _version(name)) for name in LIBRARIES),
        *((f"Model: {role}", _model(model)) for role, model in loaded.items()),
    )


def _device(device: torch.device) -> tuple[tuple[str, str], ...]:
    if device.type != "cuda":
        return (("Device", "CPU"),)
    free, total = torch.cuda.mem_get_info(device)
    capability = ".".join(map(str, torch.cuda.get_device_capability(device)))
    return (
        ("Device", f"{torch.cuda.get_device_name(device)}, compute capability {capability}"),
        ("GPU memory", f"{free / 1e9:.1f} GB of {total / 1e9:.1f} GB free"),
        ("Held by Updraft", f"{torch.cuda.memory_reserved(device) / 1e9:.1f} GB"),
        ("4-bit products", " - ".join(filter(None, (available(device).name, available(device).reason)))),
    )


def _model(model: Transformer) -> str:
    millions = model.parameters / 1e6
    size = f"{millions / 1000:.1f} B" if millions >= 1000 else f"{millions:.0f} M"
    exits = ", ".join(map(str, model.architecture.exits)) or "none named"
    return (
        f"{size} parameters, {model.layers} layers (early exits: {exits}), context {model.context:,} tokens, "
        f"{_form(model)}"
    )


def _form(model: Transformer) -> str:
    """Say how the layers' weights are held, and why they are not packed where they could be on another CPU."""
    matrices = [matrix for block in model.blocks for matrix in (block.qkv, block.output, block.gate_up, block.down)]
    parts = [part for each in matrices for part in (each.parts if isinstance(each, Stacked) else (each,))]
    held = {each.form.name for each in parts if isinstance(each, Packed)}
    if held:
        return f"packed for this processor: {', '.join(sorted(held))}"
    why = refusal() if model.device.type == "cpu" else ""
    return " - ".join(filter(None, (str(model.dtype), why)))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
