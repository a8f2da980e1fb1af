"""Reads how far each layer looks back: on everything, or on a window that slides along with the text."""

from __future__ import annotations

from engine.architecture.settings import Settings

MOST_LAYERS = 1_000  # several times what the deepest models have
SLIDING, FULL = "sliding_attention", "full_attention"

Windows = tuple[int | None, ...]  # by layer: how many positions, itself included; None for all


def read_layers(settings: Settings) -> int:
    """Read how many layers there are."""
    return settings.size("num_hidden_layers", most=MOST_LAYERS)


def without_windows(settings: Settings) -> Windows:
    """Return the windows of layers that all look back on everything."""
    return (None,) * read_layers(settings)


def always_sliding(settings: Settings) -> Windows:
    """Read the windows of a family whose layers slide unless the file says that they do not."""
    return _by_layer(settings, _window(settings), 0)


def sliding_if_asked(settings: Settings) -> Windows:
    """Read the windows of a family that slides where use_sliding_window asks for it, from max_window_layers on."""
    window = _window(settings) if settings.flag("use_sliding_window") else None
    return _by_layer(settings, window, 0 if window is None else settings.size("max_window_layers", 28, least=0))


def _window(settings: Settings) -> int | None:
    """Return how far a layer that slides looks back: 4,096 where the key is left out, for ever where it is null."""
    unbounded = "sliding_window" in settings.values and not settings.has("sliding_window")
    return None if unbounded else settings.size("sliding_window", 4096)


def _by_layer(settings: Settings, window: int | None, first: int) -> Windows:
    """Return the windows by layer: as layer_types says, or else ``window`` from the layer ``first`` on."""
    layers, kinds = read_layers(settings), settings.values.get("layer_types")
    if kinds is None:
        return tuple(window if index >= first else None for index in range(layers))
    if not isinstance(kinds, list) or len(kinds) != layers or any(each not in (SLIDING, FULL) for each in kinds):
        raise settings.refused("layer_types", f"where {SLIDING} or {FULL} belongs for each of {layers:,} layers")
    if SLIDING in kinds and window is None:
        raise settings.refused("layer_types", "but sliding_window does not say how far they look back")
    return tuple(window if kind == SLIDING else None for kind in kinds)
