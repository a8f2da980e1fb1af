"""What a drafter's card says is what planning begins with, and a card that says nothing is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import TARGET, Head, InnerHead, Model, ModelSet
from engine.decoding.planning.agreement import Agreements
from engine.decoding.planning.cards import EASIER, cards_of

HELD = {"overlap": [0.8, 0.6], "kept": [0.8, 0.7], "noise": [0.72, 0.54]}


def told(folder: Path, card: object) -> Agreements:
    (folder / "card.json").write_text(json.dumps(card))
    return Agreements(told=cards_of(ModelSet("x", {"target": folder, "head": folder, "draft-head": folder})))


@pytest.mark.parametrize("card", [{"held out": HELD}, {"held out": {"alone": HELD, "in conversations": {}}}])
def test_a_card_is_believed_until_tokens_are_seen(tmp_path: Path, card: object) -> None:
    """Shares of draws that share their noise, given that all before were kept; flat guesses behind the last."""
    known, top = told(tmp_path, card), Model(TARGET)
    assert known.shares(Head(), top)[:2] == pytest.approx((0.72 * EASIER, 0.63 * EASIER))
    assert known.shares(Head(), Model("draft"))[0] == pytest.approx(0.6), "it says nothing of others"
    inner = InnerHead("draft")
    assert known.shares(inner, Model("draft"))[:2] == known.shares(Head(), top)[:2], "it was made for the draft"
    assert known.shares(inner, top)[0] == pytest.approx(0.6)
    for _ in range(200):
        known.learn(Head(), top, 0, fell=True)
    assert known.shares(Head(), top)[0] < 0.1


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"held out": []},
        {"held out": {}},
        {"held out": HELD | {"kept": ["a"]}},
        {"held out": HELD | {"overlap": [0, 0]}},
        {"held out": HELD | {"noise": [7.2, 5.4]}},
        {"held out": HELD | {"kept": []}},
    ],
)
def test_what_is_no_card_is_passed_over(tmp_path: Path, card: object) -> None:
    """A set that does not load because of a note that lies beside it."""
    assert not told(tmp_path, card).told
