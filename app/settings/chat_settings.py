"""Converts between settings and those of a conversation, which has values of its own for the same options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.conversations.conversation import ChatSettings
from app.settings.options import NO_LIMIT, RANDOM_SEED, THINKING, Settings, in_section

NAMES = tuple(option.name for option in in_section("generation"))


def chat_settings_of(settings: Settings) -> ChatSettings:
    """Return what ``settings`` give new conversations."""
    limit = None if settings.max_tokens == NO_LIMIT else settings.max_tokens
    return ChatSettings(settings.system_prompt, settings.sampling, limit, THINKING[settings.thinking])


def values_of(chat_settings: ChatSettings) -> dict[str, Any]:
    """Return the value of every option of NAMES in ``chat_settings``."""
    sampling = chat_settings.sampling
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": RANDOM_SEED if sampling.seed is None else sampling.seed,
        "max_tokens": NO_LIMIT if chat_settings.max_tokens is None else chat_settings.max_tokens,
        "thinking": next((name for name, first in THINKING.items() if first is chat_settings.thinking), "model"),
        "system_prompt": chat_settings.system,
    }


def changed(chat_settings: ChatSettings, values: Mapping[str, Any]) -> ChatSettings:
    """Return ``chat_settings`` with ``values`` of some options of NAMES."""
    return chat_settings_of(replace(Settings(), **{**values_of(chat_settings), **values}))
