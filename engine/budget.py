"""Asks what of a model set this device can hold, before a byte of it is read."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import torch

from engine import words
from engine.account import CONTEXT, LEAST, LIBRARIES, longest, needs
from engine.architecture.drafters import read_drafter
from engine.architecture.holding import Device, Holding
from engine.architecture.stored import kept_as
from engine.architecture.weights import stored_in
from engine.config import DRAFTERS, INNER, TARGET, WEIGHTS, ModelSet, Role, Weights
from engine.dimensions import Dimensions, read_dimensions
from engine.errors import CheckpointError, DeviceError
from engine.gpus import cap
from engine.placement import Placement, host_memory, place, require_host


class Budget:
    """The memory of ``device`` for the models of one set."""

    def __init__(
        self, models: ModelSet, device: torch.device, *, dense_head: bool = False, weights: Weights = WEIGHTS
    ) -> None:
        self._models, self._device, self._dense_head = models, device, dense_head
        self._longest = partial(longest, dense_head=dense_head, weights=weights)
        self._needs = partial(needs, dense_head=dense_head, weights=weights)
        self._kind: Device = "cuda" if device.type == "cuda" else "cpu"
        self._holding = Holding(self._kind, weights, dense_head)

    def place(self, wanted: int) -> tuple[int, Placement]:
        """Return the most tokens up to ``wanted`` of a conversation that the set can hold, and where its target lies.

        All of it stays on the device if the whole set fits, or what there is without its drafters, or else the target
        alone. Where not even that does, a GPU leaves some layers to the host, beside all of the set if that fits and
        the host can hold those layers. ``wanted`` if nothing does.
        """
        family, rest = self._family()
        layers, free = family[0].architecture.layers, free_memory(self._device)
        asked = partial(self._longest, device=self._kind, runtime=self._runtime(), wanted=wanted)
        for streamed in (0, layers) if self._kind == "cuda" else (0,):
            drafters = self._drafters(DRAFTERS | INNER.keys() if streamed else DRAFTERS, wanted)
            ways = (family, free - rest - drafters), (family, free - rest), (family[:1], free)
            found = [
                (room, self._placed(levels, room, left) if streamed else Placement(layers))
                for levels, left in ways
                if (room := asked(levels, free=left, streamed=streamed))
            ]
            if found:
                return next((each for each in found if self._hosted(family[0], *each)), found[0])
        return wanted, Placement(layers)

    def _hosted(self, target: Dimensions, room: int, placement: Placement) -> bool:
        """Tell whether the host can hold what ``placement`` leaves to it."""
        asked = self._needs([target], room, self._kind, streamed=placement.streamed)
        return not placement.streamed or asked.host <= host_memory().free

    def _placed(self, levels: Sequence[Dimensions], room: int, free: int) -> Placement:
        """Return where the target's layers go if the set is to hold ``room`` tokens, which it can."""
        found = place(levels, room, free, runtime=self._runtime(), dense_head=self._dense_head)
        placed = found or Placement(0, levels[0].architecture.layers)
        left_early = bool(levels[0].architecture.exits) or "exits" in self._models.models
        return replace(placed, spread=len(levels) > 1 and not left_early)

    def require(self, role: Role, loaded: Sequence[Role], context: int, streamed: int = 0) -> None:
        """Raise DeviceError, with numbers, if the model of ``role`` does not fit beside those ``loaded``.

        ``streamed``: how many of the target's layers the host holds. CheckpointError for a folder that does not say how
        large its model is.
        """
        asked = partial(self._needs, device=self._kind, runtime=self._runtime(), streamed=streamed)
        held = [self._dimensions(each) for each in loaded]
        free = free_memory(self._device)
        if held and self._kind == "cpu":  # on a GPU what is loaded counts as free
            free += asked(held, LEAST).weights
        needed = asked([*held, self._dimensions(role)], context)
        needed.require(free)
        if streamed and not held:
            require_host(needed, host_memory())

    def require_bytes(self, part: str, size: int) -> None:
        """Raise DeviceError if ``size`` bytes more are not free, for ``part`` of the set."""
        free = free_memory(self._device)
        if size > free:
            sentence = f"{part} needs {words.size(size)} of memory; {words.size(max(free, 0))} are free."
            raise DeviceError(sentence, "Close other programs that use this memory, or choose another method.")

    def _family(self) -> tuple[list[Dimensions], int]:
        """Return the dimensions of the set's models, the target's first, and the bytes of what is no model by itself.

        A smaller model that was made for fewer tokens limits its own presets, not the others.
        """
        target = self._dimensions("target")
        found, rest = [target], 0
        for role in self._models.smaller:
            try:
                found.append(self._dimensions(role).reaching(target.context))
            except CheckpointError:
                rest += stored(self._models.models[role])  # what is wrong is reported when that role is asked for
        return found, rest

    def _drafters(self, roles: Set[Role], room: int) -> int:
        """Return the bytes that the set's drafters of these ``roles`` take with ``room`` tokens, each beside its model.

        One that cannot be read takes none.
        """
        taken = 0
        for role in sorted(roles & self._models.models.keys()):
            folder, of = self._models.models[role], INNER[role].of if role in INNER else TARGET
            with contextlib.suppress(CheckpointError):  # what is wrong is reported when it is asked for
                shape = read_drafter(folder, self._dimensions(of).architecture)
                taken += shape.bytes(kept_as(stored_in(folder)), self._holding, room)
        return taken

    def _dimensions(self, role: Role) -> Dimensions:
        return read_dimensions(self._models.models[role])

    def _runtime(self) -> int:
        """Return what CUDA has still to take; its context is there by the time free memory is counted."""
        if self._kind == "cpu":
            return 0
        # How often torch allocated, ever; nothing is known before CUDA is initialised.
        begun = torch.cuda.memory_stats(self._device).get("allocation.all.allocated", 0)
        return 0 if begun else LIBRARIES


def stored(folder: Path) -> int:
    """Return the bytes of the weights in ``folder``."""
    return sum(each.stat().st_size for each in folder.glob("*.safetensors"))


def hand_back() -> None:
    """Give the system what this process has freed of the host's memory and keeps for itself; glibc alone does.

    It keeps pieces of less than 32 MB, as most matrices are: once the starter in float32 was dropped, 0.5 of 0.8 GB
    were the process's still, and after this none of them.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def whole_memory(device: torch.device) -> int:
    """Return the bytes that ``device`` has, or those of the smaller GPU it is to be taken for."""
    if device.type != "cuda":
        return int(psutil.virtual_memory().total)
    return min(cap() or sys.maxsize, int(torch.cuda.mem_get_info(device)[1]))


def free_memory(device: torch.device) -> int:
    """Return the bytes of ``device`` this process can use: those that are free, and on a GPU those torch holds.

    Where a GPU is to be taken for a smaller one, no more than that would have beside CUDA itself.
    """
    if device.type != "cuda":
        return int(psutil.virtual_memory().available)
    most, free = cap(), int(torch.cuda.mem_get_info(device)[0]) + torch.cuda.memory_reserved(device)
    return free if most is None else min(free, most - CONTEXT)
