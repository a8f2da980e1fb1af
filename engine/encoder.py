"""Text to ids: a control token where the template writes one, never where a text merely spells it."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import UpdraftError
from engine.tokenizer_files import told

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

LONGEST = 16_000_000  # characters; no context holds as many, and every step of encoding takes memory
_NOTHING = -1  # the id of what only cuts
_ANCHORS = ("\n", ",", "0", "a")  # texts that a following one seldom merges with


class Encoder:
    """The encoding side of ``backend``. Ids from ``rows`` on count as controls, since the model has no row for them.

    What somebody wrote goes through ``mark`` before the template sees it; ``encode`` takes what the template made of
    it. Text that spells no control is encoded by the tokenizer as it is.
    """

    def __init__(self, backend: Tokenizer, rows: int = sys.maxsize) -> None:
        self._backend = backend
        self._added = backend.get_added_tokens_decoder()
        controls = {id_: token.content for id_, token in self._added.items() if _is_control(token) or id_ >= rows}
        self._controls = dict(sorted(controls.items(), key=lambda item: -len(item[1])))  # the longest match wins
        self._mark, self._own = secrets.token_hex(16), secrets.token_hex(16)  # nobody can have written them
        self._pattern = re.compile("|".join(map(re.escape, self._controls.values())) or r"(?!)")
        self._ids = {content: id_ for id_, content in self._controls.items()}
        normalised = any(self._added[id_].normalized for id_ in self._controls)
        self._folds = normalised and backend.normalizer is not None  # other letters may become a control's
        self._plain: Tokenizer | None = None
        self._real: dict[int, int] = {}

    def mark(self, text: str) -> str:
        """Return ``text`` with every spelling of a control replaced by a mark for it."""
        return self._pattern.sub(lambda found: f"{self._mark}{self._ids[found[0]]:07}", text)

    def control_at(self, text: str) -> int | None:
        """Return the control that ``text`` begins with, or None."""
        found = self._pattern.match(text)
        return None if found is None else self._ids[found[0]]

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``, in which a mark is the plain spelling; raises CheckpointError, UpdraftError."""
        if len(text) > LONGEST:
            raise UpdraftError(
                f"The conversation is {len(text):,} characters long, more than any model here can read.",
                "Start a new chat, or shorten the last message.",
            )
        with told("fails on this conversation"):
            if self._mark not in text:
                ids = list(self._backend.encode(text, add_special_tokens=False).ids)
                if not self._folds or self._count(ids) <= len(self._pattern.findall(text)):
                    return ids
            ids = self._spelled(text, "")
            if self._count(ids):  # a vocabulary whose ordinary pieces spell a control
                ids = self._spelled(text, self._own)
            return [self._real.get(id_, id_) for id_ in ids if self._real.get(id_) != _NOTHING]

    def behind(self, written: str, text: str) -> Iterator[list[int]]:
        """Yield ways to encode ``text`` as it follows ``written``, the best first.

        Some tokenizers put a space before a text they are given alone, or merge its beginning with what is before it.
        """
        text, before = self.mark(text), self.encode(written)
        for begun in (text, text.removeprefix(" ")):
            whole = self.encode(written + begun)
            if whole[: len(before)] == before:
                yield whole[len(before) :]
        for anchor in _ANCHORS:
            head, both = self.encode(anchor), self.encode(anchor + text)
            if both[: len(head)] == head:
                yield both[len(head) :]
        yield self.encode(text)

    def _count(self, ids: list[int]) -> int:
        return sum(id_ in self._controls for id_ in ids)

    def _spelled(self, text: str, cut: str) -> list[int]:
        """Return the ids of ``text`` by the tokenizer that knows controls by secret names alone, ``cut`` in spellings.

        Controls that are in ``text`` itself are the template's: they get their secret names; the marks become text.
        """
        if self._plain is None:
            self._plain = self._renamed()
        text = self._pattern.sub(lambda found: f"{self._own}{self._ids[found[0]]:07}", text)

        def plain(found: re.Match[str]) -> str:
            control = self._controls[int(found[1])]
            return control[0] + cut + control[1:]

        return list(self._plain.encode(re.sub(self._mark + r"(\d{7})", plain, text), add_special_tokens=False).ids)

    def _renamed(self) -> Tokenizer:
        """Return a tokenizer over the same model whose controls have secret names, and note what its ids stand for.

        Everything else about them is as it was, so that a text is cut at the same places. The secret itself cuts too.
        """
        from tokenizers import AddedToken, Tokenizer

        other = Tokenizer(self._backend.model)
        other.normalizer, other.pre_tokenizer = self._backend.normalizer, self._backend.pre_tokenizer
        names = {id_: f"{self._own}{id_:07}" if id_ in self._controls else t.content for id_, t in self._added.items()}
        for id_, token in sorted(self._added.items()):
            same = {name: getattr(token, name) for name in ("single_word", "lstrip", "rstrip", "special")}
            normalized = token.normalized and id_ not in self._controls
            other.add_tokens([AddedToken(names[id_], **same, normalized=normalized)])
        other.add_tokens([AddedToken(self._own, normalized=False)])
        known = other.get_vocab()
        self._real = {known[name]: id_ for id_, name in names.items()} | {known[self._own]: _NOTHING}
        return other


def _is_control(token: AddedToken) -> bool:
    """Tell whether an added ``token`` is a control of the model's and not just a word or a run of spaces."""
    text = token.content
    edges = f"{text[:1]}{text[-1:]}"
    return bool(token.special or (len(text) > 2 and not any(edge.isalnum() or edge.isspace() for edge in edges)))
