"""The barriers of nf4_linear.cu, explored in every order of its warps: no deadlock, no tile read before it is whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

Settler = Callable[[int], int]
FULL, TAKEN = 0, 2  # barriers, plus the buffer's number


class Step(NamedTuple):
    """What a warp does next: at a barrier, or to a buffer, for a tile."""

    what: str  # "sync", "arrive", "write", "read"
    where: int
    tile: int


class State(NamedTuple):
    """How far each warp is, the barrier it waits at (-1: none), arrivals at each, and each warp's tile in a buffer."""

    done: tuple[int, ...]
    waits: tuple[int, ...]
    arrived: tuple[int, ...]
    held: tuple[int, ...]  # [buffer, warp]


def program(warp: int, tiles: int, settler: Settler) -> list[Step]:
    """Return the steps of `stream` that touch what warps share."""
    steps = []
    for tile in range(tiles):
        buffer = tile & 1
        if tile >= 2 and warp != settler(tile - 2):
            steps.append(Step("sync", TAKEN + buffer, tile))
        steps.append(Step("write", buffer, tile))
        if warp != settler(tile):
            steps.append(Step("arrive", FULL + buffer, tile))
            continue
        steps += [Step("sync", FULL + buffer, tile), Step("read", buffer, tile)]
        if tile + 2 < tiles:
            steps.append(Step("arrive", TAKEN + buffer, tile))
    return steps


def after(state: State, warp: int, step: Step, warps: int) -> State:
    """Take one step of one warp; a barrier opens, and counts anew, when as many arrived as there are warps."""
    done, waits, arrived, held = map(list, state)
    done[warp] += 1
    if step.what == "write":
        held[step.where * warps + warp] = step.tile
    elif step.what == "read":
        assert held[step.where * warps : (step.where + 1) * warps] == [step.tile] * warps, "torn tile"
    else:
        arrived[step.where] += 1
        waits[warp] = step.where if step.what == "sync" else -1
        if arrived[step.where] == warps:
            arrived[step.where] = 0
            waits = [-1 if barrier == step.where else barrier for barrier in waits]
    return State(tuple(done), tuple(waits), tuple(arrived), tuple(held))


def explore(warps: int, tiles: int, settler: Settler) -> None:
    """Visit every state that some order of the warps reaches; AssertionError for a torn tile or a deadlock."""
    programs = [program(warp, tiles, settler) for warp in range(warps)]
    first = State((0,) * warps, (-1,) * warps, (0,) * 4, (-1,) * (2 * warps))
    seen, open_ = {first}, [first]
    while open_:
        state = open_.pop()
        able = [w for w in range(warps) if state.waits[w] < 0 and state.done[w] < len(programs[w])]
        ended = all(state.done[w] == len(programs[w]) and state.waits[w] < 0 for w in range(warps))
        assert able or ended, "deadlock"
        for warp in able:
            reached = after(state, warp, programs[warp][state.done[warp]], warps)
            if reached not in seen:
                seen.add(reached)
                open_.append(reached)


@pytest.mark.parametrize("warps", [1, 2, 3, 4])
def test_turns_are_safe(warps: int) -> None:
    """A hand-over that works by luck of timing hangs a reply once in ten thousand launches."""
    for tiles in range(1, 9):
        explore(warps, tiles, lambda tile: tile % warps)


def test_exploration_finds_the_fault_it_is_for() -> None:
    """The first version let one warp settle a gate and its up projection; it hung, so the search must object."""
    with pytest.raises(AssertionError, match=r"torn tile|deadlock"):
        explore(3, 9, lambda tile: tile // 2 % 3)
