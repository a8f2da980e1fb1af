"""Keeps the threads that share a pass: as many as torch computes with, asleep whenever there is nothing to do."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray

from engine.model.cpu.compiled import found
from engine.model.cpu.layout import CREW, GRAIN, ITEMS, PIECES, STAGE

Stages = NDArray[np.int64]  # [stages, STAGE], see engine/model/cpu/stages.py
EACH = 4  # pieces for each thread, so that one who comes late or is slow does fewer of them
LINE = 8  # numbers that move between processors together
SECONDS = 1.0  # that one who ends is waited for


def stage(kernel: str, items: int, grain: int, *arguments: int) -> list[int]:
    """Return one stage; a piece of it has ``grain`` items at least, few of which are not worth a call."""
    row = [found().addresses[kernel], items, 1, grain, *arguments]
    return row + [0] * (STAGE - len(row))


def stages(rows: Iterable[list[int]]) -> Stages:
    """Return stages as they are run."""
    return np.array([*rows], dtype=np.int64)


def workers() -> int:
    """Return how many threads are to share a pass: engine/decoding/threads.py tells torch."""
    return torch.get_num_threads()


class Crew:
    """One thread leads, the caller's; the others are the crew's own, and follow.

    They wait in compiled code for a tenth of a millisecond after their last piece, as stages follow one another, and
    then on a lock. Nothing waits for them unless they are at work, so a process that ends or forks need not either.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a process that has just been forked, where no thread but the caller's goes on."""
        self.shared = np.zeros(CREW + LINE, dtype=np.int64)
        self.address = -(-self.shared.ctypes.data // (8 * LINE)) * 8 * LINE
        self.leading = threading.Lock()
        self.followers: list[_Follower] = []

    def run(self, work: Stages, threads: int) -> None:
        """Run the stages ``work`` to their end by so many threads; by one, where another pass has the others."""
        if threads > 1 and self.leading.acquire(blocking=False):
            try:
                self._lead(work, threads)
            finally:
                self.leading.release()
        else:
            work[:, PIECES] = 1
            found().lead(self.address, work.ctypes.data, len(work), 1)

    def _lead(self, work: Stages, threads: int) -> None:
        pieces = np.minimum(work[:, ITEMS] // work[:, GRAIN], EACH * threads, out=work[:, PIECES])
        if pieces.max() > 1:
            self._call(threads - 1)
        found().lead(self.address, work.ctypes.data, len(work), threads)

    def _call(self, count: int) -> None:
        """Wake so many followers, or as many as the system has threads for."""
        with suppress(RuntimeError):
            while len(self.followers) < count:
                self.followers.append(_Follower(self.address, len(self.followers) + 1))
        for follower in self.followers[:count]:
            follower.call()

    def leave(self) -> None:
        """Let all followers end, for good: passes that come later, as a process ends, go alone."""
        if self.leading.acquire(timeout=SECONDS):
            for follower in self.followers:
                follower.leave()
            self.followers.clear()


class _Follower:
    """A thread that helps whenever it is called."""

    def __init__(self, crew: int, slot: int) -> None:
        self.crew, self.slot = crew, slot
        self.asleep, self.leaving = True, False
        self.wake = threading.Lock()
        self.wake.acquire()
        self.thread = threading.Thread(target=self._follow, name=f"kernels-{slot}", daemon=True)
        self.thread.start()

    def call(self) -> None:
        """Wake it, unless it is up. One thread calls at a time."""
        if self.asleep:
            self.asleep = False
            self.wake.release()

    def leave(self) -> None:
        """Let it end, and wait for that."""
        self.leaving = True
        for _ in range(100):  # it may be about to fall asleep
            self.call()
            self.thread.join(SECONDS / 100)
            if not self.thread.is_alive():
                return

    def _follow(self) -> None:
        follow = found().follow
        while True:
            self.wake.acquire()
            if self.leaving:
                return
            follow(self.crew, self.slot)
            self.asleep = True


crew = Crew()
atexit.register(crew.leave)
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=crew.forget)
