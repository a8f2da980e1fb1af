"""Train the starter family in one command: corpus in, three NF4 checkpoints out.

    python packaging/starter/train.py --corpus DIR --work DIR --out DIR --minutes 20
    torchrun --standalone --nproc-per-node 4 packaging/starter/train.py ...      # the same on four GPUs

A stage whose result already lies in --work is not run again, so an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import corpus
import dialogues
import frequent
import nf4
import numpy as np
import plan
import tokenizer as words
import torch
from learner import Batch, Learner, held_out, learn_students, learn_target, unpack
from llama import FAMILY, MICRO, Shape
from numpy.typing import NDArray
from team import Clock, Pace, Team
from tokenizers import Tokenizer
from torch._dynamo import config as dynamo


@dataclass(frozen=True)
class Workshop:
    """What every stage needs: the team, the tokenizer, the shelves, where results lie, and the shapes."""

    team: Team
    tokenizer: Tokenizer
    train: Mapping[str, corpus.Shelf]
    held: Mapping[str, corpus.Shelf]
    work: Path
    shapes: Mapping[str, Shape]
    initial: Path | None  # a family to go on from

    def learner(self, name: str) -> Learner:
        """Return a model of the family, fresh or as it is in the ``initial`` folder."""
        peak = plan.AGAIN if self.initial else 1.0
        learner = Learner(name, self.shapes[name], self.tokenizer.get_vocab_size(), self.team, peak)
        if self.initial:
            nf4.restore(learner.model, self.initial / name)
        return learner

    def batches(self, phase: plan.Phase, clock: Clock) -> Iterator[Batch]:
        """Yield this process's share of ever new epochs until the phase's time is over."""
        team = self.team
        with ThreadPoolExecutor(1) as ahead:

            def prepare(number: int) -> NDArray[np.int16]:
                return corpus.epoch(self.train, phase.mix, phase.length, seed=number).view(np.int16)

            coming = ahead.submit(prepare, 0)
            for number in itertools.count(1):
                rows = coming.result()
                coming = ahead.submit(prepare, number)
                share = len(rows) // team.world
                if share < phase.rows:
                    raise SystemExit(f"The corpus fills {share} rows of {phase.length} tokens, not {phase.rows}.")
                mine = torch.from_numpy(rows[team.rank * share : (team.rank + 1) * share]).to(team.device)
                for some in torch.split(mine, phase.rows)[: share // phase.rows]:
                    if clock.progress() >= phase.until:
                        return
                    yield unpack(some, phase.replies_only)

    def report(self, learner: Learner) -> None:
        """Say how well the model does on held-out text and held-out replies."""
        if self.team.rank == 0:
            self.team.say(f"{learner.name}: text {held_out(learner, self.held, ('classic_books', 'enwiki_2015'))}")
            self.team.say(f"{learner.name}: replies {held_out(learner, self.held, tuple(plan.CHAT)[3:])}")


def train_target(shop: Workshop, phases: tuple[plan.Phase, ...], minutes: float) -> Learner:
    """Return the target, trained for ``minutes`` or read from the work folder."""
    target, path = shop.learner("target"), shop.work / "target.pt"
    if path.exists():
        target.load(path)
        return target
    clock, pace = Clock(shop.team, minutes), Pace(shop.team, "target")
    for phase in phases:
        for batch in shop.batches(phase, clock):
            loss = learn_target(target, batch, phase, clock.known)
            pace.tell(loss, batch.tokens.numel(), clock.known)
    shop.report(target)
    target.save(path)
    return target


def train_students(shop: Workshop, teacher: Learner, phases: tuple[plan.Phase, ...], minutes: float) -> list[Learner]:
    """Return qualifier and draft, taught for ``minutes`` by the target as it is after NF4, or read."""
    students = [shop.learner(name) for name in ("qualifier", "draft")]
    paths = [shop.work / f"{student.name}.pt" for student in students]
    if all(path.exists() for path in paths):
        for student, path in zip(students, paths, strict=True):
            student.load(path)
        return students
    clock, pace = Clock(shop.team, minutes), Pace(shop.team, "draft")
    with nf4.worn(teacher.model.linears()):
        for phase in phases:
            for batch in shop.batches(phase, clock):
                loss = learn_students(teacher, students, batch, clock.known)
                pace.tell(loss, batch.tokens.numel(), clock.known)
    for student, path in zip(students, paths, strict=True):
        shop.report(student)
        student.save(path)
    return students


def prepare(source: Path, work: Path, limit: int | None) -> None:
    """Fill ``work`` with the tokenizer and the shelves; at most ``limit`` records of a source, or all."""
    train, held = corpus.split(_thinned(corpus.read(source), limit))
    written = dialogues.invented(1_000 if limit else 60_000) + dialogues.retold(train["enwiki_2015"])
    more_train, more_held = corpus.split(written)
    train, held = train | more_train, held | more_held
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "tokenizer.json").exists():
        texts = (part for found in train.values() for record in found for part in record.parts)
        words.learn(texts).save(str(work / "tokenizer.json"))
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    for name, records_of in (("train", train), ("held", held)):
        shelves = {source: corpus.shelve(found, tokenizer) for source, found in records_of.items()}
        corpus.save(shelves, work / name)
    (work / "prepared").touch()


def _thinned(records: Iterable[corpus.Record], limit: int | None) -> Iterator[corpus.Record]:
    counts: dict[str, int] = {}
    for record in records:
        counts[record.source] = counts.get(record.source, 0) + 1
        if limit is None or counts[record.source] <= limit:
            yield record


def export(shop: Workshop, learners: Mapping[Learner, int], out: Path) -> None:
    """Write every model, by the length it was trained on, to its folder in ``out`` with the tokens worth drafting."""
    size = shop.tokenizer.get_vocab_size()
    tokens, _ = frequent.frequent(shop.train, plan.CHAT, size, plan.FREQUENT)
    for learner, length in learners.items():
        nf4.export(learner.model, out / learner.name, shop.tokenizer, length)
        frequent.save(tokens, out / learner.name)


def main() -> None:
    """Run the stages that are not done yet."""
    options = arguments()
    dynamo.recompile_limit = 64  # three models, two lengths, with and without gradient
    torch.set_float32_matmul_precision("high")
    team = Team()
    began = time.monotonic()
    if team.rank == 0 and not (options.work / "prepared").exists():
        prepare(options.corpus, options.work, 400 if options.dry_run else None)
    team.agree(0.0)  # the others wait here
    shop = Workshop(
        team,
        Tokenizer.from_file(str(options.work / "tokenizer.json")),
        corpus.load(options.work / "train"),
        corpus.load(options.work / "held"),
        options.work,
        MICRO if options.dry_run else FAMILY,
        options.initial,
    )
    tokens = sum(len(shelf.tokens) for shelf in shop.train.values())
    team.say(f"{tokens / 1e6:.1f} M tokens prepared after {time.monotonic() - began:.0f} s, {team.world} process(es)")
    phases = (plan.small(plan.TARGET), plan.small(plan.STUDENTS)) if options.dry_run else (plan.TARGET, plan.STUDENTS)
    target = train_target(shop, phases[0], options.minutes * options.share)
    students = train_students(shop, target, phases[1], options.minutes * (1 - options.share))
    if team.rank == 0:
        lengths = [max(phase.length for phase in stage) for stage in phases]
        export(shop, {target: lengths[0]} | dict.fromkeys(students, lengths[1]), options.out)
    team.say(f"done after {time.monotonic() - began:.0f} s")
    team.part()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with chat.jsonl(.xz) and text.jsonl(.xz)")
    parser.add_argument("--work", type=Path, required=True, help="folder for shelves and masters (0.5 GB)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the three checkpoints")
    parser.add_argument("--initial", type=Path, help="go on from the checkpoints in this folder")
    parser.add_argument("--minutes", type=float, default=20, help="training time, all stages together")
    parser.add_argument("--share", type=float, default=0.65, help="of it for the target")
    parser.add_argument("--dry-run", action="store_true", help="microscopic models on a slice of the corpus")
    return parser.parse_args()


if __name__ == "__main__":
    main()
