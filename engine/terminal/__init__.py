"""Talking in a terminal: what is typed there, and replies as coloured text."""

from engine.terminal.shown import Terminal
from engine.terminal.typed import Keyboard

__all__ = ["Keyboard", "Terminal"]
