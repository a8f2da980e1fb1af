"""Conversations written for this project: invented from phrases and stories, and retold from encyclopedia articles.

They teach what the open corpora lack: who the model is, lists, stories, explanations that can be carried on or
shortened, remembering what the user said, and system prompts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable

from corpus import Record
from phrases import NAMES, PHRASES, Talk, loosely
from tellings import article, explanation, memory, story

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def invented(count: int) -> list[Record]:
    """Return ``count`` different conversations of one to four exchanges, the same ones every time."""
    chance = random.Random(12)
    found: dict[tuple[str, ...], Record] = {}
    while len(found) < count:
        talk = _conversation(chance)
        system = chance.choice(PHRASES["rules"]) if chance.random() < 0.12 else ""
        if chance.random() < 0.03:
            system, talk = _ruled(talk, chance)
        record = _record("dialogues", talk, system)
        found[tuple(message["content"] for message in record.messages)] = record
    return list(found.values())


def _conversation(chance: random.Random) -> Talk:
    kinds = tuple(WEIGHTS)
    talk: Talk = []
    if chance.random() < 0.2:
        talk.append(chance.choice(tuple(PHRASES["greetings"].items())))
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        kind = chance.choices(kinds, [WEIGHTS[k] for k in kinds])[0]
        talk += kind(chance)
    if chance.random() < 0.12:
        talk.append(chance.choice(tuple(PHRASES["thanks"].items())))
    return talk


def _ruled(talk: Talk, chance: random.Random) -> tuple[str, Talk]:
    """Return a system prompt that changes how answers look, and ``talk`` changed accordingly."""
    rules: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("Answer in capital letters.", str.upper),
        ("Write all answers in lower case.", str.lower),
        ("Answer in one sentence.", _first_sentence),
        ('End every answer with "Have a nice day!"', lambda text: text + " Have a nice day!"),
        ('Begin every answer with "Sure!"', lambda text: "Sure! " + text),
    )
    system, change = chance.choice(rules)
    return system, [(question, change(answer)) for question, answer in talk[:2]]


def _record(source: str, talk: Iterable[tuple[str, str]], system: str = "") -> Record:
    messages = [{"role": "system", "content": system}] if system else []
    for question, answer in talk:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Record(source, messages=tuple(messages))


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]


# --- who the model is ---


def _identity(chance: random.Random) -> Talk:
    if chance.random() < 0.5:
        return [(chance.choice(PHRASES["who"]), chance.choice(PHRASES["self"]))]
    question, answer = chance.choice(tuple(PHRASES["about"].items()))
    return [loosely(question, answer, chance)]


def _fact(chance: random.Random) -> Talk:
    question, answer = chance.choice(tuple(PHRASES["facts"].items()))
    return [loosely(question, answer, chance)]


# --- lists ---


def _listing(chance: random.Random) -> Talk:
    titles = {**PHRASES["lists"], **PHRASES["ideas"]}
    title = chance.choice(tuple(titles))
    items = list(titles[title])
    chance.shuffle(items)
    count = chance.randint(3, min(7, len(items)))
    number = chance.choice((NUMBERS[count], str(count)))
    asked = (
        f"List {number} {title}.",
        f"Give me {number} {title}.",
        f"Name {number} {title}.",
        f"Tell me {number} {title}.",
        f"Write a list of {number} {title}.",
        f"Can you list {number} {title}?",
        f"I need {number} {title}.",
        f"Please give me a list of {number} {title}.",
        f"What are {number} {title}?",
    )
    talk = [loosely(chance.choice(asked), _list(title, items[:count], count, chance), chance)]
    if len(items) > count and chance.random() < 0.25:
        question = chance.choice(("One more, please.", "Give me one more.", "Another one?", "Can you add one more?"))
        talk.append((question, chance.choice(("Sure: {}.", "{}.", "How about this: {}.")).format(items[count])))
    elif chance.random() < 0.15:
        question, place = chance.choice(
            (("Which one is first?", 0), ("What was the second one?", 1), ("What is number three?", 2))
        )
        talk.append((question, f"{items[place]}."))
    return talk


def _list(title: str, items: list[str], count: int, chance: random.Random) -> str:
    intro = chance.choice((f"Here are {NUMBERS[count]} {title}:\n", f"Sure! Here are {NUMBERS[count]} {title}:\n", ""))
    mark = chance.choice(("{i}. ", "{i}. ", "- "))
    return intro + "\n".join(mark.format(i=i) + item for i, item in enumerate(items, 1))


def _advice(chance: random.Random) -> Talk:
    titles = tuple(PHRASES["ideas"])
    title = chance.choice(titles)
    items = chance.sample(PHRASES["ideas"][title], 3)
    first, second, third = (item[0].lower() + item[1:] for item in items)
    asked = (
        f"Do you have some {title}?",
        f"What are some good {title}?",
        f"Can you suggest some {title}?",
        f"I'm looking for {title}.",
    )
    told = (
        f"Yes, here are some {title}: {first}, {second}, or {third}.",
        f"There are many {title}. For example: {first}, {second}, and {third}.",
        f"You could start with this: {first}. Other {title}: {second}, and {third}.",
    )
    return [loosely(chance.choice(asked), chance.choice(told), chance)]


def _steps(chance: random.Random) -> Talk:
    task = chance.choice(tuple(PHRASES["steps"]))
    steps = PHRASES["steps"][task]
    asked = (
        f"How do I {task}?",
        f"How can I {task}?",
        f"Explain how to {task}.",
        f"Tell me how to {task}.",
        f"Can you help me {task}?",
    )
    numbered = "\n".join(f"{i}. {step}" for i, step in enumerate(steps, 1))
    told = (numbered, f"Here is how to {task}:\n{numbered}", " ".join(steps))
    talk = [loosely(chance.choice(asked), chance.choice(told), chance)]
    if chance.random() < 0.25:
        place = chance.randint(1, len(steps))
        order = ("first", "second", "third", "fourth", "fifth")[place - 1]
        talk.append((f"What is the {order} step?", f"The {order} step is: {steps[place - 1]}"))
    return talk


def _counting(chance: random.Random) -> Talk:
    low = chance.choice((1, 1, 1, chance.randint(2, 40)))
    high = low + chance.randint(4, 14)
    series = list(range(low, high + 1))
    chosen = chance.random()
    if chosen < 0.4:
        asked = chance.choice(
            (
                f"Count from {low} to {high}.",
                f"Can you count from {low} to {high}?",
                f"Write the numbers from {low} to {high}.",
            )
        )
        return [(asked, ", ".join(map(str, series)))]
    if chosen < 0.6:
        return [(f"Count down from {high} to {low}.", ", ".join(map(str, reversed(series))))]
    if chosen < 0.8:
        factor = chance.randint(2, 12)
        table = "\n".join(f"{i} x {factor} = {i * factor}" for i in range(1, 11))
        return [(chance.choice((f"Write the {factor} times table.", f"Show me the times table of {factor}.")), table)]
    if chosen < 0.9:
        start = chance.randint(2, 30) * 2
        return [
            (f"Name the even numbers from {start} to {start + 10}.", ", ".join(str(start + 2 * i) for i in range(6)))
        ]
    return [
        chance.choice(
            (
                ("What are the days of the week?", "The days of the week are " + ", ".join(DAYS[:-1]) + " and Sunday."),
                ("List the days of the week.", "\n".join(f"{i}. {day}" for i, day in enumerate(DAYS, 1))),
                ("What are the months of the year?", "The months are " + ", ".join(MONTHS[:-1]) + " and December."),
                ("List the months of the year.", "\n".join(f"{i}. {month}" for i, month in enumerate(MONTHS, 1))),
                ("Write the alphabet.", "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z"),
            )
        )
    ]


def _message(chance: random.Random) -> Talk:
    name, other, day = chance.choice(NAMES), chance.choice(NAMES), chance.choice(DAYS)
    reason, plan = chance.choice(PHRASES["reasons"])
    question, answer = chance.choice(PHRASES["messages"])
    known = {"name": name, "other": other, "day": day, "reason": reason, "plan": plan}
    return [(question.format(**known), answer.format(**known))]


def _program(chance: random.Random) -> Talk:
    known = {
        "a": chance.choice("abnxy"),
        "b": chance.choice("ckmz"),
        "word": chance.choice(("values", "numbers", "items")),
    }
    count = chance.randint(3, 20)
    what, code = (part.format(**known, count=count, end=count + 1) for part in chance.choice(PHRASES["programs"]))
    asked = (
        f"Write a Python function that {what}.",
        f"Write Python code that {what}.",
        f"Can you write a program that {what}?",
        f"Give me Python code which {what}.",
    )
    intro = ("", "Here is the code:\n\n", "Sure:\n\n")
    return [(chance.choice(asked), chance.choice(intro) + f"```python\n{code}\n```")]


def _unknown(chance: random.Random) -> Talk:
    name = chance.choice(NAMES)
    asked, told = (chance.choice(PHRASES["unknown"][part]) for part in ("asked", "told"))
    return [loosely(asked.format(name=name), told, chance)]


WEIGHTS: dict[Callable[[random.Random], Talk], float] = {
    _identity: 2.0,
    _fact: 2.0,
    _listing: 3.0,
    _advice: 1.0,
    _steps: 1.2,
    explanation: 2.5,
    story: 3.0,
    memory: 1.2,
    _counting: 1.0,
    _message: 0.8,
    _program: 0.6,
    _unknown: 0.6,
}


# --- encyclopedia articles as conversations ---


def retold(articles: Iterable[Record]) -> list[Record]:
    """Return a conversation for every article whose first sentence says what its title is."""
    chance = random.Random(15)
    found = (article(record.text, chance) for record in articles)
    return [_record("retold", talk) for talk in found if talk]
