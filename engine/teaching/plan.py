"""What is asked of a course, and what it has to remember of how far it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a course: how many ``seconds`` of work, pauses not counted, and in what portions.

    ``rows`` replies at a time of at most ``longest`` tokens; ``batch`` tokens a step of learning; ``few`` tokens that
    the drafter has a head for; ``places`` held out ones a look judges; ``remembered`` bytes of what the target made of
    texts.
    """

    seconds: float
    rows: int = 64
    longest: int = 320
    batch: int = 8192
    few: int = 8192
    places: int = 8000
    remembered: int = 0


@dataclass
class Progress:
    """What a course has to remember beside weights and replies."""

    spent: float = 0.0
    asked: int = 0  # prompts to learn from
    held: int = 0  # prompts that are held out
    batches: int = 0
    best: float = -1.0  # agreement so far
    looks: int = 0
    ended: bool = False  # the last look was taken
