"""What a recorded pass puts on a GPU, tried without one: on tensors that have shapes and no memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from engine.architecture import architecture_of
from engine.bench.shapes import random_transformer
from engine.model.decode import decode, logits
from engine.model.kernels import attention, linear, nf4, norm, rotation
from engine.model.kernels.backend import Backend
from engine.model.kernels.compiler import Source
from engine.model.kernels.parameters import layouts
from engine.model.kernels.plan import Limits
from tests.engine.model.tiny import SIZES

NOWHERE = torch.device("meta")
H100 = Limits(90, 132, 227 << 10, 228 << 10, 50 << 20)
SOURCES = ("attention", "nf4_linear", "rms_norm", "rotate")
ENTRIES = {"nf4": "nf4_linear"}
LAYER = ["rms_norm", "nf4", "rotate", "attend", "join", "nf4", "rms_norm", "nf4", "nf4"]


@pytest.mark.parametrize("tokens", [1, 16])
def test_a_pass_launches_nine_kernels_a_layer(tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A norm or residual that got a kernel of its own, a weight that is not brought near, one that works when idle."""
    launched: list[tuple[str, dict[str, Any]]] = []
    for module in (attention, nf4, norm, rotation):
        monkeypatch.setattr(module, "kernel", lambda _source, entry, *_, **__: entry)
        monkeypatch.setattr(module, "launch", lambda entry, _d, _g, _b, _s, /, **given: launched.append((entry, given)))
    monkeypatch.setattr(nf4, "_kernel", lambda *_: "nf4")
    monkeypatch.setattr(nf4, "limits", lambda _: H100)
    monkeypatch.setattr(nf4, "counters", lambda _: torch.zeros(1, device=NOWHERE))
    monkeypatch.setattr(linear, "available", lambda _: Backend("updraft"))
    model = random_transformer(architecture_of({**SIZES, "model_type": "qwen3", "head_dim": 64}, "x"), NOWHERE)
    start = idle = torch.zeros(1, dtype=torch.int32, device=NOWHERE)

    hidden = torch.zeros(tokens, model.width, dtype=torch.bfloat16, device=NOWHERE)
    hidden = decode(model, hidden, range(model.layers), model.new_cache(128), start, idle)
    logits(model, hidden, idle=idle)

    assert [name for name, _ in launched] == LAYER * model.layers + ["rms_norm", "nf4"]
    products = [given for name, given in launched if name == "nf4"]
    weights: list[Tensor] = [each.packed for block in model.blocks for each in block.matrices]  # type: ignore[union-attr]
    weights.append(model.head.packed)  # type: ignore[union-attr]
    assert all(given["packed"] is weight for given, weight in zip(products, weights, strict=True))
    assert all(given["ahead"] is weight for given, weight in zip(products, [*weights[1:], None], strict=True))
    assert all(given["idle"] is idle for _, given in launched)
    declared = {name: layout for source in SOURCES for name, layout in layouts(Source(source).read()).items()}
    assert all(given.keys() == declared[ENTRIES.get(name, name)].codes.keys() for name, given in launched)
