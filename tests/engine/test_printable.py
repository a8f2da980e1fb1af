"""What reaches a terminal from a model or from the Hub."""

from __future__ import annotations

import random
import unicodedata

import pytest

from engine.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x9b31m", "<009B>31m"),
        ("a\u202eb", "a<202E>b"),
        ("a\r\nb\tc", "a␍␊b␉c"),
        ("\x7f\x00", "␡␀"),
        ("\ud800", "<D800>"),
    ],
)
def test_controls_are_shown(text: str, shown: str) -> None:
    """Guards against a model or a licence that clears the screen, sets the title or writes the clipboard."""
    assert printable(text) == shown


def test_text_is_left_alone() -> None:
    """Guards against words of any language, or an emoji's joiners, being spelled out."""
    for text in ("Straße, naïve, 日本語", "שלום\u200f!", "👩\u200d👩\u200d👧", "क्\u200dष"):
        assert printable(text) == text
    assert printable("one\n\ttwo", keep="\n\t") == "one\n\ttwo"


def test_nothing_steers_whatever_comes() -> None:
    """Guards the kind, not the cases: of any text whatever no control character is left, and all else is."""
    dice = random.Random(3)
    for _ in range(200):
        text = "".join(chr(dice.choice((dice.randrange(0xA0), dice.randrange(0x2100), 0x1B))) for _ in range(40))
        shown = printable(text, keep="\n")
        assert all(unicodedata.category(each) != "Cc" or each == "\n" for each in shown)
        plain = [each for each in text if unicodedata.category(each) not in {"Cc", "Cf", "Zl", "Zp"}]
        rest = iter(shown)
        assert all(each in rest for each in plain)
