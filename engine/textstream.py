"""Ids to text as they come: whole characters only, and nothing of the text before them."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from engine.tokenizer_files import told

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")  # how vocabularies with byte fallback spell one
_BEFORE = "a"  # any text at all: what follows it keeps its space
_LONGEST = 4  # bytes of a character in UTF-8


class Pieces:
    """The bytes that each token of ``backend`` stands for; one token may be a part of a character.

    ``skipped``: tokens that are no text, such as those that end a turn.
    """

    def __init__(self, backend: Tokenizer, skipped: frozenset[int]) -> None:
        self._backend, self.skipped = backend, skipped
        state = {} if backend.decoder is None else json.loads(backend.decoder.__getstate__())
        self._kinds = {each.get("type") for each in state.get("decoders", [state])}
        self.of = lru_cache(maxsize=65536)(self._of)

    def _of(self, token: int, first: bool) -> bytes:
        """Return the bytes of ``token``; ``first``: no text comes before it, so some take no leading space."""
        spelling = self._backend.id_to_token(token)
        if spelling is None:
            return b""
        if "ByteLevel" in self._kinds:
            known = all(character in _BYTES for character in spelling)
            return bytes(_BYTES[character] for character in spelling) if known else spelling.encode()
        if "ByteFallback" in self._kinds and (byte := _BYTE.fullmatch(spelling)):
            return bytes([int(byte[1], 16)])
        return self._text(spelling, first).encode(errors="replace")

    def _text(self, spelling: str, first: bool) -> str:
        decoder = self._backend.decoder
        if decoder is None:
            return spelling if first else f" {spelling}"
        with told("cannot turn its tokens into text"):
            if first:
                return str(decoder.decode([spelling]))
            return str(decoder.decode([_BEFORE, spelling]))[len(decoder.decode([_BEFORE])) :]


class TextStream:
    """Turns settled tokens into text as they come; holds back bytes until their character is whole.

    ``prompt``: the ids before them; a character it left unfinished belongs to the tokens that finish it, nothing else
    of it is text. ``shown``: what stands for tokens that are skipped otherwise.
    """

    def __init__(self, pieces: Pieces, prompt: Sequence[int], shown: Mapping[int, str] | None = None) -> None:
        self._pieces, self._shown = pieces, shown or {}
        self._tail = b""  # of a character that is not whole yet
        self._borrowed = 0  # how many bytes of it are the prompt's
        self._first = True  # no text comes before
        recent = prompt[-_LONGEST:]
        for token in recent:
            self.push(token)
        self._borrowed = len(self._tail)
        self._first = self._first and all(token in pieces.skipped for token in prompt[: len(prompt) - len(recent)])

    def push(self, token: int) -> str:
        """Return the text that became final with ``token``; empty while a character is unfinished."""
        if token in self._pieces.skipped:
            self._tail, self._borrowed = b"", 0  # nothing finishes a character across the end of a turn
            return self._shown.get(token, "")
        new = self._pieces.of(token, self._first)
        self._first = False
        text, tail = _whole(self._tail + new)
        if text and self._borrowed:
            if text.startswith("\ufffd"):
                text, tail = _whole((self._tail + new)[self._borrowed :])
            self._borrowed = 0
        self._tail = tail
        return text


def _whole(data: bytes) -> tuple[str, bytes]:
    """Return the characters of ``data`` and the bytes at its end that may become one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    return text, decoder.getstate()[0]


def _byte_of_character() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for, as GPT-2 chose them."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + n): byte for n, byte in enumerate(hidden)}


_BYTES = _byte_of_character()
