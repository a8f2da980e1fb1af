"""Picks the files of a repository or folder that make up a checkpoint, and checks them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.architecture.checking import Stored
from engine.architecture.stored import header_of
from engine.files import object_in
from engine.library.faults import LibraryError
from engine.library.manifest import Entry

BESIDES = re.compile(
    r"(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|"
    r"model\.safetensors\.index)\.json|merges\.txt|tokenizer\.model|chat_template\.jinja|"
    r"(LICENSE|LICENCE|NOTICE|USE_POLICY|README)(\.\w+)?"
)
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")  # endings of weights that are a program to be run
EMBEDDING = {"modules.json", "config_sentence_transformers.json"}  # what their library keeps beside the weights
DRAFTER = "If it is a drafter, which needs none, download it and add its folder to its model (models add-drafter)."
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")


def choose(files: Sequence[Entry], repository: str, *, drafter: bool = False) -> tuple[Entry, ...]:
    """Pick what Updraft loads, small files first; raises LibraryError (unsupported) where that is not all there.

    A ``drafter`` has no tokenizer: it reads and writes the tokens of the model that it was made for.
    """
    if any(entry.path in EMBEDDING for entry in files):
        raise _embedding(repository)
    weights = [entry for entry in files if entry.path == "model.safetensors"]
    weights = weights or [entry for entry in files if SHARD.fullmatch(entry.path)]
    if not weights:
        raise _without_weights([entry.path for entry in files], repository)
    there = {entry.path for entry in files}
    needed = ["config.json", *([] if drafter else ["tokenizer.json"]), *_besides(weights[0].path)]
    for path in needed:
        if path not in there:
            raise not_a_checkpoint(repository, f"has no {path}", DRAFTER if path == "tokenizer.json" else "")
    small = [entry for entry in files if BESIDES.fullmatch(entry.path)]
    return tuple(sorted(small, key=lambda entry: entry.size) + sorted(weights, key=lambda entry: entry.path))


def _besides(weights: str) -> Iterator[str]:
    """Give the files that one shard of the weights cannot do without: its index, and all the others."""
    if SHARD.fullmatch(weights):
        yield "model.safetensors.index.json"
        count = weights.removesuffix(".safetensors")[-5:]
        yield from (f"model-{number:05}-of-{count}.safetensors" for number in range(1, int(count) + 1))


def _without_weights(paths: Sequence[str], repository: str) -> LibraryError:
    """Return the error for files without weights that can be read; pickled ones are a program, which nobody runs."""
    pickled = next((path for path in paths if path.endswith(PICKLED)), None)
    if pickled is None:
        return not_a_checkpoint(repository, "has no safetensors weights")
    return LibraryError(
        "unsupported",
        f"{repository} has pickled weights alone ({pickled}), which can run any program when they are opened.",
        "Choose a copy that has model.safetensors.",
    )


def read_config(raw: bytes, repository: str) -> dict[str, Any]:
    """Read a ``config.json``; raises LibraryError (unsupported) where it is none."""
    try:
        return object_in(raw)
    except ValueError as error:
        raise not_a_checkpoint(repository, f"has a config.json that cannot be read: {error}") from error


def not_a_checkpoint(repository: str, why: str, more: str = "") -> LibraryError:
    """Return the error for a repository Updraft cannot load; ``more`` is said behind what it should have."""
    needed = "Choose one with config.json, tokenizer.json and model.safetensors"
    hint = f"{needed}; a GGUF file can be imported from the disk. {more}".strip()
    return LibraryError("unsupported", f"{repository} {why}.", hint)


def check_names(tensors: Collection[str], repository: str) -> None:
    """Raise LibraryError (unsupported) unless ``tensors`` are named as those of a language model Updraft can load."""
    if any(name.endswith((".qweight", ".qzeros")) for name in tensors):
        raise LibraryError(
            "unsupported",
            f"The weights of {repository} are quantised by GPTQ or AWQ, which Updraft cannot read.",
            "Choose the 16-bit model, which Updraft quantises itself, or a copy ending in bnb-4bit.",
        )
    if "model.embed_tokens.weight" in tensors:
        return
    if "embed_tokens.weight" in tensors:  # without the part that writes, nothing is named after a part
        raise _embedding(repository)
    raise LibraryError(
        "unsupported",
        f"The weights of {repository} are not laid out as a language model's.",
        "Choose a model that transformers can load as text generation; adapters are not enough.",
    )


def _embedding(repository: str) -> LibraryError:
    return LibraryError(
        "unsupported",
        f"{repository} is an embedding model, it does not write text.",
        "Choose a model made for chat or for text generation.",
    )


def check_safetensors(path: Path) -> dict[str, Stored]:
    """Return the tensors in ``path`` by name.

    Raises LibraryError (damaged) unless it has a safetensors header whose tensors fill the file exactly.
    """
    found: dict[str, Stored] = {}
    try:
        tensors, start = header_of(path)
        found = {name: Stored(path, str(each["dtype"]), tuple(each["shape"])) for name, each in tensors.items()}
        whole = path.stat().st_size == start + max((each["data_offsets"][1] for each in tensors.values()), default=0)
    except (OSError, ValueError, LookupError, TypeError):
        whole = False
    if not whole:
        raise LibraryError(
            "damaged", f"{path} is cut short, or it is not a safetensors file.", "Fetch or copy the model again."
        )
    return found
