"""From a checkpoint folder to a Transformer and its cache."""

from engine.architecture import Architecture
from engine.model.cache import KVCache
from engine.model.checkpoint import Checkpoint, open_checkpoint
from engine.model.loading import load
from engine.model.transformer import Transformer

__all__ = ["Architecture", "Checkpoint", "KVCache", "Transformer", "load", "open_checkpoint"]
