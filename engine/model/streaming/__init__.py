"""Layers that lie in the host's memory and come to the device over the bus, one after another, in every pass."""

from engine.model.streaming.bus import Bus

__all__ = ["Bus"]
