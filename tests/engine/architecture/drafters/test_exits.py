"""Adapters at early exits: what their config.json has to say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.architecture import Architecture, read_architecture
from engine.architecture.drafters import ExitsShape, read_drafter
from engine.config import ModelSet, models_in
from engine.errors import CheckpointError
from engine.library.fitting import role_for
from tests.engine.adapters import write_exits


@pytest.fixture
def target(family: ModelSet) -> Architecture:
    return read_architecture(family.target)


def test_a_folder_of_adapters_is_read(family: ModelSet, target: Architecture, tmp_path: Path) -> None:
    """Its tensors are those of a decoder layer and a norm for each depth, and a set takes it in by its name."""
    tensors = write_exits(tmp_path / "exits", target, (2, 5))
    shape = read_drafter(tmp_path / "exits", target)
    assert isinstance(shape, ExitsShape)
    assert (shape.depths, shape.taps, shape.decoder.layers) == ((2, 5), (2, 5), 1)
    assert shape.tensors() == {name: tuple(each.shape) for name, each in tensors.items()}
    assert role_for(tmp_path / "exits", family.target) == "exits"
    assert models_in(tmp_path).models["exits"] == tmp_path / "exits"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vocab_size": 77}, "made for another model, with 77 tokens"),
        ({"num_target_layers": 30}, "with 30 layers; this one has 8"),
        ({"head_dim": None}, "lacks head_dim"),
        ({"exit_layers": None}, "lacks exit_layers"),
        ({"exit_layers": "2, 5"}, "a list of the target's layers"),
        ({"exit_layers": [5, 2]}, "not rising depths"),
        ({"exit_layers": [2, 8]}, "not rising depths of a model of 8 layers"),
        ({"exit_layers": [2, 4]}, r"lacks the tensor exits\.4"),
        ({"exit_layers": [2]}, r"holds the tensor exits\.5"),
    ],
)
def test_what_does_not_suit_the_model_is_refused(
    changes: dict[str, object], says: str, target: Architecture, tmp_path: Path
) -> None:
    """In a sentence, before a weight is read."""
    write_exits(tmp_path, target, (2, 5), changes=changes)
    with pytest.raises(CheckpointError, match=says):
        read_drafter(tmp_path, target)
