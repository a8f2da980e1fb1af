"""Chat to tokens and back: the checkpoint's own template on the way in, never half a character on the way out."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engine.errors import CheckpointError, ModelSetError
from engine.files import read_object
from engine.template import Messages, Prompt, Template, finished
from engine.thoughts import Marks, Unified, answer_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# For base checkpoints, which were never taught a chat format.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].capitalize() }}: {{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


class ChatTokenizer:
    """The tokenizer of a checkpoint folder; ``name`` is what its model is called in a sentence.

    ``ends``: the tokens that end a turn. ``size``: the number of ids; a model may have more rows, never used.
    ``stops``: texts that end a turn for a model without a chat format. Raises CheckpointError where the folder has no
    fast tokenizer.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self.folder = folder
        self._tokenizer = _load(folder)
        self._tokenizer.model_max_length = 1 << 62  # how much fits is told in a sentence, not on stderr
        self.size = len(self._tokenizer)
        self.stops: tuple[str, ...] = ()
        template = self._tokenizer.chat_template
        if not template:
            template, self.stops = PLAIN_TEMPLATE, ("\nUser:", "\nSystem:")
        specials = {name: str(value) for name, value in self._tokenizer.special_tokens_map.items()}
        self.template = Template(template, name or folder.name, specials)
        self.ends = _end_tokens(folder, self._tokenizer.eos_token_id)
        added = list(self._tokenizer.backend_tokenizer.get_added_tokens_decoder().values())
        self._controls = [token.content for token in added if token.special]
        self.marks = Marks.found([token.content for token in added], self.template.source)
        vocabulary = self._tokenizer.get_vocab()
        self._marks = {mark: vocabulary[mark] for pair in self.marks.pairs for mark in pair if mark in vocabulary}
        self._pieces = lru_cache(maxsize=65536)(self._piece)

    def render(self, messages: Messages, opening: str = "") -> list[int]:
        """Return the conversation as token ids, up to where the assistant's next words begin: behind ``opening``.

        The ids without an opening are always a prefix of those with one, so that caches can be reused. Raises
        TemplateError.
        """
        return self.encode(finished(self.rendering(messages)), opening)

    def rendering(self, messages: Messages, *, thinking: bool | None = None) -> Generator[float, None, Prompt]:
        """Return what the template writes of ``messages``, without thoughts of earlier answers; see Template."""
        said = [(role, answer_of(content) if role == "assistant" else content) for role, content in messages]
        turns = [(role, self._harmless(content)) for role, content in said]
        return self.template.rendering(turns, thinking=thinking)

    def encode(self, prompt: Prompt, opening: str = "") -> list[int]:
        """Return the ids of ``prompt`` and of ``opening`` behind it; raises TemplateError where there are none."""
        ids = list(cast("list[int]", self._tokenizer.encode(prompt.text, add_special_tokens=False)))
        if not ids:
            raise self.template.fault("what it writes is nothing to the tokenizer")
        parts = self.marks.spelled(opening, opened=self.marks.open_in(prompt.text))
        for is_mark, some in groupby(parts, self._marks.__contains__):
            group = list(some)
            ids += [self._marks[mark] for mark in group] if is_mark else self._continue(ids, "".join(group))
        return ids

    def _harmless(self, content: str) -> str:
        """Return ``content`` with every control token broken by an invisible joiner: text must not open a new turn."""
        for control in self._controls:
            if control in content:
                content = content.replace(control, control[0] + "\u2060" + control[1:])
        return content

    def _continue(self, prompt: list[int], text: str) -> list[int]:
        """Return the ids of ``text`` as it follows ``prompt``; some tokenizers would put a space before a lone text."""
        backend = self._tokenizer.backend_tokenizer
        before = str(self._tokenizer.decode(prompt, skip_special_tokens=False))
        whole: list[int] = backend.encode(before + text, add_special_tokens=False).ids
        if whole[: len(prompt)] == prompt:
            return whole[len(prompt) :]
        alone: list[int] = backend.encode(text, add_special_tokens=False).ids
        return alone

    def unified(self, prompt: Prompt, opening: str = "") -> Unified:
        """Return what puts the thoughts of an answer to ``prompt``, which began with ``opening``, in one spelling."""
        return Unified(self.marks, opened=self.marks.open_in(prompt.text), before=opening)

    def piece(self, previous: int, token: int) -> str:
        """Return the text ``token`` adds behind ``previous``; a part of a character shows as U+FFFD."""
        return str(self._pieces(previous, token))

    def _piece(self, previous: int, token: int) -> str:
        before = self._tokenizer.decode([previous])
        both = self._tokenizer.decode([previous, token], skip_special_tokens=False)
        return "" if token in self.ends else str(both)[len(str(before)) :]

    def stream(self, prompt: Sequence[int]) -> TextStream:
        """Return a stream of the text that follows ``prompt``."""
        controls = {token: mark for mark, token in self._marks.items() if mark in self._controls}
        return TextStream(self._tokenizer, prompt, controls)

    def shares_vocabulary(self, other: ChatTokenizer) -> None:
        """Raise ModelSetError unless both map the same texts to the same ids."""
        if self._tokenizer.get_vocab() != other._tokenizer.get_vocab():
            raise ModelSetError(
                f"{self.folder.name} and {other.folder.name} do not share a vocabulary, "
                "so one cannot judge the other's tokens.",
                "Use models of one family, such as Qwen3 0.6B, 1.7B and 8B.",
            )


class TextStream:
    """Turns settled tokens into text as they come; holds back bytes until their character is whole.

    ``shown``: the texts of the control tokens that are part of it; the others are not.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, prompt: Sequence[int], shown: Mapping[int, str]) -> None:
        from tokenizers.decoders import DecodeStream

        self._backend, self._shown = tokenizer.backend_tokenizer, shown
        # The stream needs the prompt's last token to know whether a leading space belongs to the text.
        self._stream = DecodeStream(ids=list(prompt[-4:]), skip_special_tokens=True)

    def push(self, token: int) -> str:
        """Return the text that became final with ``token``; empty while a character is unfinished."""
        return (self._stream.step(self._backend, token) or "") + self._shown.get(token, "")


def _load(folder: Path) -> PreTrainedTokenizerFast:
    if not (folder / "tokenizer.json").is_file():
        raise CheckpointError(
            f"There is no tokenizer.json in {folder}.",
            "Choose a model folder that has one; it must lie beside the weights.",
        )
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise CheckpointError(
            f"The tokenizer in {folder} cannot be read: {str(cause).splitlines()[0]}",
            "Download the model again.",
        ) from cause
    return cast("PreTrainedTokenizerFast", tokenizer)


def _end_tokens(folder: Path, eos: int | None) -> frozenset[int]:
    """Collect the end tokens the tokenizer, generation_config.json and config.json name; a damaged file names none."""
    named: list[object] = [eos]
    for name in ("generation_config.json", "config.json"):
        with suppress(CheckpointError):
            found = read_object(folder / name).get("eos_token_id")
            named += found if isinstance(found, list) else [found]
    return frozenset(token for token in named if type(token) is int)
