"""Conversations that go on: explanations, stories, what the user said before, and articles retold."""

from __future__ import annotations

import random
import re

import stories
from phrases import MORE, NAMES, PHRASES, SHORTER, Talk, loosely

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


# --- explanations that go on ---


def explanation(chance: random.Random) -> Talk:
    """Explain something, and say more or less of it when asked."""
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
    talk = [loosely(chance.choice(asked), " ".join(facts[:told]), chance)]
    if told < len(facts) and chance.random() < 0.6:
        talk.append((chance.choice(MORE), " ".join(facts[told : told + chance.randint(1, 3)])))
    elif told > 1 and chance.random() < 0.5:
        talk.append((chance.choice(SHORTER), facts[0]))
    return talk


# --- stories ---


def story(chance: random.Random) -> Talk:
    """Tell a story, and go on from it."""
    told = stories.tell(chance)
    kind = stories.with_article(told.kind)
    asked = (
        "Tell me a story.",
        "Write a short story.",
        "Tell me a bedtime story.",
        f"Write a story about {kind}.",
        f"Tell me a story about {kind}.",
        f"Tell me a short story about {kind} named {told.name}.",
        f"Write a short story about {kind} and a friend.",
        f"Can you write a story about {told.name}?",
        f"I would like a story with {kind} in it.",
        f"Write a fairy tale about {kind}.",
    )
    talk = [loosely(chance.choice(asked), told.text, chance)]
    follow = chance.random()
    if follow < 0.15:
        talk.append((chance.choice(SHORTER), told.gist))
    elif follow < 0.3:
        talk.append(
            (
                chance.choice(("What happened next?", "Go on.", "Tell me more.", "And then?", "Continue the story.")),
                told.sequel,
            )
        )
    elif follow < 0.38:
        talk.append((chance.choice(("Give the story a title.", "What is a good title for it?")), told.title))
    elif follow < 0.46:
        talk.append(("Who is the main character?", f"The main character is {told.name}, {kind}."))
    elif follow < 0.52:
        another = stories.tell(chance)
        talk.append((chance.choice(("Another one, please.", "Tell me another story.", "One more!")), another.text))
    return talk


# --- what the user said, counting, order ---


def memory(chance: random.Random) -> Talk:
    """Say something of oneself, and ask for it later."""
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
        talk += explanation(chance)[:1]
    return talk + [(question, reply) for _, _, question, reply in picked]


# --- encyclopedia articles as conversations ---


def article(text: str, chance: random.Random) -> Talk:
    """Return an article as question and answer; nothing where its first sentence does not say what its title is."""
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
    talk = [loosely(chance.choice(asked), " ".join(told), chance)]
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
