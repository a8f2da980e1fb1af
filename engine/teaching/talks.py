"""Conversations of several turns: what a person says next is asked when the model's reply before it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from engine.errors import TemplateError
from engine.events import finished
from engine.teaching.replies import Document
from engine.template import Messages, Prompt
from engine.tokenizer import ChatTokenizer

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A conversation as it was ``said`` up to a question, of so many ``tokens``, and what the person says ``next``."""

    said: Messages
    prompt: Prompt
    tokens: int
    next: tuple[str, ...]


class Talks:
    """What is to be asked of a model: ``firsts``, the first turns as prompts, and what follows on the replies to them.

    Which turn a document is of is seen by its own tokens, so a process that begins anew finds it by the documents on
    the disk; nothing else is kept.
    """

    def __init__(self, tokenizer: ChatTokenizer, talks: Iterable[Sequence[str]], longest: int) -> None:
        """``talks``: what a person says, turn by turn; ``longest``: tokens of a prompt, a longer one is not asked.

        Raises TemplateError where the model's template takes no first turn.
        """
        self._tokenizer, self._longest = tokenizer, longest
        self._asked: dict[Tokens, Asked] = {}
        asked = [self._ask([("user", first)], rest) for first, *rest in talks]
        self.firsts = [each for each in asked if each is not None]

    def further(self, documents: Sequence[Document]) -> list[Document]:
        """Return what is to be asked next of ``documents``, given in the order in which they were written.

        Nothing that is among them already.
        """
        wanted: dict[Tokens, None] = {}
        for document in documents:
            if found := self._behind(document):
                wanted[found] = None
        there = {prompt for each in documents if (prompt := each.tokens[: each.reply]) in wanted} if wanted else set()
        return [Document(tokens, len(tokens)) for tokens in wanted if tokens not in there]

    def _behind(self, document: Document) -> Tokens | None:
        """Return what is asked behind ``document``; None where nothing is, or its reply has not ended."""
        asked = self._asked.get(document.tokens[: document.reply])
        if asked is None:
            return None
        if len(document.tokens) == document.reply or document.tokens[-1] not in self._tokenizer.ends:
            self._asked[document.tokens] = asked  # cut by the clock: what goes on from here is of the same turn
            return None
        stream = self._tokenizer.stream(document.tokens[: asked.tokens])
        thoughts = self._tokenizer.unified(asked.prompt)
        parts = [thoughts.push(stream.push(token)) for token in document.tokens[asked.tokens :]]
        reply, (turn, *rest) = "".join(parts) + thoughts.flush(), asked.next
        with suppress(TemplateError):  # of one that takes a single turn
            return self._ask([*asked.said, ("assistant", reply), ("user", turn)], rest)
        return None

    def _ask(self, said: Messages, rest: Sequence[str]) -> Tokens | None:
        """Return the tokens of a conversation up to its last question; None if they are too many."""
        prompt = finished(self._tokenizer.rendering(said))
        tokens = tuple(self._tokenizer.encode(prompt))
        if len(tokens) > self._longest:
            return None
        if rest:
            self._asked[tokens] = Asked(said, prompt, len(tokens), tuple(rest))
        return tokens
