"""What the family reads, in which order, and how fast it learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

# How often an epoch holds every document of a source.
READING = {
    "classic_books": 1,
    "enwiki_2015": 1,
    "self_dialogue": 1,
    "topical_chat": 1,
    "synthetic_persona": 1,
    "sgd": 0.6,
    "star": 0.6,
    "taskmaster4": 0.6,
    "wordnet_definitions": 1,
    "enwiki_whatis": 1,
    "open_trivia_qa": 1,
    "dolly15k_subset": 1,
    "gsm8k_train": 1,
    "project_templates": 1,
    "tinystories_sample": 2,
    "pratham_books": 2,
    "african_storybook": 2,
    "aesop_fables": 2,
    "grimm_potter": 2,
    "dialogues": 1,
    "retold": 1,
}
CHAT = {
    "sgd": 0.05,
    "star": 0.05,
    "taskmaster4": 0.1,
    "wordnet_definitions": 1,
    "enwiki_whatis": 1,
    "open_trivia_qa": 1,
    "dolly15k_subset": 2,
    "gsm8k_train": 0.7,
    "project_templates": 1.5,
    "tinystories_sample": 3,
    "pratham_books": 2,
    "african_storybook": 1,
    "aesop_fables": 2,
    "grimm_potter": 2,
    "dialogues": 0.6,
    "retold": 1,
}
TALKING = {"classic_books": 0.1, "enwiki_2015": 0.2, **CHAT}  # without some text the prose is forgotten


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training up to the share ``until`` of its stage's time; ``rows`` of ``length`` a process."""

    until: float
    mix: Mapping[str, float]
    length: int
    rows: int
    replies_only: bool
    exits: tuple[float, ...] = ()  # weights of the early exits' losses; the full depth has 1
    stride: int = 1  # exits learn at every stride-th position: a head costs as much as five layers


# Two or three passes over the small chat sources are enough; after twelve the last layers knew them by heart and were
# worse than the eighth on anything new.
TARGET = (
    Phase(0.78, READING, 1024, 48, replies_only=False, exits=(0.3, 0.25, 0.15), stride=4),
    Phase(1.00, TALKING, 2048, 24, replies_only=True, exits=(0.5, 0.35, 0.2)),
)
STUDENTS = (
    Phase(0.40, READING, 1024, 48, replies_only=False),
    Phase(1.00, TALKING, 1024, 48, replies_only=True),
)
DECAY_FROM, ROUND_FROM = 0.45, 0.86  # shares of a stage's time: the rates fall, NF4 is practised
WARM_UP = 100  # steps
MATRIX_RATE, VECTOR_RATE = 0.02, 3e-3
AGAIN = 0.5  # a family that has learnt before goes on at this share of the rates
HARD = 0.15  # a pupil's loss: this share on the corpus' token, the rest on its teacher's law
FREQUENT = 4096  # tokens a level that only drafts is read for: a third of the head, 95 % of what replies say


def small(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """Return ``phases`` with rows a laptop can take, for a dry run."""
    return tuple(replace(phase, length=128, rows=4) for phase in phases)
