"""Which token a typeset letter belongs to."""

from __future__ import annotations

from app.reading.alignment import begin_at


def test_markup_is_passed_over() -> None:
    """Guards: marks that drift away from their words behind every asterisk and link."""
    source, shown = "**Once** [upon](https://a.b/on) a `time`", "Once upon a time"
    offsets = [source.index(word) for word in ("Once", " [upon", " a ", "`time")]
    assert [shown[at:] for at in begin_at(offsets, source, shown)][:1] == ["Once upon a time"]
    assert shown[list(begin_at(offsets, source, shown))[1] :].strip() == "upon a time"
    assert shown[list(begin_at(offsets, source, shown))[3] :].strip() == "time"


def test_positions_are_utf_16() -> None:
    """Guards: marks shifted by one behind every emoji."""
    assert list(begin_at([0, 1, 5], "🦊 fox den", "🦊 fox den")) == [0, 2, 6]


def test_signs_that_are_not_in_the_source_do_not_lead_astray() -> None:
    """Guards: an entity or a replaced sign after which nothing is found any more."""
    source, shown = "a &copy; b &amp; c", "a © b & c"
    assert [shown[at] for at in begin_at([source.index("b"), source.index("c", 9)], source, shown)] == ["b", "c"]
