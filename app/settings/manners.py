"""Converts between settings and a conversation's manner, which has values of its own for the same options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.conversations.conversation import Manner
from app.settings.options import NO_LIMIT, RANDOM_SEED, THINKING, Settings, in_section

NAMES = tuple(option.name for option in in_section("generation"))


def manner_of(settings: Settings) -> Manner:
    """Return the manner ``settings`` give new conversations."""
    limit = None if settings.max_tokens == NO_LIMIT else settings.max_tokens
    return Manner(settings.system_prompt, settings.sampling, limit, THINKING[settings.thinking])


def values_of(manner: Manner) -> dict[str, Any]:
    """Return the value of every option of NAMES in ``manner``."""
    sampling = manner.sampling
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": RANDOM_SEED if sampling.seed is None else sampling.seed,
        "max_tokens": NO_LIMIT if manner.max_tokens is None else manner.max_tokens,
        "thinking": next((name for name, first in THINKING.items() if first is manner.thinking), "model"),
        "system_prompt": manner.system,
    }


def changed(manner: Manner, values: Mapping[str, Any]) -> Manner:
    """Return ``manner`` with ``values`` of some options of NAMES."""
    return manner_of(replace(Settings(), **{**values_of(manner), **values}))
