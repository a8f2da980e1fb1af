"""The hand-over of nf4_linear.cu, explored in every order of its warps: no deadlock, no tile read before it is full."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from engine.model.kernels.plan import BUFFERS


class Step(NamedTuple):
    """What a warp does next with a buffer, for a tile."""

    what: str  # "await full", "arrive full", "await taken", "tell taken", "write", "read"
    buffer: int
    tile: int


class State(NamedTuple):
    """How far each warp is, the barrier it waits at (-1: none), arrivals at each, and what the buffers hold."""

    done: tuple[int, ...]
    waits: tuple[int, ...]
    arrived: tuple[int, ...]
    taken: tuple[int, ...]
    held: tuple[int, ...]  # [buffer, warp]: the tile


def program(warp: int, warps: int, tiles: int, buffers: int = BUFFERS) -> list[Step]:
    """Return the steps of `HandOver` that touch what warps share, in the order `stream` takes them.

    ``buffers``: how many the warps believe there are when they wait for one to be free.
    """
    steps = []
    for tile in range(tiles + 1):
        if tile < tiles:
            if tile >= buffers:
                steps.append(Step("await taken", tile % BUFFERS, tile - buffers))
            steps.append(Step("write", tile % BUFFERS, tile))
            if warp != tile % warps:
                steps.append(Step("arrive full", tile % BUFFERS, tile))
        if tile and warp == (tile - 1) % warps:
            steps += [Step(what, (tile - 1) % BUFFERS, tile - 1) for what in ("await full", "read", "tell taken")]
    return steps


def after(state: State, warp: int, step: Step, warps: int) -> State:
    """Take one step of one warp; a barrier opens, and counts anew, when as many arrived as there are warps."""
    done, waits, arrived, taken, held = map(list, state)
    done[warp] += 1
    if step.what == "write":
        held[step.buffer * warps + warp] = step.tile
    elif step.what == "read":
        assert held[step.buffer * warps : (step.buffer + 1) * warps] == [step.tile] * warps, "torn tile"
    elif step.what == "tell taken":
        taken[step.buffer] = step.tile
    elif step.what in {"await full", "arrive full"}:
        arrived[step.buffer] += 1
        waits[warp] = step.buffer if step.what == "await full" else -1
        if arrived[step.buffer] == warps:
            arrived[step.buffer] = 0
            waits = [-1 if barrier == step.buffer else barrier for barrier in waits]
    return State(tuple(done), tuple(waits), tuple(arrived), tuple(taken), tuple(held))


def explore(warps: int, tiles: int, buffers: int = BUFFERS) -> None:
    """Visit every state that some order of the warps reaches; AssertionError for a torn tile or a deadlock."""
    programs = [program(warp, warps, tiles, buffers) for warp in range(warps)]

    def able(state: State, warp: int) -> bool:
        if state.waits[warp] >= 0 or state.done[warp] == len(programs[warp]):
            return False
        step = programs[warp][state.done[warp]]
        return step.what != "await taken" or state.taken[step.buffer] >= step.tile

    first = State((0,) * warps, (-1,) * warps, (0,) * BUFFERS, (-1,) * BUFFERS, (-1,) * (BUFFERS * warps))
    seen, open_ = {first}, [first]
    while open_:
        state = open_.pop()
        ready = [warp for warp in range(warps) if able(state, warp)]
        ended = all(state.done[w] == len(programs[w]) and state.waits[w] < 0 for w in range(warps))
        assert ready or ended, "deadlock"
        for warp in ready:
            reached = after(state, warp, programs[warp][state.done[warp]], warps)
            if reached not in seen:
                seen.add(reached)
                open_.append(reached)


@pytest.mark.parametrize("warps", [1, 2, 3, 4])
def test_turns_are_safe(warps: int) -> None:
    """A hand-over that works by luck of timing hangs a reply once in ten thousand launches."""
    for tiles in range(1, 9):
        explore(warps, tiles)


@pytest.mark.parametrize("buffers", [BUFFERS - 1, BUFFERS + 1])
def test_exploration_finds_the_fault_it_is_for(buffers: int) -> None:
    """A warp that waits for the wrong tile to be taken overwrites sums or waits for ever: the search must object."""
    with pytest.raises(AssertionError, match=r"torn tile|deadlock"):
        explore(3, 9, buffers)
