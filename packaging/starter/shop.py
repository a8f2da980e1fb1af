"""What students.py and drafters.py share: a process a GPU, the replies that all of them write, and the command line."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from llama import Llama
from numpy.typing import NDArray
from replies import LEARN, START, Writer, read_prompts

HELD = "held.npz"  # the held-out replies, beside the students
PATIENCE = 40  # seconds to wait for another process's replies

Work = Callable[[argparse.Namespace, int, int, float], None]  # options, rank, world, when all began


@dataclass(frozen=True)
class Shop:
    """One process's part: ``rank`` of ``world`` on ``device``; ``began`` is when all began, by the wall's clock."""

    options: argparse.Namespace
    rank: int
    world: int
    began: float

    @property
    def device(self) -> torch.device:
        """The device that works here."""
        return torch.device("cuda", self.rank) if torch.cuda.is_available() else torch.device("cpu")

    def passed(self) -> float:
        """Return the seconds since all began."""
        return time.time() - self.began

    def say(self, line: str) -> None:
        """Print ``line`` with the time and who says it."""
        print(f"{self.passed():5.0f} s [{self.rank}] {line}", flush=True)


def written(shop: Shop, target: Llama) -> tuple[list[int], list[NDArray[np.int32]]]:
    """Write this process's replies, and return the beginning they share and those of all processes."""
    options = shop.options
    prompts = read_prompts(options.prompts, options.target, shop.rank, shop.world)
    shop.say(f"{len(prompts.lengths)} prompts, {prompts.held} of them held out, {len(prompts.begin)} tokens alike")
    torch.manual_seed(options.seed + shop.rank + 1)
    writer = Writer(target, prompts, options.rows, options.width, options.steps)
    seconds = options.writing * 60 * options.minutes - shop.passed()
    mine = writer.write(seconds, shop.say)
    shop.say(f"wrote {int((mine & LEARN > 0).sum()) / 1e6:.2f} M tokens of replies to {int((mine & START > 0).sum())}")
    part = options.work / f"part-{shop.rank}.npy"
    np.save(part, mine)
    part.replace(replies_file(options.work, shop.rank))
    until = time.time() + PATIENCE
    others = [replies_file(options.work, rank) for rank in range(shop.world)]
    while time.time() < until and not all(each.exists() for each in others):
        time.sleep(0.1)
    return prompts.begin, [np.load(each) for each in others if each.exists()]


def replies_file(work: Path, rank: int) -> Path:
    """Return where a process leaves the replies it wrote."""
    return work / f"replies-{rank}.npy"


def shared_out(work: Work, options: argparse.Namespace, most: int, began: float) -> None:
    """Do ``work``, one process a GPU, ``most`` at most; this process is the first of them."""
    options.work.mkdir(parents=True, exist_ok=True)
    world = max(1, min(torch.cuda.device_count(), most))
    for rank in range(world):
        replies_file(options.work, rank).unlink(missing_ok=True)
    others = [
        multiprocessing.get_context("spawn").Process(target=work, args=(options, rank, world, began))
        for rank in range(1, world)
    ]
    for other in others:
        other.start()
    work(options, 0, world, began)
    for other in others:
        other.join()


def usual(
    description: str, taught: str, names: Iterable[str], *, ending: float, writing: float, batch: int, tokens: int
) -> argparse.ArgumentParser:
    """Return what reads the command line, as far as both have the same; ``names``: of what can be taught."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=Path, required=True, help="the prepared starter")
    parser.add_argument("--prompts", type=Path, help="JSON lines of prompts, see asked.py")
    parser.add_argument("--work", type=Path, help="folder for the replies (some 100 MB)")
    parser.add_argument("--out", type=Path, required=True, help=f"folder for the {taught}")
    parser.add_argument("--minutes", type=float, default=9, help="wall-clock time for all of it")
    parser.add_argument("--ending", type=float, default=ending, help="seconds of it kept for writing and measuring")
    parser.add_argument("--writing", type=float, default=writing, help="the share of it by which replies are written")
    parser.add_argument("--rows", type=int, default=3072, help="replies under way at a time on a device")
    parser.add_argument("--width", type=int, default=448, help="tokens a prompt and its reply have at most")
    parser.add_argument("--steps", type=int, default=16_384, help="tokens a row writes at most")
    parser.add_argument("--batch", type=int, default=batch, help="tokens of a step of learning")
    parser.add_argument("--tokens", type=int, default=tokens, help="held-out places that are measured")
    parser.add_argument("--seed", type=int, default=0, help="of the draws: another one, other replies")
    parser.add_argument("--only", choices=tuple(names), help="teach this one alone")
    parser.add_argument("--initial", type=Path, help=f"go on from the {taught} here")
    parser.add_argument("--paces", type=float, nargs="+", default=[1.0], help="of learning, one after another a GPU")
    parser.add_argument("--evaluate", action="store_true", help="only measure")
    parser.add_argument("--dry-run", action="store_true", help="rows, lengths and batches that a CPU can take")
    return parser


def read_options(parser: argparse.ArgumentParser, given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line with ``parser``."""
    options = parser.parse_args(given)
    if options.dry_run:
        options.rows, options.width, options.steps, options.batch, options.ending = 8, 96, 256, 512, 0.0
    return options
