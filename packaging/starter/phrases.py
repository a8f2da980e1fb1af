"""What the conversations of dialogues.py and tellings.py are put together from."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import stories

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


def loosely(question: str, answer: str, chance: random.Random) -> tuple[str, str]:
    """Vary how a question is typed."""
    form = chance.random()
    if form < 0.25:
        question = question.lower().rstrip("?.! ")
    elif form < 0.35:
        question = question.rstrip("?.!")
    return question, answer
