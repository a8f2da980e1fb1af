"""Checkpoint folders for the tests of this room."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedModel

from tests.engine.model.tiny import CONFIGS, random_model


@pytest.fixture(scope="session")
def checkpoint_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, PreTrainedModel]]:
    """Give a variant's checkpoint folder and the transformers model it was written from; each is made once."""
    made: dict[str, tuple[Path, PreTrainedModel]] = {}

    def checkpoint(variant: str) -> tuple[Path, PreTrainedModel]:
        if variant not in made:
            folder, model = tmp_path_factory.mktemp(variant), random_model(CONFIGS[variant])
            model.save_pretrained(folder)
            made[variant] = folder, model
        return made[variant]

    return checkpoint


@pytest.fixture
def llama(checkpoint_of: Callable[[str], tuple[Path, PreTrainedModel]], tmp_path: Path) -> Path:
    """Give a Llama checkpoint of this test's own, to be damaged at will."""
    folder = tmp_path / "llama"
    shutil.copytree(checkpoint_of("llama")[0], folder)
    return folder
