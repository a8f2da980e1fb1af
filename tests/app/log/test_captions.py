"""What levels are called, in people's words and in technical ones."""

from __future__ import annotations

import pytest

from app.log.captions import captions_of
from engine.events import LevelInfo
from tests.app.scripted import LEVELS

DRAFT, QUALIFIER = LevelInfo("Draft", "12 layers, 88 M", "model"), LevelInfo("Qualifier", "16 layers, 1.2 B", "model")
HEAD, BLOCK = LevelInfo("Head", "reads layers 2, 16, 29", "head"), LevelInfo("Block", "reads layers 2, 10, 18", "block")
LOOKUP, TARGET = LevelInfo("Lookup", "2 to 4 tokens", "lookup"), LevelInfo("Target", "32 layers, 8.0 B", "model")


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        (LEVELS, ["Guesser", "Checker", "Big model"]),
        ((DRAFT, QUALIFIER, TARGET), ["Guesser", "Checker", "Big model"]),
        ((QUALIFIER, TARGET), ["Guesser", "Big model"]),
        ((LOOKUP, TARGET), ["Copier", "Big model"]),
        ((HEAD, TARGET), ["Guesser", "Big model"]),
        ((BLOCK, TARGET), ["Guesser", "Big model"]),
        ((LOOKUP, DRAFT, QUALIFIER, TARGET), ["Copier", "Checker 1", "Checker 2", "Big model"]),
        ((TARGET,), ["Big model"]),
        ((LevelInfo("Riddle", "", "of a later version"), TARGET), ["Guesser", "Big model"]),
    ],
)
def test_a_level_is_called_after_what_it_does(levels: tuple[LevelInfo, ...], names: list[str]) -> None:
    """Guards: a qualifier that drafts called a checker, two levels of a chain by one name."""
    plain, technical = captions_of(levels, technical=False), captions_of(levels, technical=True)
    assert [caption.name for caption in plain] == names
    assert [caption.beside for caption in plain] == [level.title for level in levels]
    assert [caption.name for caption in technical] == [caption.noun for caption in technical]
    assert [caption.name for caption in technical] == [level.title for level in levels]
    for caption in (*plain, *technical):
        assert caption.meaning.endswith(".")
        assert caption.name.lower() in caption.meaning.lower()
        assert caption.subject[0].isupper()


def test_a_caption_says_what_it_is() -> None:
    """Guards: one explanation for a model of its own, early layers and no model at all."""
    guessers = {chain[0].kind: captions_of((*chain, TARGET), technical=False)[0].meaning for chain in (
        (LEVELS[0],), (DRAFT,), (LOOKUP,), (HEAD,), (BLOCK,),
    )}  # fmt: skip
    assert "first part of the big model (2 of 16 layers)" in guessers["exit"]
    assert "a small model" in guessers["model"]
    assert "no model runs" in guessers["lookup"]
    assert "a small head that reads layers 2, 16, 29 of the big model, and guesses" in guessers["head"]
    assert "a small network that reads layers 2, 10, 18 of the big model, and guesses several" in guessers["block"]
    assert "the checker" in captions_of(LEVELS, technical=True)[1].meaning
