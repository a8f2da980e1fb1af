"""A course that goes on where a drafter is: it learns from what the target wrote for one person, beside other texts.

Begun from the drafter's own weights or the best it has had since (Online Speculative Decoding, arXiv 2310.07177). What
moves are the scales of its 4-bit blocks and its norms: see gains.py. The answers come from outside and are never
written down; the target's replies to our prompts are mixed in, so that what the drafter knew is not forgotten, and
these are kept.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.teaching import saving
from engine.teaching.course import BEST, REPLIES, STATE, WRITING, Course, Prompt
from engine.teaching.frozen import Frozen
from engine.teaching.learner import Learner
from engine.teaching.plan import Plan
from engine.teaching.pupil import RIGHT, Pupil, Text
from engine.teaching.remembered import Lesson
from engine.teaching.replies import Document, Replies, batched

OTHERS = 0.25  # the share of what is learnt by that is not this person's
PACE = 3.0  # times the rate that all but matrices are first taught with: factors of whole blocks bear it
BEGUN = 50  # steps for which rates have risen already: its weights are good ones


@dataclass(frozen=True, slots=True)
class Lately:
    """What the target wrote for a person: to be ``learnt`` from, and ``held`` out, never to be."""

    learnt: Sequence[Document]
    held: Sequence[Document]


class Mixed(Replies):
    """A person's own answers, and others in a ``file``, a share of which is mixed in."""

    def __init__(self, file: Path, lately: Lately) -> None:
        self.others: list[Document] = []
        super().__init__(file)
        self.learnt, self.held = list(lately.learnt), list(lately.held)

    @property
    def written(self) -> int:
        """How many tokens of other texts the target has written."""
        return sum(len(each.tokens) - each.reply for each in self.others)

    @property
    def lacks(self) -> bool:
        """Tell whether there are fewer other texts than are to be mixed in."""
        return self.written < OTHERS / (1 - OTHERS) * self.tokens

    def _take(self, document: Document, *, held: bool) -> None:  # noqa: ARG002 - none of these is judged by
        if len(document.tokens) > document.reply:
            self.others.append(document)

    def lessons(self, batch: int, chance: random.Random) -> Iterator[Lesson]:
        """Give the same batches again and again in changing order, those of other texts among them."""
        count = round(OTHERS / (1 - OTHERS) * len(self.learnt))
        others = chance.sample(self.others, min(count, len(self.others)))
        lessons = [each for part in (self.learnt, others) for each in batched(part, batch)]
        while True:
            yield from chance.sample(lessons, len(lessons))

    def _made(self, batch: int) -> Iterator[Lesson]:
        """Give what is held out, those of like length together."""
        return batched(self.held, batch)


class Onward(Course):
    """Lets one drafter of ``target`` learn on from ``lately``; ``begin`` gives it untouched.

    ``rounds``: it is judged with its weights at 4 bits, as it will be run. What it learns of is read once: the target
    does not change. ``untouched`` is how well the drafter guesses that never learnt on, once the course has run.
    """

    def __init__(
        self,
        folder: Path,
        target: Frozen,
        lately: Lately,
        prompts: Sequence[Prompt],
        plan: Plan,
        begin: Callable[[], Learner],
        *,
        rounds: bool,
        clock: Callable[[], float],
        held_up: Callable[[], bool],
    ) -> None:
        self.mixed = Mixed(folder / REPLIES, lately)
        super().__init__(
            folder, target, prompts, plan, lambda _: begin(), clock=clock, held_up=held_up, replies=self.mixed
        )
        self._rounds = rounds
        self.untouched: dict[str, Any] = {}
        self.best: dict[str, Any] = {}

    @property
    def better(self) -> bool:
        """Tell whether what was learnt guesses better than the untouched drafter."""
        return bool(sum(self.best[RIGHT]) > sum(self.untouched[RIGHT]))

    def _wants(self) -> bool:
        left = self._unfinished or self.progress.asked < len(self._prompts)
        return bool(left) and self.done < WRITING and self.mixed.lacks

    def _resumed(self) -> Pupil:
        """Return the drafter as the last session, or a part of this one, left it; it and the untouched one are judged.

        Only what is better than both is put aside from here on.
        """
        learner = self._begin(torch.empty(0, dtype=torch.int64))
        learner.steps = BEGUN
        self.untouched = self.best = self._judge(learner)
        if (self.folder / BEST).is_file():
            learner.take(self._best())
            self.best = self._judge(learner)
            if not self.better:
                (self.folder / BEST).unlink()
                del learner  # before there is another
                learner, self.best = self._begin(torch.empty(0, dtype=torch.int64)), self.untouched
                learner.steps = BEGUN
        self.progress.best = sum(self.best[RIGHT])
        if (self.folder / STATE).is_file():
            learner.restore(torch.load(self.folder / STATE, map_location="cpu", weights_only=True))
        return learner

    def _best(self) -> dict[str, Tensor]:
        """Return the weights that were put aside, on the host: they are copied to where they learn."""
        found: dict[str, Tensor] = torch.load(self.folder / BEST, map_location="cpu", weights_only=True)["weights"]
        return found

    def _judge(self, learner: Pupil) -> dict[str, Any]:
        assert isinstance(learner, Learner)  # noqa: S101 - as ``begin`` gives it
        texts = (self._text(look, learner) for look in self.replies.looks(self.plan.batch))
        found = learner.measured(texts, self.plan.places, stored=self._rounds)
        if self.best and sum(found[RIGHT]) > sum(self.best[RIGHT]):
            self.best = found
        return found

    def _text(self, lesson: Lesson, learner: Pupil) -> Text:
        """Return ``lesson`` as the target reads it, from memory if it is there; raises Stopping between two of them."""
        if lesson not in self._remembered:
            self._pass_by()
        return super()._text(lesson, learner)

    def write(self, folder: Path, card: dict[str, Any], *, four_bits: bool) -> None:
        """Write the best there was to ``folder`` with its ``card``; ``four_bits``: its matrices as NF4."""
        assert isinstance(self.learner, Learner)  # noqa: S101 - a course that has run
        self.learner.take(self._best())
        saving.save(self.learner.drafter, folder, card | {"held out": self.best}, four_bits=four_bits)

    def close(self) -> None:
        """Count the session as over: the next one begins at the best there was, or anew where nothing was better."""
        self.progress.spent = self.progress.looks = self.progress.best = 0
        (self.folder / STATE).unlink(missing_ok=True)
        if not self.better:
            (self.folder / BEST).unlink(missing_ok=True)
        self.learner = None
        self._keep()
