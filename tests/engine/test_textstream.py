"""Ids to text: whole characters, nothing of the prompt, and the same text however it is cut."""

from __future__ import annotations

import random
from itertools import takewhile

import pytest
from tokenizers import Tokenizer, decoders, models

from engine.textstream import Pieces, TextStream
from tests.engine.vocabularies import KINDS, backend_of, sample

CONTROLS = {"smollm2": "<|im_end|>", "thinking": "<|im_end|>", "llama2": "</s>", "metaspace": "</s>"}


def streamed(backend: Tokenizer, prompt: list[int], reply: list[int]) -> list[str]:
    specials = {id_ for id_, token in backend.get_added_tokens_decoder().items() if token.special}
    stream = TextStream(Pieces(backend, frozenset(specials)), prompt)
    return [stream.push(token) for token in reply]


def common(one: str, other: str) -> str:
    """Return what both begin with."""
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_streams_what_the_reply_adds(kind: str) -> None:
    """Guards: bytes of the prompt in the answer, lost text behind a Continue, a space too many or too few."""
    backend, draw = backend_of(kind), random.Random(7)
    for _ in range(12):
        ids = backend.encode(sample(draw)).ids
        whole = backend.decode(ids)
        shown = ""  # the whole characters of the prompt: one more byte may turn all before it into marks
        for cut in range(len(ids) + 1):
            shown = max(shown, common(backend.decode(ids[:cut]), whole), key=len)
            assert "".join(streamed(backend, ids[:cut], ids[cut:])) == whole[len(shown) :]


@pytest.mark.parametrize("kind", KINDS)
def test_a_character_the_prompt_breaks_off_stays_out(kind: str) -> None:
    """Guards: "��� It": the prompt's half emoji, cut by a control token or not, shown in the answer."""
    backend = backend_of(kind)
    control = backend.get_vocab()[CONTROLS[kind]]
    emoji, reply = (
        backend.encode("x😀", add_special_tokens=False).ids,
        backend.encode("It is", add_special_tokens=False).ids,
    )
    expected = backend.decode([*emoji, *reply])[len(backend.decode(emoji)) :]
    for cut in range(1, len(emoji) + 1):
        for between in ([], [control], [control, control]):
            assert "".join(streamed(backend, [*emoji[:cut], *between], reply)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_what_grows_is_whole_characters(kind: str) -> None:
    """Guards: a replacement mark that is taken back later, or stored where a reply was stopped."""
    backend, draw = backend_of(kind), random.Random(8)
    for _ in range(30):
        text = sample(draw)
        ids = backend.encode(text).ids
        whole, grown = backend.decode(ids), ""
        for piece in streamed(backend, [], ids):
            grown += piece
            assert whole.startswith(grown)
        assert grown == whole


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_are_no_character_are_shown_once(kind: str) -> None:
    """A model may write a byte that nothing can complete: one mark, and the text goes on."""
    backend = backend_of(kind)
    lone = backend.encode("😀", add_special_tokens=False).ids[-1]
    reply = backend.encode("It", add_special_tokens=False).ids
    prompt = backend.encode("x").ids
    shown = "".join(streamed(backend, prompt, [lone, *reply]))
    assert shown.startswith("\ufffd")
    assert shown.endswith("It")
    assert shown.count("\ufffd") == 1


def test_other_decoders_are_asked() -> None:
    """WordPiece puts spaces between words, a tokenizer without a decoder between all tokens."""
    words = {"[UNK]": 0, "he": 1, "##llo": 2, "you": 3}
    backend = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))  # noqa: S106 - no password
    for decoder in (decoders.WordPiece(), None):
        if decoder is not None:
            backend.decoder = decoder
        ids = [1, 2, 3]
        assert "".join(streamed(backend, [], ids)) == backend.decode(ids)
        assert "".join(streamed(backend, ids[:2], ids[2:])) == backend.decode(ids)[len(backend.decode(ids[:2])) :]
