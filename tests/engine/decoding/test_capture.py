"""When recordings are freed: never by Python's garbage collector, which may come in the middle of a capture."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from engine.decoding.graphs.capture import Recording, free_dropped


class Graph:
    """Stands for a CUDA graph, which this machine cannot have."""

    def __init__(self) -> None:
        self.replayed = 0

    def replay(self) -> None:
        self.replayed += 1


def recorded() -> tuple[Any, weakref.ref[Graph]]:
    graph: Any = Graph()
    return Recording(graph), weakref.ref(graph)


def test_a_recording_replays() -> None:
    """A call that does nothing, or does it twice."""
    recording, graph = recorded()
    recording()
    kept = graph()
    assert kept is not None
    assert kept.replayed == 1


def test_a_graph_is_freed_when_it_is_said_and_not_before() -> None:
    """A graph freed while another is captured breaks that capture and every later one (G0)."""
    free_dropped()
    recording, graph = recorded()
    cycle: list[object] = [recording]
    cycle.append(cycle)
    del recording, cycle
    gc.collect()
    assert graph() is not None
    free_dropped()
    assert graph() is None


def test_nothing_but_its_owner_keeps_a_recording() -> None:
    """A cycle would hold a recording, and the memory of its pool, until somebody collects."""
    free_dropped()
    recording, graph = recorded()
    gc.disable()
    try:
        del recording
        free_dropped()
        assert graph() is None
    finally:
        gc.enable()
