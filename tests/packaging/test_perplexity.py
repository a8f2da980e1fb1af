"""The figure on a model's card, against transformers' own loss on the same tokens."""

from __future__ import annotations

import math
from pathlib import Path

import perplexity as measured
import torch

from tests.engine.model.tiny import CONFIGS, loaded, random_model


def test_it_is_the_mean_surprise_of_every_window(tmp_path: Path) -> None:
    """Guards: tokens shifted by one, windows that see each other, the last one forgotten; NF4 that changes nothing."""
    reference = random_model(CONFIGS["llama"])
    reference.save_pretrained(tmp_path)
    ids = torch.randint(0, 96, (50,), generator=torch.Generator().manual_seed(2))
    total = 0.0
    with torch.no_grad():
        for part in torch.split(ids, 20):
            loss = reference(part[None], labels=part[None]).loss
            total += float(loss) * (len(part) - 1)
    model = loaded(tmp_path)
    plain = measured.perplexity(model, ids, 20)
    assert abs(plain - math.exp(total / 47)) < 1e-3 * plain
    measured.pack(model)
    assert abs(measured.perplexity(model, ids, 20) - plain) > 1e-3 * plain


def test_the_text_is_there() -> None:
    """Guards: figures of another text, or of none."""
    assert 30_000 < len(measured.TEXT.read_text(encoding="utf-8")) < 40_000
