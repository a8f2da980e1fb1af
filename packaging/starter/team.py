"""The processes that train together, their common clock, and what they say."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass
class Team:
    """The processes torchrun started, one a GPU; alone, nothing is exchanged."""

    rank: int = int(os.environ.get("RANK", "0"))
    world: int = int(os.environ.get("WORLD_SIZE", "1"))
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(self.device)
        if self.world > 1:
            dist.init_process_group("nccl" if cuda else "gloo")

    def bfloat16(self) -> torch.autocast:
        """Return the context in which matrices multiply in bfloat16, on a GPU."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def average(self, values: Tensor) -> None:
        """Replace ``values`` by their mean over the team."""
        if self.world > 1:
            dist.all_reduce(values)
            values /= self.world

    def agree(self, value: float) -> float:
        """Return the first process's ``value``; all wait for it."""
        if self.world == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return shared.item()

    def say(self, line: str) -> None:
        """Print ``line`` once."""
        if self.rank == 0:
            print(line, flush=True)

    def part(self) -> None:
        """Leave the group."""
        if self.world > 1:
            dist.destroy_process_group()


class Clock:
    """Share of a stage's time that has passed, the same in every process; looked at every 16th time."""

    def __init__(self, team: Team, minutes: float) -> None:
        self.team, self.seconds, self.start = team, minutes * 60, time.monotonic()
        self.asked, self.known = 0, 0.0

    def progress(self) -> float:
        """Return 0 at the start and 1 or more at the end."""
        if self.asked % 16 == 0:
            self.known = self.team.agree((time.monotonic() - self.start) / self.seconds)
        self.asked += 1
        return self.known


class Pace:
    """Says every 100 steps how far training is, its loss, and tokens a second over the whole team."""

    def __init__(self, team: Team, name: str) -> None:
        self.team, self.name = team, name
        self.steps, self.tokens, self.total = 0, 0, 0
        self.since = time.monotonic()

    def tell(self, loss: Tensor, tokens: int, progress: float) -> None:
        """Count one step over ``tokens`` tokens a process."""
        self.steps += 1
        self.tokens += tokens * self.team.world
        if self.steps % 100 == 0 or self.steps <= 3:
            value = loss.item()  # waits for the device
            now = time.monotonic()
            self.total += self.tokens
            speed = self.tokens / (now - self.since) / 1e3
            done = f"{progress:6.1%} step {self.steps} {self.total / 1e6:.0f} M tokens"
            self.team.say(f"{self.name} {done} loss {value:.3f} {speed:.0f} ktok/s")
            self.since, self.tokens = now, 0
