"""A course: the target writes replies, a drafter learns its laws from them, and whatever happens little is lost.

Everything is in one folder, the tokens of the replies and the state of what learns, written every few seconds and
replaced in one step. A process that is killed is started again, and goes on from there.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from engine.errors import SettingError
from engine.files import replace_file
from engine.teaching.frozen import Frozen
from engine.teaching.plan import Plan, Progress
from engine.teaching.protocol import News
from engine.teaching.pupil import RIGHT, Pupil, Text
from engine.teaching.remembered import Lesson, Remembered
from engine.teaching.replies import Document, Replies, answered
from engine.teaching.steering import Stopping

REPLIES, STATE, BEST, PROGRESS = "replies.bin", "state.pt", "best.pt", "progress.json"
KEPT = 20.0  # seconds between two times that all is written; also the most that one batch of replies takes
SLICE = 60.0  # that a recorded target takes for one: the longer the fewer are cut; those that end are kept meanwhile
WRITING = 0.3  # the share of a course by which replies are written
HELD_OUT = 16  # one of so many prompts is never learnt from
WARMTHS = (0.3, 0.7, 1.0)  # temperatures that replies are drawn at
JUDGED = 0.7  # the one of those held out
HELD = 256  # prompts held out that are answered at a time: more than is looked at
ROUNDS, REFILL = 8, 32  # times that a prompt is asked at most; prompts for each row, where rows take more as they end
LOOK = 1 / 16  # of a course between two looks at what is held out, or more
SELDOM = 4  # times as long as a look takes goes by before the next one

Prompt = Sequence[int]
SoFar = Callable[[], list[list[int]]]


class Course:
    """Teaches one drafter of ``target``, from where ``folder`` says it is.

    ``begin`` makes the drafter from the tokens it is to have a head for; a model, of as many ``layers``
    as it had before. ``clock``: seconds; ``held_up``: called between steps and tokens, returns when work may go on,
    True where it is to leave off.
    """

    def __init__(
        self,
        folder: Path,
        target: Frozen,
        prompts: Sequence[Prompt],
        plan: Plan,
        begin: Callable[..., Pupil],
        *,
        clock: Callable[[], float] = time.monotonic,
        held_up: Callable[[], bool] = lambda: False,
        replies: Replies | None = None,
        further: Callable[[Sequence[Document]], list[Document]] = lambda _: [],
    ) -> None:
        """``replies``: what it learns from, this folder's among them; None: those alone. ``further``: see Talks."""
        self.folder, self.target, self.plan = folder, target, plan
        self._begin, self._clock, self._held_up = begin, clock, held_up
        self.replies = replies or Replies(folder / REPLIES)
        mixed = list(prompts)
        random.Random(0).shuffle(mixed)
        self._held, self._prompts = mixed[::HELD_OUT], [each for at, each in enumerate(mixed) if at % HELD_OUT]
        self._further, self._unfinished = further, further(self.replies.learnt)
        self._remembered = Remembered(plan.remembered)
        self.progress = self._read()
        self._kept_at, self._look = clock(), KEPT  # when all was written last; seconds that a look takes
        self.learner: Pupil | None = None
        self.judged: dict[str, Any] = {}

    @property
    def done(self) -> float:
        """How far it is, 0 to 1."""
        return min(1.0, self.progress.spent / self.plan.seconds)

    def run(self) -> Iterator[News]:
        """Work until the time is up; yields what there is to tell. It can be dropped at any yield.

        Raises Stopping, everything written, where it is to leave off; and SettingError for prompts that get no reply
        to learn from and another one to judge by.
        """
        yield from self._write()
        if not self.replies.learnt or not self.replies.held:
            raise SettingError("These prompts bring too few replies.", "Give more prompts with --prompts.")
        self.learner = self._resumed()
        yield from self._learn(self.learner)

    def _write(self) -> Iterator[News]:
        """Let the target answer prompts until its share of the time is up, or all were asked again and again."""
        while self._wants():
            self._pass_by()
            began, before = self._clock(), self.replies.written
            self._answered()
            self._spent(began)
            self._keep()
            pace = (self.replies.written - before) / max(1e-9, self._clock() - began)
            yield News("writing", self.done, self.replies.written, pace)

    def _pass_by(self) -> None:
        try:
            self._left_off()
        except Stopping:
            self._keep()
            raise

    def _left_off(self) -> bool:
        """Return, False, as soon as work may go on; raises Stopping where it is to leave off."""
        if self._held_up():
            raise Stopping
        return False

    def _wants(self) -> bool:
        """Tell whether there is to be more to read: until the time for it is up, and of both kinds in any case."""
        rounds = ROUNDS if self.replies.learnt and self.replies.held else 1
        left = self._unfinished or self.progress.asked < rounds * len(self._prompts)
        return bool(left) and (self.done < WRITING or rounds == 1)

    def _next(self) -> tuple[list[Document], bool]:
        """Return what is to be answered next, and whether it is held out.

        Now and then it is prompts that are held out; otherwise what was left unfinished, then further prompts.
        """
        progress, most = self.progress, self.plan.rows * (REFILL if self.target.recorded else 1)
        held = progress.batches % HELD_OUT == 0 and progress.held < len(self._held)
        progress.batches += 1
        if held:
            found = self._held[progress.held : progress.held + min(HELD, most)]
            progress.held += len(found)
            return [Document(tuple(prompt), len(prompt)) for prompt in found], True
        taken, self._unfinished = self._unfinished[:most], self._unfinished[most:]
        places = range(progress.asked, min(progress.asked + most - len(taken), ROUNDS * len(self._prompts)))
        progress.asked += len(places)
        more = [self._prompts[place % len(self._prompts)] for place in places]
        return [*taken, *(Document(tuple(prompt), len(prompt)) for prompt in more)], False

    def _answered(self) -> None:
        """Let the target answer for a while, and keep what it writes."""
        asked, held = self._next()
        warmths = [JUDGED if held else random.choice(WARMTHS) for _ in asked]
        until = self._clock() + self._slice()
        over = lambda: self._held_up() or self._clock() > until  # noqa: E731
        prompts, plan = [each.tokens for each in asked], self.plan
        kept = set[int]()  # those of which the replies are on the disk
        aside = partial(self._aside, asked, kept, held=held)
        found = answered(asked, self.target.write(prompts, warmths, plan.longest, over, plan.rows, aside))
        self.replies.add([each for place, each in enumerate(found) if place not in kept], held=held)
        if not held:
            self._unfinished += self._going_on(found) + self._further(found)

    def _aside(self, asked: Sequence[Document], kept: set[int], so_far: SoFar, *, held: bool) -> None:
        """Keep the replies that have ended by now, if it is time: a long slice is not lost with its process."""
        if self._clock() - self._kept_at < KEPT:
            return
        found = {place: each for place, each in enumerate(answered(asked, so_far())) if not self._goes_on(each)}
        self.replies.add([each for place, each in found.items() if place not in kept], held=held)
        kept.update(found)
        self._kept_at = self._clock()

    def _slice(self) -> float:
        """Return for how many seconds the target is to answer before all is written down."""
        left = (WRITING - self.done) * self.plan.seconds
        return max(KEPT, left if left < 1.5 * SLICE else SLICE) if self.target.recorded else KEPT

    def _going_on(self, found: Sequence[Document]) -> list[Document]:
        """Return those of ``found`` that the clock cut and that are worth going on with.

        What a recorded target has said of a reply it would have to be fed token by token again, for as long as saying
        it took. So where the clock lets most replies end, those that were cut are left as they are.
        """
        cut = [each for each in found if self._goes_on(each)]
        begun = [each for each in cut if len(each.tokens) > each.reply]
        self.progress.asked -= len(cut) - len(begun)  # what was asked last was not begun, and is asked again
        return begun if not self.target.recorded or len(begun) > len(found) - len(cut) else []

    def _goes_on(self, document: Document) -> bool:
        """Tell whether a reply was cut by the clock alone."""
        return not self.target.ends_with(document.tokens) and len(document.tokens) - document.reply < self.plan.longest

    def _learn(self, learner: Pupil) -> Iterator[News]:
        """Teach until the time is up, looking at what is held out now and then."""
        if self.done >= 1 and self.progress.ended:
            return  # its trial was broken off
        self.progress.ended, heard, first = False, self._clock(), min(WRITING, self.done)
        self.progress.looks = min(self.progress.looks, int(self.done / LOOK))  # it may be to last longer than before
        for lesson in self.replies.lessons(self.plan.batch, random.Random(learner.steps)):
            if self.done >= 1:
                break
            self._pass_by()
            began = self._clock()
            text = self._text(lesson, learner)
            self._pass_by()  # reading takes half of a step, and that is seconds on a processor
            loss = learner.learn(text, (self.done - first) / (1 - first))
            took = self._spent(began)
            if self.done >= (self.progress.looks + 1) * LOOK:
                self._keep_before(self._look)
                yield self._looked(learner)
                self.progress.looks = int((self.done + SELDOM * self._look / self.plan.seconds) / LOOK)
            self._keep_before(took)
            if self._clock() - heard > 1:
                heard = self._clock()
                yield replace(self._news(learner), pace=lesson[0].numel() / max(1e-9, took), loss=float(loss))
        self._keep_before(self._look)
        yield self._looked(learner)
        self.progress.ended = True
        self._keep()

    def _text(self, lesson: Lesson, learner: Pupil) -> Text:
        """Return ``lesson`` as the target reads it, or has read it."""
        (tokens, said), device = lesson, self.target.device
        return self._remembered.text(lesson, lambda: self.target.read(tokens.to(device), said.to(device), learner.taps))

    def _looked(self, learner: Pupil) -> News:
        """Judge by what is held out; the best so far is put aside, as it would be stored."""
        began = self._clock()
        try:
            self.judged = self._judge(learner)
        except Stopping:
            self._keep()  # only now: meanwhile its weights are rounded
            raise
        self._look = self._spent(began)
        right = sum(self.judged[RIGHT])
        if right > self.progress.best:
            self.progress.best = right
            self._store(self.folder / BEST, {"weights": learner.weights(), "judged": self.judged})
        return self._news(learner)

    def _judge(self, learner: Pupil) -> dict[str, Any]:
        """Return how well ``learner`` guesses of what is held out; raises Stopping where it is to leave off."""
        looks = self.replies.looks(self.plan.batch)
        texts = (self._text(look, learner) for look in looks if not self._left_off())
        return learner.measured(texts, self.plan.places)

    def _news(self, learner: Pupil) -> News:
        agreement = tuple(self.judged.get(RIGHT, ()))
        agreement += agreement[-1:] * (learner.guesses - len(agreement))
        value = learner.worth(self.judged, self.target.shape, self.target.device.type) if agreement else None
        return News("learning", self.done, self.replies.written, agreement=agreement, worth=value)

    def finish(self, folder: Path, card: dict[str, Any]) -> None:
        """Write the best drafter there was to ``folder``, with its ``card``."""
        assert self.learner is not None  # noqa: S101 - a course that has run
        best = torch.load(self.folder / BEST, weights_only=True)
        self.learner.take(best["weights"])
        said = {"tokens of replies": self.replies.tokens, "steps": self.learner.steps, "held out": best["judged"]}
        begun = {"begun with": dict(self.learner.begun)} if self.learner.begun else {}
        self.learner.save(folder, card | begun | said)

    def _spent(self, began: float) -> float:
        """Count what was done since ``began``; returns its seconds."""
        took = self._clock() - began
        self.progress.spent += took
        return took

    def _keep_before(self, seconds: float) -> None:
        """Put all on the disk if otherwise more than KEPT were lost with the process when so many ``seconds`` are over.

        On a slow processor a look takes as long as that, and a few steps do.
        """
        if self._clock() - self._kept_at + seconds > KEPT:
            self._keep()

    def _keep(self) -> None:
        """Put on the disk all that the next process needs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.learner is not None:
            self._store(self.folder / STATE, self.learner.state())
        replace_file(self.folder / PROGRESS, json.dumps(asdict(self.progress)).encode())
        self._kept_at = self._clock()

    def _store(self, file: Path, value: Any) -> None:
        fresh = file.with_suffix(".new")
        torch.save(value, fresh)
        fresh.replace(file)

    def _resumed(self) -> Pupil:
        """Return the drafter as it was left, or at its beginning."""
        state = self.folder / STATE
        stored = torch.load(state, map_location="cpu", weights_only=True) if state.is_file() else None  # copied there
        few = self.replies.commonest(self.plan.few, self.target.ends.head.shape[0])
        if stored is None:
            return self._begin(few)
        shape = {"layers": stored["layers"]} if "layers" in stored else {}  # of a model; fewer fitted it then, perhaps
        learner = self._begin(stored["few"].cpu(), **shape)
        learner.restore(stored)
        return learner

    def _read(self) -> Progress:
        file = self.folder / PROGRESS
        return Progress(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else Progress()
