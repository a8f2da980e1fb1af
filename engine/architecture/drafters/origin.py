"""Tells whether a drafter was made for a target, and where one for it can be had."""

from __future__ import annotations

from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.errors import CheckpointError

# Repositories that hold a head in safetensors, by the family, layers and width of the target.
SAFE = {
    ("llama", 32, 4096): "RedHatAI/Llama-3.1-8B-Instruct-speculator.eagle3",
    ("llama", 80, 8192): "RedHatAI/Llama-3.3-70B-Instruct-speculator.eagle3",
    ("qwen3", 36, 4096): "RedHatAI/Qwen3-8B-speculator.eagle3",
    ("qwen3", 40, 5120): "RedHatAI/Qwen3-14B-speculator.eagle3",
    ("qwen3", 64, 5120): "RedHatAI/Qwen3-32B-speculator.eagle3",
}


def elsewhere(target: Architecture) -> str:
    """Return a repository that holds a drafter for models like ``target`` in safetensors; "" where none is known."""
    return SAFE.get((target.family, target.layers, target.width), "")


def made_for_another(settings: Settings, what: str, own: int, target: int) -> CheckpointError:
    """Return the error for a drafter that expects ``own`` of ``what`` where the target has ``target``."""
    return CheckpointError(
        f"{settings.name} was made for another model, with {own:,} {what}; this one has {target:,}.",
        f"Choose a drafter that was made for this model{_origin(settings)}.",
    )


def require_taps(settings: Settings, taps: tuple[int, ...], target: Architecture) -> None:
    """Raise CheckpointError unless the ``target`` has a layer to read at each of ``taps``."""
    if not taps or min(taps) < 1 or max(taps) > target.layers:
        raise CheckpointError(
            f"{settings.name} reads what enters layers {', '.join(map(str, taps))}, but the model has {target.layers}.",
            f"Choose a drafter that was made for this model{_origin(settings)}.",
        )


def named_target(settings: Settings) -> str:
    """Return the model a drafter's file says it was made for, by name or path; "" where it says none."""
    named = settings.values.get("target_model_name_or_path")
    speculators = settings.values.get("speculators_config")
    verifier = speculators.get("verifier") if isinstance(speculators, dict) else None
    named = verifier.get("name_or_path") if isinstance(verifier, dict) else named
    return named[:80] if isinstance(named, str) else ""


def _origin(settings: Settings) -> str:
    """Return a clause that names the model the drafter's file says it was made for, if it does."""
    named = named_target(settings)
    return f"; this one names {named}" if named else ""
