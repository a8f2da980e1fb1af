"""What the starter is asked so that its draft and qualifier learn how it answers: one file of prompts.

    python packaging/starter/asked.py --corpus DIR --out prompts.jsonl.xz
    python packaging/starter/asked.py --corpus DIR --out assets/teaching/prompts.jsonl.xz --free 6000

First questions of the open corpora, and requests made of their subjects and passages: explaining, writing, code, lists,
translation, summaries, rewriting, roles. Every 100th is held out; nobody's answers are read. --free: so many, and only
of what may be passed on by anybody: our own questions, and passages of books in the public domain.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import corpus

SUBJECTS = Path(__file__).with_name("subjects.txt")  # our own, one a line

HELD_OUT = 100
LONGEST = 520  # characters
QUESTIONS = {  # how many first questions of a source at most
    "dolly15k_subset": 6_000,
    "gsm8k_train": 5_000,
    "open_trivia_qa": 6_000,
    "enwiki_whatis": 4_000,
    "wordnet_definitions": 2_500,
    "self_dialogue": 2_000,
    "topical_chat": 800,
    "sgd": 2_000,
    "star": 600,
    "taskmaster4": 300,
    "project_templates": 1_200,
    "tinystories_sample": 300,
    "pratham_books": 200,
    "african_storybook": 200,
    "aesop_fables": 200,
}
FREE = ("project_templates", "aesop_fables")  # our own, and in the public domain
SUMS = (
    "Anna has {} apples. She buys {} more and gives {} to her brother. How many has she left?",
    "A train travels {} kilometres an hour. How far does it get in {} hours and {} minutes?",
    "A book costs {} euros and a pen costs {}. What do {} of each cost together?",
    "There are {} rows of {} chairs in a hall, and {} chairs are taken. How many are free?",
    "Tom saves {} dollars a week. After {} weeks he spends {} dollars. How much has he then?",
    "A baker makes {} loaves an hour and sells {} of them. How many are left after {} hours?",
    "What is {} + {} * {}? Explain every step.",
    "A tank holds {} litres. It fills by {} litres a minute and loses {}. After how many minutes is it full?",
    "{} children share {} sweets evenly, and each gets {} more from their teacher. How many has each?",
    "A shop lowers a price of {} dollars by {} per cent, and then by {} dollars. What is the new price?",
    "Maria walks {} steps in the morning, {} at noon and {} in the evening. How many are that on average?",
    "A rectangle is {} metres long and {} metres wide. What does a fence around it cost at {} dollars a metre?",
)
ABOUT = (
    "Explain {} in simple words.",
    "Explain {} to a ten-year-old.",
    "Tell me three interesting facts about {}.",
    "Write a short paragraph about {}.",
    "Write a poem about {}.",
    "Write a haiku about {}.",
    "What should I know about {}?",
    "Why does {} matter?",
    "Write a blog post introduction about {}.",
    "Give me five questions a teacher could ask about {}.",
    "Compare {} with {}.",
    "What are the advantages and disadvantages of {}?",
    "Write a dialogue between two friends about {}.",
    "Describe {} step by step.",
    "Write a short story in which {} plays a part.",
    "Imagine you are a museum guide. Introduce {} to your visitors.",
    "Give a short lecture on {}.",
    "How would you describe {} to somebody who has never heard of it?",
    "Make a table of contents for a book about {}.",
    "Write a tweet about {}.",
)
PASSAGES = (
    "Summarize this text in one sentence:\n\n{}",
    "Summarize the following paragraph.\n\n{}",
    "{}\n\nWhat is this text about?",
    "Rewrite this text so that a child understands it:\n\n{}",
    "Make this text shorter:\n\n{}",
    "Extract the names of people and places from this text:\n\n{}",
    "Write three questions that this text answers:\n\n{}",
    "Use the following text to say what is most important.\n\nText: {}\n\nAnswer:",
    "Give this text a title:\n\n{}",
    "List the key points of this text:\n\n{}",
)
SENTENCES = (
    "Translate to French: {}",
    "Translate to Spanish: {}",
    "Translate into German: {}",
    "Correct the grammar: {}",
    "Rewrite this sentence more politely: {}",
    "Is the tone of this sentence positive, negative or neutral? {}",
    "Continue this story: {}",
    "Turn this sentence into a question: {}",
)
CODE = (
    *("reverses a string", "checks whether a number is prime", "sorts a list of names", "counts the words in a text"),
    *(
        "finds the largest number in a list",
        "computes a factorial",
        "removes duplicates from a list",
        "adds two numbers",
    ),
    *("merges two dictionaries", "reads a CSV file", "converts Celsius to Fahrenheit", "checks for a palindrome"),
    *("returns the first n Fibonacci numbers", "finds the most common letter", "flattens a nested list"),
    *("validates an e-mail address", "counts the vowels in a word", "searches a sorted list", "rolls two dice"),
    *(
        "computes the average of a list",
        "transposes a matrix",
        "prints a multiplication table",
        "finds common elements",
    ),
    *("converts a number to binary", "capitalizes every word", "generates a random password", "parses a date"),
    *("groups words by their length", "draws a triangle of stars", "computes compound interest", "downloads a file"),
    *("implements a stack", "implements bubble sort", "finds the greatest common divisor", "splits a list into chunks"),
)
ASKING_FOR_CODE = (
    "Write a Python function that {}.",
    "Write a JavaScript function that {}.",
    "How can I write a program that {}?",
    "Give me code that {} and explain it.",
    "Write a C program that {}.",
    "Write a Python function that {}, with a docstring and an example.",
    "Write a unit test for a function that {}.",
)
MATTERS = (
    *("a day off next Friday", "a late delivery", "a job interview", "moving to a new office", "a birthday party"),
    *(
        "a broken laptop",
        "a refund",
        "a meeting that has to be moved",
        "a thank-you for good advice",
        "a lost suitcase",
    ),
    *(
        "a recommendation letter",
        "a new project",
        "a missed deadline",
        "a noisy neighbour",
        "a school trip",
        "a wedding",
    ),
    *(
        "a rent increase",
        "volunteering at a shelter",
        "a raise",
        "a sick colleague",
        "a cancelled flight",
        "a book club",
    ),
)
LETTERS = (
    "Write an email about {}.",
    "Write a short and friendly message about {}.",
    "Help me write a formal letter about {}.",
    "What should I say in a phone call about {}?",
    "Write a polite reply to somebody who wrote to me about {}.",
    "Give me three tips for dealing with {}.",
    "Write a checklist for {}.",
)
ROLES = (
    *("a pirate", "a detective", "a chef", "a doctor", "a travel guide", "Shakespeare", "a robot", "a grandmother"),
    *("a football coach", "a physics teacher", "a dragon", "an astronaut", "a news reporter", "a wise old tree"),
)
PLAYING = (
    "You are {}. Tell me about your day.",
    "Pretend to be {} and give me advice on learning {}.",
    "Answer as {}: what is the meaning of friendship?",
    "Write a monologue by {}.",
    "Act as {} and explain {}.",
)


def prompts(folder: Path, *, free: bool = False) -> Iterator[str]:
    """Give all prompts, each once, in no particular order; ``free``: of what anybody may pass on alone."""
    chance = random.Random(2)
    records: dict[str, list[corpus.Record]] = {}
    for record in corpus.read(folder):
        records.setdefault(record.source, []).append(record)
    for source, most in QUESTIONS.items():
        if free and source not in FREE:
            continue
        asked = dict.fromkeys(_first(record) for record in records[source])
        yield from chance.sample(list(asked), min(most, len(asked)))
    subjects = [] if free else [_subject(_first(record)) for record in records["enwiki_whatis"]]
    subjects += SUBJECTS.read_text("utf-8").splitlines()
    for _ in range(9_000):
        yield _filled(chance.choice(ABOUT), subjects, chance)
    texts = records["classic_books" if free else "enwiki_2015"]
    yield from _of_passages([found for record in texts for found in _passages(record.text)], chance)
    if free:  # in place of what others have written
        yield from (_sum(chance) for _ in range(2_500))
    for forms, things in ((ASKING_FOR_CODE, CODE), (LETTERS, MATTERS)):
        yield from (form.format(thing) for form in forms for thing in things)
    for form in PLAYING:
        yield from (_filled(form.replace("{}", role, 1), subjects, chance) for role in ROLES for _ in range(5))


def _of_passages(passages: list[str], chance: random.Random) -> Iterator[str]:
    """Give what is to be done with a passage, and with a sentence of one."""
    for passage in chance.sample(passages, 3_500):
        yield chance.choice(PASSAGES).format(passage)
    sentences = [each for passage in passages for each in re.split(r"(?<=[.!?]) ", passage) if 20 < len(each) < 140]
    for sentence in chance.sample(sentences, 3_000):
        yield chance.choice(SENTENCES).format(sentence)


def _sum(chance: random.Random) -> str:
    return chance.choice(SUMS).format(*(chance.randint(2, 90) for _ in range(3)))


def _first(record: corpus.Record) -> str:
    if not record.messages:  # two people's talk, as text
        return record.text.partition("\n")[0].removeprefix("- ")
    return next(message["content"] for message in record.messages if message["role"] == "user")


def _subject(question: str) -> str:
    found = re.sub(
        r"^(Who|What) (is|are|was|were) |^Can you explain what |^Tell me about | (is|are|was|were)\?$", "", question
    )
    return found.rstrip("?. ")


def _filled(form: str, subjects: list[str], chance: random.Random) -> str:
    return form.format(*chance.sample(subjects, form.count("{}")))


def _passages(text: str) -> Iterator[str]:
    for paragraph in text.split("\n"):
        cut = paragraph[:420].rpartition(". ")[0] + "."
        if len(cut) > 180:
            yield cut


def write(found: Iterable[str], out: Path, most: int | None = None) -> int:
    """Write ``most`` prompts to ``out``, every HELD_OUT-th marked as held out; returns how many they are."""
    chosen = [each for each in dict.fromkeys(text.strip() for text in found) if 0 < len(each) <= LONGEST]
    random.Random(3).shuffle(chosen)
    chosen = chosen[:most]
    with lzma.open(out, "wt", encoding="utf-8") as lines:
        for place, prompt in enumerate(chosen):
            held = {"held": True} if place % HELD_OUT == 0 else {}
            lines.write(json.dumps({"prompt": prompt, **held}, ensure_ascii=False) + "\n")
    return len(chosen)


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with chat.jsonl(.xz) and text.jsonl(.xz)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--free", type=int, metavar="N", help="so many, and only of what anybody may pass on")
    options = parser.parse_args()
    print(f"{write(prompts(options.corpus, free=bool(options.free)), options.out, options.free)} prompts")


if __name__ == "__main__":
    main()
