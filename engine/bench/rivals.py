"""The same weights in transformers, plain and with its assisted generation: what others' code makes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from engine.bench.report import Speed
from engine.config import ModelSet
from engine.tokenizer import ChatTokenizer


@torch.inference_mode()
def rivals(
    models: ModelSet,
    device: torch.device,
    prompts: Sequence[str],
    max_tokens: int,
    tokenizer: ChatTokenizer,
    say: Callable[[str], None],
) -> list[Speed]:
    """Return the speed of greedy generation by transformers, alone and with the set's draft model assisting."""
    say("transformers")
    target = _loaded(models.target, device)
    assistant = None if models.draft is None else _loaded(models.draft, device)
    ways: list[tuple[str, dict[str, Any]]] = [("transformers", {})]
    if assistant is not None:
        ways.append(("transformers, assisted", {"assistant_model": assistant}))
    return [_speed(name, target, extra, prompts, max_tokens, tokenizer) for name, extra in ways]


def _loaded(folder: Any, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    return AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype, device_map=str(device))


def _speed(
    name: str, model: Any, extra: dict[str, Any], prompts: Sequence[str], max_tokens: int, tokenizer: ChatTokenizer
) -> Speed:
    tokens, seconds = 0, 0.0
    for number, prompt in enumerate((prompts[0], *prompts)):  # the first one only warms up
        ids = torch.tensor([tokenizer.render([("user", prompt)])], device=model.device)
        began = time.perf_counter()
        given = model.generate(ids, max_new_tokens=max_tokens, do_sample=False, **extra)
        tokens += len(given[0]) - ids.shape[1] if number else 0  # waits for the device
        seconds += time.perf_counter() - began if number else 0.0
    return Speed(name, "greedy, prefill included", tokens, seconds, {}, 1.0)
