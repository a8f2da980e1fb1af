"""Reads a matrix that bitsandbytes stored at 4 bits (NF4, QLoRA: arXiv 2305.14314)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.architecture.stored import QUANT_STATE
from engine.files import object_in
from engine.model.kernels.backend import NF4
from engine.model.linear import Nf4


def read_nf4(part: Callable[[str], Tensor], packed: Tensor, shape: tuple[int, int]) -> Nf4:
    """Return the matrix whose codes are ``packed`` (any dtype, taken as bytes) and whose sidecars ``part`` gives.

    ``part`` maps the names above to tensors and raises KeyError where there is none. Block scales that are 8-bit
    codes themselves are de-nested, so every matrix has float32 ones. Raises ValueError for contradictions.
    """
    state = object_in(bytes(part(QUANT_STATE).tolist()))
    blocksize = int(state["blocksize"])
    absmax, code = part("absmax").flatten(), part("quant_map").float().flatten()
    if tuple(state["shape"]) != shape or absmax.numel() * blocksize != shape[0] * shape[1] or code.numel() != 16:
        raise ValueError(f"{code.numel()} codes, {absmax.numel()} scales for blocks of {blocksize}, {state['shape']}")
    if not torch.allclose(code, torch.tensor(NF4), atol=1e-6):
        raise ValueError("its codes do not mean what NF4's do")
    scales = _denested(part, state, absmax) if "nested_blocksize" in state else absmax.float()
    return Nf4(packed.contiguous().view(torch.uint8).flatten(), scales, code, shape, blocksize)


def _denested(part: Callable[[str], Tensor], state: dict[str, Any], absmax: Tensor) -> Tensor:
    """Return the scales float32 [blocks] that ``absmax`` uint8 [blocks] means: code * scale of its group + offset."""
    outer = part("nested_absmax").flatten().float()
    code = part("nested_quant_map").float().flatten()
    group = int(state["nested_blocksize"])
    if absmax.dtype != torch.uint8 or code.numel() != 256 or outer.numel() != -(-absmax.numel() // group):
        raise ValueError(f"{outer.numel()} outer scales for groups of {group}, {code.numel()} codes, {absmax.dtype}")
    return code[absmax.int()] * outer.repeat_interleave(group)[: absmax.numel()] + float(state["nested_offset"])
