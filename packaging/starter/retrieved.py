"""Questions with texts to answer them from, as a search would find them: some hold the answer, the others look alike.

The questions are those of databricks-dolly-15k and of titles of Wikipedia, the texts paragraphs of Wikipedia, each
under the title of its article: all under CC BY-SA 3.0, and so is what is made of them.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import corpus

LICENCE = "CC BY-SA 3.0"
ASKED = ("dolly15k_subset", "enwiki_whatis")
LONGEST = 680  # characters of all texts together: a course takes prompts of up to 256 tokens
LEAST, MOST = 90, 330  # characters of one
COMMON = 0.02  # a word in more than this share of the texts finds nothing
ANSWERS = 0.5  # the share of an answer's telling words that a text has to have
FORMS = (
    "Answer the question from these texts.\n\n{texts}\n\nQuestion: {question}",
    "{texts}\n\nUse only the texts above, and say which one you used. {question}",
    "Question: {question}\n\nReferences:\n{texts}\n\nAnswer in one or two sentences:",
    "I found these passages:\n\n{texts}\n\n{question}",
)
WORD = re.compile(r"[A-Za-z][a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the article that is called ``title``."""

    title: str
    text: str


class Index:
    """Finds passages by the words of a question: the rarer a word the more it counts."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, passage in enumerate(passages):
            for word in words(f"{passage.title} {passage.text}"):
                self._places[word].append(place)

    def found(self, question: str, most: int) -> list[Passage]:
        """Return the passages that have most of ``question``, the best first, one of an article."""
        scores: Counter[int] = Counter()
        for word in sorted(words(question)):  # an order, so that the same is found each time
            places = self._places.get(word, [])
            if len(places) < COMMON * len(self._passages):
                for place in places:
                    scores[place] += math.log(len(self._passages) / len(places))  # type: ignore[assignment]
        best: dict[str, Passage] = {}
        for place, _ in scores.most_common(4 * most):
            best.setdefault(self._passages[place].title, self._passages[place])
        return list(best.values())[:most]

    def telling(self, text: str) -> set[str]:
        """Return the words of ``text`` that few passages have."""
        return {word for word in words(text) if len(self._places.get(word, [])) < COMMON * len(self._passages)}


def words(text: str) -> set[str]:
    """Return the words and numbers of ``text`` in small letters."""
    return {word.lower() for word in WORD.findall(text)}


def prompts(records: Iterable[corpus.Record], chance: random.Random) -> Iterator[str]:
    """Give a prompt for every question of which the first text found, or the second, has the answer; people's first."""
    asked, pieces = defaultdict[str, list[tuple[str, str]]](list), list[Passage]()
    for record in records:
        if record.source in ASKED:
            asked[record.source].append((record.messages[0]["content"], record.messages[1]["content"]))
        elif record.source == "enwiki_2015":
            pieces += _pieces(record.text)
    index = Index(pieces)
    for question, answer in (each for source in ASKED for each in chance.sample(asked[source], len(asked[source]))):
        if len(question) > 160 or "\n" in question:
            continue
        found, wanted = index.found(question, 5), index.telling(answer) - words(question)
        good = [each for each in found[:2] if _answers(each, wanted)]
        if good and len(found) > len(good):
            texts = _texts(good, [each for each in found if each not in good], chance)
            if len(texts) > 1:
                lines = (f"[{at}] {each.title}: {each.text}" for at, each in enumerate(texts, 1))
                yield chance.choice(FORMS).format(texts="\n".join(lines), question=question)


def _answers(passage: Passage, wanted: set[str]) -> bool:
    return bool(wanted) and len(wanted & words(passage.text)) >= max(min(2, len(wanted)), ANSWERS * len(wanted))


def _texts(good: Sequence[Passage], others: Sequence[Passage], chance: random.Random) -> list[Passage]:
    """Return two to five texts in any order, the ``others`` shortened so that there is room for them."""
    others = others[: max(1, chance.randint(2, 5) - len(good))]
    room = max(LEAST, (LONGEST - sum(len(each.text) for each in good)) // len(others))
    texts = [*good, *(Passage(each.title, short) for each in others if (short := _cut(each.text, room)))]
    return chance.sample(texts, len(texts))


def _pieces(text: str) -> Iterator[Passage]:
    """Give the paragraphs of an article, each up to the sentence that ends before MOST characters."""
    title, _, rest = text.partition("\n")
    for paragraph in rest.split("\n"):
        cut = _cut(paragraph, MOST)
        if len(cut) >= LEAST and cut.isascii() and not (cut.startswith('"') or "]" in cut):  # quoted; mutilated
            yield Passage(title, cut)


def _cut(text: str, most: int) -> str:
    """Return the whole sentences at the beginning of ``text`` that make no more than ``most`` characters."""
    if len(text) <= most:
        return text
    whole, stop, _ = text[:most].rpartition(". ")
    return whole + stop.rstrip()
