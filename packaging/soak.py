"""Talks to the engine at random for some minutes: prompts, presets, settings, Stops, unloads and reloads.

    python packaging/soak.py --minutes 8 --device cuda
    python packaging/soak.py --lengths 1000 --device cpu

Ends with status 1 and a sentence if anything failed, or if a fresh engine needs more memory than the first one did.
With --lengths one engine gives that many short replies to prompts of every length: its memory must cease to grow.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from itertools import islice

import psutil
import torch

from engine.config import PRESETS, Sampling
from engine.events import Finished, Loading, finished
from engine.library import starter_models
from engine.prompts import PROMPTS
from engine.session import Session

ALLOWED = 64 << 20  # bytes a reloaded engine may hold beyond the first: the allocators' own fragments


def main() -> int:
    """Run until the minutes are over; returns 0 if nothing leaked and nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lengths", type=int, metavar="REPLIES", help="short replies to prompts of every length")
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    if arguments.lengths:
        return _lengths(dice, arguments.lengths, arguments.device)
    return _lives(dice, 60 * arguments.minutes, arguments.device)


def _lengths(dice: random.Random, replies: int, device: str) -> int:
    """Answer ``replies`` prompts of 1 to 300 words with two tokens each; returns 1 if memory does not cease to grow."""
    session, words = _opened(device), " ".join(PROMPTS).split()
    shown = {replies * part // 25 for part in (1, 5, 15, 25)}
    held: list[int] = []
    for done in range(1, replies + 1):
        said = " ".join(dice.choices(words, k=round(300 ** dice.random())))  # as many short ones as long ones
        preset = dice.choice([*filter(session.models.runs, PRESETS.values())])
        for _ in session.reply([("user", said)], preset=preset, max_tokens=2):
            pass
        held.append(_held())
        if done in shown:
            print(f"replies {done:,}; held {held[-1] / 1e6:,.1f} MB{_of_torch()}", flush=True)
    grown = held[-1] - max(held[: replies // 5])
    print(f"grown by {grown / 1e6:,.1f} MB after the first fifth")
    return int(grown > ALLOWED)


def _lives(dice: random.Random, seconds: float, device: str) -> int:
    """Live one engine's life after the other for ``seconds``; returns 1 if the later ones hold more."""
    until = time.monotonic() + seconds
    counts = {"replies": 0, "stopped": 0, "tokens": 0, "reloads": 0}
    held: list[int] = []
    while time.monotonic() < until:
        _live(dice, until, device, counts)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        held.append(_held())
        counts["reloads"] += 1
        done = ", ".join(f"{what} {n:,}" for what, n in counts.items())
        print(f"{done}; held {held[-1] / 1e6:,.1f} MB{_of_torch()}", flush=True)
    grown = max(held[len(held) // 2 :]) - max(held[:2])
    print(f"grown by {grown / 1e6:,.1f} MB between the first two lives and the later ones")
    return int(grown > ALLOWED)


def _live(dice: random.Random, until: float, device: str, counts: dict[str, int]) -> None:
    """Open an engine, have a few conversations, close it."""
    session = _opened(device)
    messages: list[tuple[str, str]] = []
    for _ in range(dice.randint(3, 25)):
        if time.monotonic() > until:
            break
        messages = [] if dice.random() < 0.4 or len(messages) > 12 else messages
        messages.append(("user", dice.choice(PROMPTS) + " " * dice.randint(0, 3)))
        messages.append(("assistant", _reply(session, messages, dice, counts)))
    session.close()


def _opened(device: str) -> Session:
    """Return an engine with the starter models on ``device``."""
    return finished(Session.open(starter_models(), device))


def _reply(session: Session, messages: list[tuple[str, str]], dice: random.Random, counts: dict[str, int]) -> str:
    sampling = Sampling(
        temperature=dice.choice([0, 0.3, 0.7, 1.0, 1.6]),
        top_k=dice.choice([0, 0, 5, 200]),
        top_p=dice.choice([1, 0.95, 0.5]),
        min_p=dice.choice([0, 0, 0.05]),
        repetition_penalty=dice.choice([1, 1, 1.2]),
        seed=dice.choice([None, dice.randint(0, 10**6)]),  # without one HSD plans its chain
    )
    preset = dice.choice([*filter(session.models.runs, PRESETS.values())])
    events = session.reply(messages, preset=preset, sampling=sampling, max_tokens=dice.choice([1, 7, 60, 200]))
    taken = dice.randint(1, 80) if dice.random() < 0.3 else None
    text = ""
    for event in islice((event for event in events if not isinstance(event, Loading)), taken):
        if isinstance(event, Finished):
            text = event.text
            counts["tokens"] += event.tokens
    events.close()  # type: ignore[attr-defined]
    counts["replies"] += 1
    counts["stopped"] += not text
    return text or "…"


def _held() -> int:
    """Return the bytes this process holds: on the GPU where there is one, else in memory."""
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return total - free
    return psutil.Process().memory_info().rss


def _of_torch() -> str:
    """Say how much of what is held on a GPU is torch's: the rest is the driver's, its code and its graphs."""
    if not torch.cuda.is_available():
        return ""
    return f", torch {torch.cuda.memory_reserved() / 1e6:,.1f}, in use {torch.cuda.memory_allocated() / 1e6:,.1f}"


if __name__ == "__main__":
    sys.exit(main())
