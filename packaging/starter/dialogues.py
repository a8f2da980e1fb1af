"""Conversations written for this project: invented from phrases and stories, and retold from encyclopedia articles.

They teach what the open corpora lack: who the model is, lists, stories, explanations that can be carried on or
shortened, remembering what the user said, and system prompts.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import stories
from corpus import Record

PHRASES: dict[str, Any] = json.loads(Path(__file__).with_name("phrases.json").read_text("utf-8"))
NAMES = tuple(stories.NAMES)
Talk = list[tuple[str, str]]  # (question, answer) pairs

MORE = ("Tell me more.", "Tell me more about it.", "More, please.", "Can you tell me more?", "Go on.", "tell me more")
SHORTER = (
    "Shorter, please.",
    "Can you make it shorter?",
    "Say it in one sentence.",
    "Too long. Make it shorter.",
    "Summarize that.",
)
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
COLOURS = ("blue", "red", "green", "yellow", "purple", "orange", "black", "white", "pink")
CITIES = (
    "Paris",
    "Berlin",
    "Lagos",
    "Toronto",
    "Lima",
    "Osaka",
    "Madrid",
    "Boston",
    "Nairobi",
    "Oslo",
    "Delhi",
    "Rome",
)
FOODS = ("pizza", "soup", "rice", "pancakes", "apples", "noodles", "chocolate", "salad", "cheese", "bread")


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
    return [_loosely(question, answer, chance)]


def _loosely(question: str, answer: str, chance: random.Random) -> tuple[str, str]:
    """Vary how a question is typed."""
    form = chance.random()
    if form < 0.25:
        question = question.lower().rstrip("?.! ")
    elif form < 0.35:
        question = question.rstrip("?.!")
    return question, answer


def _fact(chance: random.Random) -> Talk:
    question, answer = chance.choice(tuple(PHRASES["facts"].items()))
    return [_loosely(question, answer, chance)]


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
    talk = [_loosely(chance.choice(asked), _list(title, items[:count], count, chance), chance)]
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
    return [_loosely(chance.choice(asked), chance.choice(told), chance)]


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
    talk = [_loosely(chance.choice(asked), chance.choice(told), chance)]
    if chance.random() < 0.25:
        place = chance.randint(1, len(steps))
        order = ("first", "second", "third", "fourth", "fifth")[place - 1]
        talk.append((f"What is the {order} step?", f"The {order} step is: {steps[place - 1]}"))
    return talk


# --- explanations that go on ---


def _explanation(chance: random.Random) -> Talk:
    topic = chance.choice(tuple(PHRASES["topics"]))
    facts = PHRASES["topics"][topic]
    if topic.startswith("why "):
        asked: tuple[str, ...] = (
            f"Explain {topic}.",
            f"Can you explain {topic}?",
            f"Do you know {topic}?",
            f"Tell me {topic}.",
        )
    else:
        asked = (
            f"Tell me about {topic}.",
            f"Explain {topic}.",
            f"What do you know about {topic}?",
            f"Can you explain {topic}?",
            f"I want to learn about {topic}.",
            f"Write a short text about {topic}.",
            f"Can you tell me something about {topic}?",
        )
    told = chance.randint(1, len(facts))
    talk = [_loosely(chance.choice(asked), " ".join(facts[:told]), chance)]
    if told < len(facts) and chance.random() < 0.6:
        talk.append((chance.choice(MORE), " ".join(facts[told : told + chance.randint(1, 3)])))
    elif told > 1 and chance.random() < 0.5:
        talk.append((chance.choice(SHORTER), facts[0]))
    return talk


# --- stories ---


def _story(chance: random.Random) -> Talk:
    story = stories.tell(chance)
    kind = stories.with_article(story.kind)
    asked = (
        "Tell me a story.",
        "Write a short story.",
        "Tell me a bedtime story.",
        f"Write a story about {kind}.",
        f"Tell me a story about {kind}.",
        f"Tell me a short story about {kind} named {story.name}.",
        f"Write a short story about {kind} and a friend.",
        f"Can you write a story about {story.name}?",
        f"I would like a story with {kind} in it.",
        f"Write a fairy tale about {kind}.",
    )
    talk = [_loosely(chance.choice(asked), story.text, chance)]
    follow = chance.random()
    if follow < 0.15:
        talk.append((chance.choice(SHORTER), story.gist))
    elif follow < 0.3:
        talk.append(
            (
                chance.choice(("What happened next?", "Go on.", "Tell me more.", "And then?", "Continue the story.")),
                story.sequel,
            )
        )
    elif follow < 0.38:
        talk.append((chance.choice(("Give the story a title.", "What is a good title for it?")), story.title))
    elif follow < 0.46:
        talk.append(("Who is the main character?", f"The main character is {story.name}, {kind}."))
    elif follow < 0.52:
        another = stories.tell(chance)
        talk.append((chance.choice(("Another one, please.", "Tell me another story.", "One more!")), another.text))
    return talk


# --- what the user said, counting, order ---


def _memory(chance: random.Random) -> Talk:
    name, colour, city, food = chance.choice(NAMES), chance.choice(COLOURS), chance.choice(CITIES), chance.choice(FOODS)
    facts = [
        (f"My name is {name}.", f"Nice to meet you, {name}!", "What is my name?", f"Your name is {name}."),
        (
            f"My name is {name}. Can you help me?",
            f"Of course, {name}. What do you need?",
            "What's my name?",
            f"Your name is {name}.",
        ),
        (f"I'm {name}.", f"Hello {name}! How can I help you?", "Do you know my name?", f"Yes, your name is {name}."),
        (
            f"My favorite color is {colour}.",
            f"{colour.title()} is a nice color.",
            "What is my favorite color?",
            f"Your favorite color is {colour}.",
        ),
        (
            f"I live in {city}.",
            f"{city} is a city I have read about. What do you like there?",
            "Where do I live?",
            f"You live in {city}.",
        ),
        (
            f"I like {food}.",
            f"Good choice! Do you eat {food} often?",
            "What do I like to eat?",
            f"You said that you like {food}.",
        ),
        (
            f"I have a dog called {name}.",
            f"{name} is a good name for a dog!",
            "What is my dog called?",
            f"Your dog is called {name}.",
        ),
    ]
    picked = chance.sample(facts, chance.choice((1, 1, 2)))
    talk = [(said, answer) for said, answer, _, _ in picked]
    if chance.random() < 0.3:
        talk += _explanation(chance)[:1]
    return talk + [(question, reply) for _, _, question, reply in picked]


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
    return [_loosely(asked.format(name=name), told, chance)]


WEIGHTS: dict[Callable[[random.Random], Talk], float] = {
    _identity: 2.0,
    _fact: 2.0,
    _listing: 3.0,
    _advice: 1.0,
    _steps: 1.2,
    _explanation: 2.5,
    _story: 3.0,
    _memory: 1.2,
    _counting: 1.0,
    _message: 0.8,
    _program: 0.6,
    _unknown: 0.6,
}


# --- encyclopedia articles as conversations ---


def retold(articles: Iterable[Record]) -> list[Record]:
    """Return a conversation for every article whose first sentence says what its title is."""
    chance = random.Random(15)
    found = (_article(record.text, chance) for record in articles)
    return [_record("retold", talk) for talk in found if talk]


def _article(text: str, chance: random.Random) -> Talk:
    title, *paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    opening = paragraphs[0] if paragraphs else ""
    if (
        not opening[:1].isalnum()
        or title not in opening[:60]
        or not re.search(r"\b(is|are|was|were)\b", opening[:200])
        or len(title) > 40
    ):
        return []
    sentences = re.split(r"(?<=[a-z)\"0-9][.!?])\s+(?=[A-Z])", " ".join(paragraphs[:2]))
    told = _within(sentences, chance.choice((200, 350, 500)))
    if not told:
        return []
    asked = (
        f"Tell me about {title}.",
        f"What is {title}?",
        f"What do you know about {title}?",
        f"Can you tell me something about {title}?",
        f"I want to know about {title}.",
        f"{title}",
        f"Explain {title}.",
    )
    talk = [_loosely(chance.choice(asked), " ".join(told), chance)]
    rest = _within(sentences[len(told) :], 500)
    if rest and chance.random() < 0.5:
        talk.append((chance.choice(MORE), " ".join(rest)))
    elif len(told) > 1 and chance.random() < 0.3:
        talk.append((chance.choice(SHORTER), told[0]))
    return talk


def _within(sentences: list[str], limit: int) -> list[str]:
    """Return the first sentences that together have at most ``limit`` characters."""
    taken: list[str] = []
    for sentence in sentences:
        if sum(map(len, taken)) + len(sentence) > limit:
            break
        taken.append(sentence)
    return taken
