"""The families of models Updraft runs, by the model_type of their files: a file each, and its line here."""

from collections.abc import Mapping

from engine.architecture.families.llama import LLAMA
from engine.architecture.families.mistral import MISTRAL
from engine.architecture.families.qwen2 import QWEN2
from engine.architecture.families.qwen3 import QWEN3
from engine.architecture.family import Family

FAMILIES: Mapping[str, Family] = {each.name: each for each in (LLAMA, QWEN2, QWEN3, MISTRAL)}
