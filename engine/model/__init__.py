"""Runs language models: a checkpoint folder becomes a Transformer, a conversation its cache."""

from engine.architecture import Architecture
from engine.model.checkpoint import Checkpoint, open_checkpoint
from engine.model.loading import load
from engine.model.past import Cache
from engine.model.transformer import Transformer

__all__ = ["Architecture", "Cache", "Checkpoint", "Transformer", "load", "open_checkpoint"]
