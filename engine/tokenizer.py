"""Chat to tokens and back: the checkpoint's own template on the way in, never half a character on the way out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from engine.encoder import Encoder
from engine.errors import CheckpointError, ModelSetError, TemplateError
from engine.events import finished
from engine.files import read_object
from engine.template import Messages, Prompt, Template
from engine.textstream import Pieces, TextStream
from engine.thoughts import Marks, Unified, answer_of
from engine.tokenizer_files import read_tokenizer

# For base checkpoints, which were never taught a chat format.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].capitalize() }}: {{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


class ChatTokenizer:
    """The tokenizer of a checkpoint folder; ``name`` is what its model is called in a sentence.

    ``ends``: the tokens that end a turn. ``size``: the number of ids; a model may have more rows, never used.
    ``stops``: texts that end a turn for a model without a chat format. Raises CheckpointError where the folder has no
    tokenizer.json, or one that cannot be used.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self.folder = folder
        files = read_tokenizer(folder)
        self._backend = files.backend
        self._vocabulary: dict[str, int] = files.backend.get_vocab()
        self.size = max(self._vocabulary.values(), default=-1) + 1
        self._begins, self.stops = list[int](), tuple[str, ...]()
        template = files.template
        if not template:
            template, self.stops, self._begins = PLAIN_TEMPLATE, ("\nUser:", "\nSystem:"), files.begins
        self.template = Template(template, name or folder.name, files.specials)
        self._added = files.backend.get_added_tokens_decoder()
        self._encoder = Encoder(files.backend)
        ends = _end_tokens(folder, self._vocabulary.get(files.specials.get("eos_token", "")))
        self.ends = frozenset(token for token in (*ends, *self._closing()) if 0 <= token < self.size)
        self.marks = Marks.found([token.content for token in self._added.values()], self.template.source)
        known = [mark for pair in self.marks.pairs for mark in pair if mark in self._vocabulary]
        self._marks = {mark: self._vocabulary[mark] for mark in known}
        specials = {id_ for id_, token in self._added.items() if token.special}
        self._pieces = Pieces(files.backend, self.ends | specials)
        self._shown = lru_cache(maxsize=65536)(self._piece)

    def fit(self, rows: int) -> None:
        """Keep to a model with ``rows`` tokens: ids from there on are neither read nor written.

        Fewer than the tokenizer has are enough where only added tokens are left out; raises ModelSetError otherwise.
        """
        if rows >= self.size:
            return
        if not all(id_ in self._added for id_ in self._vocabulary.values() if id_ >= rows):
            raise ModelSetError(
                f"{self.folder.name} has {rows:,} rows for {self.size:,} tokens.",
                "The tokenizer beside these weights belongs to another model; download the model again.",
            )
        self.size = rows
        self.ends = frozenset(token for token in self.ends if token < rows)
        self._begins = [token for token in self._begins if token < rows]
        self._marks = {mark: token for mark, token in self._marks.items() if token < rows}
        self._encoder = Encoder(self._backend, rows)

    def render(self, messages: Messages, opening: str = "") -> list[int]:
        """Return the conversation as token ids, up to where the assistant's next words begin: behind ``opening``.

        The ids without an opening are always a prefix of those with one, so that caches can be reused. Raises
        TemplateError.
        """
        return self.encode(finished(self.rendering(messages)), opening)

    def rendering(self, messages: Messages, *, thinking: bool | None = None) -> Generator[float, None, Prompt]:
        """Return what the template writes of ``messages``, without thoughts of earlier answers; see Template.

        Control tokens that a message spells are marked in it: only ``encode`` reads such a prompt.
        """
        said = [(role, answer_of(content) if role == "assistant" else content) for role, content in messages]
        turns = [(role, self._encoder.mark(content)) for role, content in said]
        return self.template.rendering(turns, thinking=thinking)

    def encode(self, prompt: Prompt, opening: str = "") -> list[int]:
        """Return the ids of ``prompt`` and of ``opening`` behind it.

        Raises TemplateError where there are none or the model has no row for one, CheckpointError where the tokenizer
        fails.
        """
        ids, written = self._begun(self._encoder.encode(prompt.text)), prompt.text
        if len(ids) == len(self._begins):
            raise self.template.fault("what it writes is nothing to the tokenizer")
        if (odd := max(ids)) >= self.size:
            raise self.template.fault(f"it writes {self._backend.id_to_token(odd)}, which the model does not know")
        parts = self.marks.spelled(opening, opened=self.marks.open_in(prompt.text))
        for is_mark, some in groupby(parts, self._marks.__contains__):
            group = list(some)
            text = "".join(group)
            ids += [self._marks[mark] for mark in group] if is_mark else self._continue(ids, written, text)
            written += text if is_mark else self._encoder.mark(text)
        return ids

    def _begun(self, ids: list[int]) -> list[int]:
        """Return ``ids`` behind what the tokenizer itself puts before a text, which a chat template writes itself."""
        begins = self._begins
        return ids if ids[: len(begins)] == begins else [*begins, *ids]

    def _continue(self, prompt: list[int], written: str, text: str) -> list[int]:
        """Return the ids of ``text`` as it follows ``prompt``, the ids of ``written``: what streams as ``text``."""
        first: list[int] | None = None
        for found in self._encoder.behind(written, text):
            stream = self.stream(prompt)
            if "".join(stream.push(token) for token in found) == text:
                return found
            first = found if first is None else first
        return first or []

    def _closing(self) -> list[int]:
        """Return the control token that the template writes behind an answer, if it does."""
        said, answer = [("user", "Hello"), ("assistant", "updraft"), ("user", "Thanks")], "updraft"
        try:
            _, found, rest = finished(self.template.rendering(said)).text.partition(answer)
        except TemplateError:  # said when something is asked
            return []
        control = self._encoder.control_at(rest.lstrip()) if found else None
        return [] if control is None else [control]

    def unified(self, prompt: Prompt, opening: str = "") -> Unified:
        """Return what puts the thoughts of an answer to ``prompt``, which began with ``opening``, in one spelling."""
        return Unified(self.marks, opened=self.marks.open_in(prompt.text), before=opening)

    def piece(self, previous: int, token: int) -> str:
        """Return the text ``token`` adds behind ``previous``; a part of a character shows as U+FFFD."""
        return self._shown(previous, token)

    def _piece(self, previous: int, token: int) -> str:
        if token in self._pieces.skipped:
            return "" if token in self.ends else str(self._backend.id_to_token(token))
        text = TextStream(self._pieces, [previous]).push(token)
        return text or ("\ufffd" if self._pieces.of(token, False) else "")

    def stream(self, prompt: Sequence[int]) -> TextStream:
        """Return a stream of the text that follows ``prompt``."""
        skipped = self._pieces.skipped
        return TextStream(self._pieces, prompt, {token: m for m, token in self._marks.items() if token in skipped})

    def shares_vocabulary(self, other: ChatTokenizer) -> None:
        """Raise ModelSetError unless both map the same texts to the same ids."""
        if self._vocabulary != other._vocabulary:
            raise ModelSetError(
                f"{self.folder.name} and {other.folder.name} do not share a vocabulary, "
                "so one cannot judge the other's tokens.",
                "Use models of one family, such as Qwen3 0.6B, 1.7B and 8B.",
            )

    def covered_by(self, other: ChatTokenizer) -> None:
        """Raise ModelSetError unless the model of ``other`` has a row for every token this one's model can write."""
        if other.size < self.size:
            raise ModelSetError(
                f"{other.folder.name} knows {other.size:,} of the {self.size:,} tokens of {self.folder.name}, "
                "so it cannot read all of a conversation.",
                "Use models of one family as they were published together.",
            )


def _end_tokens(folder: Path, eos: int | None) -> frozenset[int]:
    """Collect the end tokens the tokenizer, generation_config.json and config.json name; a damaged file names none."""
    named: list[object] = [eos]
    for name in ("generation_config.json", "config.json"):
        with suppress(CheckpointError):
            found = read_object(folder / name).get("eos_token_id")
            named += found if isinstance(found, list) else [found]
    return frozenset(token for token in named if type(token) is int)
