"""Checks that the models of a set share one vocabulary, from their tokenizer files alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import ModelSetError


def check_shared(folders: Mapping[str, Path]) -> None:
    """Raise ModelSetError unless the tokenizers in all ``folders``, by repository, give every token the same number.

    Rows that only pad the embedding do not matter, so ``vocab_size`` is not compared.
    """
    readings = [(role, vocabulary_in(folder)) for role, folder in folders.items()]
    first_role, first = readings[0]
    for role, other in readings[1:]:
        if first != other:
            token = next(iter(sorted(first.items() ^ other.items(), key=lambda pair: (pair[1], pair[0]))))
            raise ModelSetError(
                f"The {role} model does not share the vocabulary of the {first_role} model: "
                f"they disagree on token {token[1]} ({token[0]!r}).",
                "Choose levels of one family; only models with the same tokenizer can draft for each other.",
            )


def vocabulary_in(folder: Path) -> dict[str, int]:
    """Return every token of ``tokenizer.json`` with its number; raises ModelSetError where that cannot be read."""
    path = folder / "tokenizer.json"
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        entries = value["model"]["vocab"]
        tokens: dict[str, int] = (
            dict(entries) if isinstance(entries, dict) else {token: n for n, (token, _) in enumerate(entries)}
        )
        tokens.update({added["content"]: added["id"] for added in value.get("added_tokens", ())})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelSetError(
            f"{path} cannot be read as a tokenizer.", "Choose a model that comes with a tokenizer.json."
        ) from error
    return tokens
