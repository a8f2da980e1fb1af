"""Text to tokens and back: whole characters only, and ghosts with their own text."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from engine.config import ModelSet
from engine.errors import CheckpointError
from engine.tokenizer import ChatTokenizer


@pytest.fixture(scope="module")
def tokenizer(family: ModelSet) -> ChatTokenizer:
    return ChatTokenizer(family.target)


def test_a_text_cut_at_every_token_streams_the_same(tokenizer: ChatTokenizer) -> None:
    """Characters of several bytes arrive in pieces; showing half of one prints a replacement mark."""
    text = "Héllo wörld — 日本語, 😀!"
    prompt = tokenizer.render([("user", "hi")])
    ids = tokenizer.render([("user", text)])[1:-2]
    stream = tokenizer.stream(prompt)
    pieces = [stream.push(token) for token in ids]
    assert "".join(pieces) == text
    assert not any("�" in piece for piece in pieces)


def test_pieces_carry_their_spaces(tokenizer: ChatTokenizer) -> None:
    """A rejected token is shown with the space it would have had."""
    ids = tokenizer.render([("user", "over the lazy dog")])[:-2]
    assert "".join(tokenizer.piece(a, b) for a, b in pairwise(ids)) == "over the lazy dog"
    end = next(iter(tokenizer.ends))
    assert tokenizer.piece(ids[0], end) == ""


def test_one_turn_is_a_prefix_of_the_next(tokenizer: ChatTokenizer) -> None:
    """Prefix reuse depends on it."""
    one = tokenizer.render([("user", "hello")])
    two = tokenizer.render([("user", "hello"), ("assistant", "fox"), ("user", "again")])
    assert two[: len(one)] == one


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    """The weights alone cannot chat; say which files are missing."""
    with pytest.raises(CheckpointError, match="tokenizer"):
        ChatTokenizer(tmp_path)
