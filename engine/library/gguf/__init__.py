"""GGUF files, the form llama.cpp, LM Studio and Ollama keep models in, turned into checkpoint folders."""

from engine.library.gguf.conversion import Conversion, convert, prepare

__all__ = ["Conversion", "convert", "prepare"]
