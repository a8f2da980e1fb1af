"""The same weights in transformers, plain and with its assisted generation: what others' code makes of them."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from engine.architecture.form import RECIPE
from engine.bench.report import Speed
from engine.config import ModelSet
from engine.events import finished
from engine.model import Transformer, load
from engine.teaching.lending import lent
from engine.tokenizer import ChatTokenizer

WARM, LENT = 4, 32  # tokens decoded before the clock starts, and while it runs


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
    target = transformers_model(models.target, device)
    draft = models.models.get("draft")
    assistant = None if draft is None else transformers_model(draft, device)
    ways: list[tuple[str, dict[str, Any]]] = [("transformers", {})]
    if assistant is not None:
        ways.append(("transformers, assisted", {"assistant_model": assistant}))
    return [_speed(name, target, extra, prompts, max_tokens, tokenizer) for name, extra in ways]


@torch.inference_mode()
def lent_speed(model: Transformer, context: int) -> Speed:
    """Return the speed of transformers on the random weights of ``model``, greedily, behind ``context`` tokens.

    Its forward pass alone, without what ``generate`` adds. What nobody trained agrees with nobody, so nothing assists.
    """
    theirs = lent(model)
    cache = cache_name(theirs)
    out = theirs(torch.full((1, context), 7, device=model.device), use_cache=True, logits_to_keep=1)
    began = 0.0
    for step in range(WARM + LENT):
        began = time.perf_counter() if step == WARM else began
        token = out.logits[:, -1:].argmax(-1)
        out = theirs(token, use_cache=True, **{cache: getattr(out, cache)})
        int(token)  # a decoder looks at every token, for the reply's end
    return Speed("transformers", "eager, greedy, head in 16 bits", LENT, time.perf_counter() - began, {}, None)


def cache_name(theirs: Any) -> str:
    """Return what this version of transformers calls keys and values, as an argument and in what it returns."""
    return "cache" if "cache" in inspect.signature(theirs.forward).parameters else "past_key_values"


def transformers_model(folder: Path, device: torch.device) -> Any:
    """Return transformers' model of the checkpoint in ``folder``; where only we can read it, over our weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(folder))
    recipe = getattr(config, "quantization_config", None)
    if isinstance(recipe, dict) and recipe.get("format") == RECIPE["format"]:
        del config.quantization_config
        return lent(finished(load(folder, device, dense_head=True)), config)
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
    return Speed(name, f"greedy, prefill included, {len(prompts)} prompts", tokens, seconds, {}, None)
