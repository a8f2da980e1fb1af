"""What transformers is lent of a model in groups that a GPU would hold, on a processor."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from engine.architecture.holding import Holding
from engine.events import finished
from engine.model.checkpoint import open_checkpoint
from engine.model.loading import _Loader
from engine.teaching.lending import InGroups, lent
from engine.teaching.writing import records
from tests.engine.model.tiny import CONFIGS, group, loaded, logits, random_model

TEXT = torch.arange(0, 90, 3)


@torch.inference_mode()
@pytest.mark.parametrize("variant", ["biased", "qwen3"])
def test_groups_are_lent_as_the_file_has_them(tmp_path: Path, variant: str) -> None:
    """Rows cut elsewhere than the matrices end, another's bias, a step recorded that unpacks all weights anew."""
    random_model(CONFIGS[variant]).save_pretrained(tmp_path)
    worth = group(tmp_path, 4)
    with ExitStack() as files:
        checkpoint = open_checkpoint(tmp_path)
        held = Holding("cuda").of(checkpoint.architecture, checkpoint.kept())
        model = finished(_Loader(checkpoint, torch.device("cpu"), files, held).model())
    theirs = lent(model)
    for number, layer in enumerate(theirs.model.layers):
        parts = {name: part for name, part in layer.named_modules() if name.endswith("_proj")}
        assert len(parts) == 7
        for name, part in parts.items():
            assert isinstance(part, InGroups)
            assert torch.equal(part.weight, worth[f"model.layers.{number}.{name}.weight"].bfloat16())
    found, exact = theirs(TEXT[None]).logits[0].float(), logits(loaded(tmp_path), TEXT)
    assert (found - exact).norm() < 0.2 * exact.norm()
    assert torch.equal(found, lent(model, dense=torch.bfloat16)(TEXT[None]).logits[0].float())
    assert not records(theirs)
