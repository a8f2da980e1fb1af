"""What a model folder says of its tokenizer: tokenizer.json as it is, and the settings beside it.

Read without transformers, whose classes put their own splitting in place of the file's, and read config.json first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CheckpointError
from engine.files import present, read_object

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
GROWTH = 256  # how many times longer a normaliser may make a text; real ones put one character for another
_AGAIN = "Download the model again, or choose another."


@dataclass(frozen=True, slots=True)
class TokenizerFiles:
    """``template``: the chat template, a text or several by name, or None; ``specials``: the named tokens' spellings.

    ``begins``: the ids that the tokenizer itself puts before a text.
    """

    backend: Tokenizer
    template: object
    specials: dict[str, str]
    begins: list[int]


def read_tokenizer(folder: Path) -> TokenizerFiles:
    """Read the tokenizer in ``folder``; raises CheckpointError where there is none or it cannot be used."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not present(path):
        raise CheckpointError(
            f"There is no tokenizer.json in {folder}.",
            "Choose a model folder that has one; it must lie beside the weights.",
        )
    with told("cannot be read", folder):
        backend = Tokenizer.from_file(str(path))
        backend.no_truncation()
        backend.no_padding()
        _bounded(backend)
        settings = {**_settings(folder / "special_tokens_map.json"), **_settings(folder / "tokenizer_config.json")}
        specials = {name: text for name in NAMED if (text := _spelling(settings.get(name)))}
        return TokenizerFiles(backend, _template(folder, settings), specials, _begins(backend))


@contextmanager
def told(words: str, folder: Path | None = None) -> Iterator[None]:
    """Turn whatever the tokenizer raises inside into a CheckpointError: "The tokenizer … ``words``: …".

    Its library panics where a pattern of the file's takes too long; Python sees no Exception then.
    """
    try:
        yield
    except CheckpointError:
        raise
    except BaseException as cause:
        if not isinstance(cause, Exception) and type(cause).__name__ != "PanicException":
            raise
        lines = str(cause).splitlines() or [type(cause).__name__]
        reason = "".join(each if each.isprintable() else " " for each in lines[0])[:200].rstrip(".")
        where = "of this model" if folder is None else f"in {folder}"
        raise CheckpointError(f"The tokenizer {where} {words}: {reason}.", _AGAIN) from cause


def _settings(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``; nothing where there is no such file."""
    return read_object(path) if present(path) else {}


def _spelling(token: object) -> str:
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else ""


def _template(folder: Path, settings: dict[str, Any]) -> object:
    """Return the chat template: a file of its own counts before the settings."""
    path = folder / "chat_template.jinja"
    if present(path):
        return path.read_text(encoding="utf-8")
    found = settings.get("chat_template")
    if isinstance(found, list):
        named = [each for each in found if isinstance(each, dict) and {"name", "template"} <= each.keys()]
        if not named:
            raise ValueError("chat_template lists no template")
        return {str(each["name"]): each["template"] for each in named}
    return found


def _begins(backend: Tokenizer) -> list[int]:
    """Return what the file's post-processor puts before a text; as in transformers the settings have no say in it."""
    bare, full = (backend.encode("a", add_special_tokens=special).ids for special in (False, True))
    return next((full[:n] for n in range(len(full)) if full[n : n + len(bare)] == bare), [])


def _bounded(backend: Tokenizer) -> None:
    """Raise ValueError where normaliser or decoder could turn a short text into one that fills the memory."""
    for part in (backend.normalizer, backend.decoder):
        state = {} if part is None else json.loads(part.__getstate__())
        if prod(_growths(state)) > GROWTH:
            raise ValueError(f"what it puts in place of characters makes a text more than {GROWTH} times longer")


def _growths(state: object) -> Iterator[float]:
    """Yield how many times longer each replacement in the ``state`` of a normaliser or decoder makes a text at most."""
    if isinstance(state, dict):
        if state.get("type") == "Replace":
            length, found = len(state["content"]), state["pattern"].get("String")
            yield max(1.0, length / len(found)) if found else 1.0 + length  # a pattern may find nothing, everywhere
        state = list(state.values())
    if isinstance(state, list):
        for value in state:
            yield from _growths(value)
