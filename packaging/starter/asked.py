"""What a model is asked while it teaches what drafts for it: one file of prompts, by the categories of Spec-Bench.

    python packaging/starter/asked.py --corpus DIR --out assets/teaching/prompts.jsonl.xz   # those that ship
    python packaging/starter/asked.py --corpus DIR --out prompts.jsonl.xz --all             # for the starter's own

Requests of our own (forms.toml) made of things and of passages of books in the public domain, our own questions, and
questions with texts of Wikipedia to answer them from (retrieved.py). A line is {"prompt": text, "category": name}; its
prompt is a list where a person says more than one thing, each when the one before has been answered; "licence" where
it is not CC0. Every 100th is held out; nobody's answers are asked for. --all: first questions of all open corpora, too.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import corpus
import retrieved

FORMS = Path(__file__).with_name("forms.toml")
HELD_OUT = 100
LONGEST = 520  # characters of a request; of one with texts to answer from the double
SHIPPED = {  # prompts of each category; of those with two turns
    "translation": (520, 0),
    "summarization": (650, 0),
    "qa": (570, 0),
    "math_reasoning": (800, 0),
    "rag": (450, 0),
    "writing": (660, 60),
    "roleplay": (240, 60),
    "reasoning": (240, 50),
    "math": (300, 50),
    "coding": (240, 60),
    "extraction": (350, 50),
    "stem": (320, 50),
    "humanities": (230, 50),
}
TIMES = 6  # as many by our own forms, of --all
QUESTIONS = {  # how many first questions of a source at most, of --all, and their category
    "dolly15k_subset": (6_000, "qa"),
    "gsm8k_train": (5_000, "math_reasoning"),
    "open_trivia_qa": (6_000, "qa"),
    "enwiki_whatis": (4_000, "qa"),
    "wordnet_definitions": (2_500, "qa"),
    "self_dialogue": (2_000, "roleplay"),
    "topical_chat": (800, "roleplay"),
    "sgd": (2_000, "qa"),
    "star": (600, "qa"),
    "taskmaster4": (300, "qa"),
    "tinystories_sample": (300, "writing"),
    "pratham_books": (200, "writing"),
    "african_storybook": (200, "writing"),
}
OURS = ("project_templates", "aesop_fables")  # questions of our own, and on what is in the public domain
OUR_SHARE = 0.3  # of a category, at most, by those
SHORT = re.compile(  # what they are about, by their words
    r"(?P<reasoning>letter|alphabetical|[Ss]pell |^Say |^Sort |bigger|even or odd|comes (after|before)|^Count )|"
    r"(?P<math_reasoning> has \d)|(?P<math>^[\d\s*/+-]+=?$|^Calculate|\d [*/+-] \d|plus|minus|times \d|divided)|"
    r"(?P<coding>Python|code\b|program)|(?P<writing>poem|message|invitation|email|apology|story|fable|fairy)"
)
PATIENCE = 400  # that were seen before, one after the other: then there are no more
THING = re.compile(r"\{(\w+)(?::(\w))?\}")

Turns = tuple[str, ...]
Asked = tuple[str, str]  # a category, and one question of it
Draw = Callable[[], str]


class Forms:
    """Requests of our own, filled by ``chance`` with things, with numbers and with what ``found`` draws."""

    def __init__(self, chance: random.Random, found: Mapping[str, Draw]) -> None:
        told: Mapping[str, Any] = tomllib.loads(FORMS.read_text("utf-8"))
        self._chance, self._once, self._twice = chance, told["once"], told["twice"]
        self._draws: dict[str, Draw] = {"number": lambda: str(chance.randint(2, 90)), **found}
        for name, things in told["things"].items():
            self._draws[name] = lambda things=things: chance.choice(things)  # type: ignore[misc]

    def once(self, category: str) -> Turns:
        """Return one request of ``category``."""
        return self._filled([self._chance.choice(self._once[category])])

    def twice(self, category: str) -> Turns:
        """Return one request of ``category``, and what follows it."""
        return self._filled(self._chance.choice(self._twice[category]))

    def _filled(self, forms: Sequence[str]) -> Turns:
        """Return ``forms`` with a thing in every place: never the same one twice, but the same for the same mark."""
        marked, taken = dict[tuple[str, str], str](), set[str]()

        def thing(place: re.Match[str]) -> str:
            name, mark = place[1], place[2]
            if mark and (name, mark) in marked:
                return marked[name, mark]
            while (drawn := self._draws[name]()) in taken:
                pass
            taken.add(drawn)
            marked[name, mark or ""] = drawn
            return drawn

        return tuple(THING.sub(thing, form) for form in forms)


def prompts(folder: Path, *, everything: bool = False) -> Iterator[tuple[str, Turns]]:
    """Give all prompts with their category, no first turn twice; ``everything``: of all corpora."""
    chance = random.Random(2)
    records = list(corpus.read(folder))
    passages = [found for each in records if each.source == "classic_books" for found in _passages(each.text)]
    sentences = [each for passage in passages for each in re.split(r"(?<=[.!?]) ", passage) if 20 < len(each) < 140]
    forms = Forms(chance, {"passage": lambda: chance.choice(passages), "sentence": lambda: chance.choice(sentences)})
    ours, others = _questions(records, chance)
    ours["rag"] = list(retrieved.prompts(records, chance))
    seen = set[str]()
    for category, (once, twice) in SHIPPED.items():
        times = TIMES if everything else 1
        given = ours[category] if category == "rag" else ours[category][: int(OUR_SHARE * once * times)]
        singles = chain(((each,) for each in given), _drawn(forms.once, category))
        for turns in chain(_new(singles, once * times, seen), _new(_drawn(forms.twice, category), twice * times, seen)):
            yield category, turns
    if everything:
        for category, asked in others:
            yield from ((category, turns) for turns in _new([(asked,)], 1, seen))


def _questions(records: Sequence[corpus.Record], chance: random.Random) -> tuple[dict[str, list[str]], list[Asked]]:
    """Return our own questions by category, in any order, and those of other corpora with theirs."""
    firsts: dict[str, dict[str, None]] = defaultdict(dict)
    for record in records:
        if record.source in QUESTIONS or record.source in OURS:
            firsts[record.source][_first(record)] = None
    ours: dict[str, list[str]] = defaultdict(list)
    own = [each for source in OURS for each in firsts[source]]
    for each in chance.sample(own, len(own)):
        found = SHORT.search(each)
        ours[str(found.lastgroup) if found else "qa"].append(each)
    others = [
        (category, each)
        for source, (most, category) in QUESTIONS.items()
        for each in chance.sample(list(firsts[source]), min(most, len(firsts[source])))
    ]
    return ours, others


def _first(record: corpus.Record) -> str:
    if not record.messages:  # two people's talk, as text
        return record.text.partition("\n")[0].removeprefix("- ")
    return next(message["content"] for message in record.messages if message["role"] == "user")


def _passages(text: str) -> Iterator[str]:
    for paragraph in text.split("\n"):
        cut = paragraph[:420].rpartition(". ")[0] + "."
        if len(cut) > 180:
            yield cut


def _drawn(draw: Callable[[str], Turns], category: str) -> Iterator[Turns]:
    """Give what ``draw`` makes for ``category``, for ever; nothing of one that has no forms."""
    while category != "rag":
        yield draw(category)


def _new(found: Iterable[Turns], most: int, seen: set[str]) -> Iterator[Turns]:
    """Give ``most`` of ``found`` whose first turn was not ``seen``, fewer where hardly anything new comes any more."""
    missed = 0
    for turns in found if most else ():
        fits = 0 < len(turns[0]) <= (2 * LONGEST if "[1] " in turns[0] else LONGEST)
        if fits and turns[0] not in seen:
            seen.add(turns[0])
            yield turns
            most, missed = most - 1, 0
        missed += 1
        if most == 0 or missed > PATIENCE:
            return


def write(found: Iterable[tuple[str, Turns]], out: Path) -> Counter[str]:
    """Write all prompts to ``out``, every HELD_OUT-th marked as held out; returns how many each category has."""
    mixed = list(found)
    random.Random(3).shuffle(mixed)
    with lzma.open(out, "wt", encoding="utf-8") as lines:
        for place, (category, turns) in enumerate(mixed):
            line: dict[str, Any] = {"prompt": turns[0] if len(turns) == 1 else turns, "category": category}
            line |= {"licence": retrieved.LICENCE} if category == "rag" else {}
            line |= {"held": True} if place % HELD_OUT == 0 else {}
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
    return Counter(f"{category}{', two turns' * (len(turns) > 1)}" for category, turns in mixed)


def main() -> None:
    """Read the command line, write the file and print how many of each category it has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with chat.jsonl(.xz) and text.jsonl(.xz)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--all", action="store_true", help="first questions of all open corpora as well, not to ship")
    options = parser.parse_args()
    counted = write(prompts(options.corpus, everything=options.all), options.out)
    for name, count in sorted(counted.items()):
        print(f"{count:>6,}  {count / counted.total():>6.1%}  {name}")
    print(f"{counted.total():>6,}  in all")


if __name__ == "__main__":
    main()
