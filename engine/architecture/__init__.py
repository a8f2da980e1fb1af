"""Reads what a config.json says, once: the library judges by it what the loader will run. No torch."""

from engine.architecture.families import FAMILIES
from engine.architecture.reading import architecture_of, read_architecture, require_folder
from engine.architecture.shape import Architecture

__all__ = ["FAMILIES", "Architecture", "architecture_of", "read_architecture", "require_folder"]
