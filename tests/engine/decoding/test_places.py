"""Places: the same as a search finds, however the text grew and was cut."""

from __future__ import annotations

import random

from engine.decoding.matching import match
from engine.decoding.places import Places


def test_finds_what_a_search_does() -> None:
    """Few kinds of tokens, so that matches of every length come about; what was cut must leave no trace."""
    dice, found = random.Random(3), set[int]()
    for longest, shortest in ((3, 2), (16, 1), (5, 1), (2, 2)):
        text, places = list[int](), Places()
        for _ in range(300):
            more = [dice.randrange(5) for _ in range(dice.randint(1, 3))]
            text += more
            places.take(more)
            if dice.random() < 0.4:
                del text[dice.randint(max(len(text) - 4, 0), len(text)) :]
                places.cut(len(text))
            if len(text) < 50:  # beyond that not every place is tried
                assert places.find(text, longest, shortest) == (match(text, longest, shortest) or (0, 0))
            else:
                del text[dice.randint(0, 20) :]
                places.cut(len(text))
            found.add(places.find(text, longest, shortest)[0])
    assert {0, 1, 2, 3, 5} <= found
