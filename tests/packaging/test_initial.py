"""What was taught before and packed is what is begun with: every kind, as it lies in assets/starter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from pack import pack
from torch import nn

from engine.errors import UpdraftError
from engine.events import finished
from engine.model import load
from engine.teaching.again import begun_with
from engine.teaching.course import Course
from engine.teaching.frozen import Frozen, config_of
from engine.teaching.kinds import KINDS
from engine.teaching.optimising import FURTHER
from engine.teaching.plan import Plan
from engine.teaching.rounding import rounded
from engine.teaching.saving import digests
from tests.engine.family import write_model, write_tokenizer

FEW = torch.arange(0, 240, 3)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    folder = tmp_path_factory.mktemp("target")
    write_model(folder, layers=8, width=64, vocabulary=write_tokenizer(folder), seed=1)
    return Frozen(finished(load(folder, torch.device("cpu"))), (0,), config_of(folder))


def made(target: Frozen, kind: str, layers: int = 3) -> Any:
    torch.manual_seed(0)
    begun: Any = KINDS[kind].begin(target, FEW, **({"layers": layers} if KINDS[kind].share else {}))
    for weight in begun.learns.parameters():
        nn.init.normal_(weight, std=0.1)
    return begun


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_it_begins_with_what_was_packed(kind: str, target: Frozen, tmp_path: Path) -> None:
    """Guards against a course that begins anew although it was given a better one, or with another's layers."""
    before, packed = made(target, kind), tmp_path / "all" / kind
    before.save(tmp_path / "made", {})
    pack(tmp_path / "made", packed)
    begun = begun_with(packed, KINDS[kind].role, target)
    first = begun(torch.arange(5), **({"layers": 3} if KINDS[kind].share else {}))
    assert (first.pace, first.begun) == (FURTHER, digests(packed))
    for weight in before.learns.parameters():
        weight.data.copy_(weight.bfloat16())  # as it was saved before it was packed
    with rounded(each for each in before.stored if len(each) > 1):  # files keep a single row as it is
        for (name, one), (_, other) in zip(
            before.learns.named_parameters(), first.learns.named_parameters(), strict=True
        ):
            torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-6, msg=name)
    if kind in ("head", "block"):
        assert torch.equal(first.drafter.get_buffer("few"), FEW), "its head is for the tokens it was for"


def test_layers_that_are_missed_least_go(target: Frozen, tmp_path: Path) -> None:
    before = made(target, "qualifier")
    before.save(tmp_path, {})
    begun = begun_with(tmp_path, "qualifier", target)(FEW, layers=2).weights()
    for layer, place in enumerate((0, 2)):
        name = "mlp.up_proj.weight"
        stored = before.weights()[f"layers.{place}.{name}"].bfloat16().float()
        assert torch.equal(begun[f"layers.{layer}.{name}"], stored)


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [("head", "block", "is no head"), ("block", "exits", "does not learn on"), ("exits", "head", "no early exits")],
)
def test_one_of_another_kind_is_refused(kind: str, given: str, says: str, target: Frozen, tmp_path: Path) -> None:
    """It is said before the target has written anything."""
    made(target, given).save(tmp_path, {})
    with pytest.raises(UpdraftError, match=says):
        begun_with(tmp_path, KINDS[kind].role, target)


def test_a_model_of_another_shape_is_refused(target: Frozen, tmp_path: Path) -> None:
    write_model(tmp_path, layers=3, width=32, vocabulary=len(target.ends.head), seed=1)
    with pytest.raises(UpdraftError, match="no layers like"):
        begun_with(tmp_path, "draft", target)
    made(target, "draft").save(tmp_path, {})
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UpdraftError, match=r"lacks the tensor model\.layers"):
        begun_with(tmp_path, "draft", target)


def test_its_card_says_what_it_began_with(target: Frozen, tmp_path: Path) -> None:
    """Killed on its way it goes on at the same pace, and remembers, though what it began with has been replaced."""
    made(target, "exits").save(tmp_path / "before", {})
    files = digests(tmp_path / "before")
    prompts = [[7 + number, 8, 9 + number] for number in range(40)]
    plan = Plan(5.0, rows=6, longest=12, batch=96, few=200, places=40)

    def course(begin: Any) -> Course:
        ticks = count()
        return Course(tmp_path / "course", target, prompts, plan, begin, clock=lambda: next(ticks) / 10)

    killed = course(begun_with(tmp_path / "before", "exits", target))
    steps: Iterator[Any] = killed.run()
    next(news for news in steps if news.doing == "learning" and news.done > 0.6)
    killed._keep()
    again = course(partial(KINDS["exits"].begin, target))
    list(again.run())
    again.finish(tmp_path / "made", {})
    assert json.loads((tmp_path / "made" / "card.json").read_text())["begun with"] == files
    assert getattr(again.learner, "pace", None) == FURTHER
