"""A model whose logits are not finite, and temperatures near 0: one sentence, or the greedy reply."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.config import PRESETS, ModelSet, Sampling
from engine.decoding.kernels import Board, Laws, reference, shape_laws
from engine.decoding.kernels.sources import NO_NUMBERS
from engine.errors import NoNumbers
from engine.events import Event, Round
from engine.loaded import How
from engine.session import Session
from tests.engine.family import finish

CPU = torch.device("cpu")
QUESTION = [("user", "The quick brown fox?")]


def ask(session: Session, preset: str, sampling: Sampling) -> list[Event]:
    return list(session.reply(QUESTION, preset=PRESETS[preset], sampling=sampling, max_tokens=12))


@pytest.fixture(scope="module", params=[float("nan"), float("inf")], ids=str)
def damaged(family: ModelSet, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    """A set whose target has one weight that is no number."""
    folder = tmp_path_factory.mktemp("damaged")
    shutil.copytree(family.target, folder, dirs_exist_ok=True)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][3] = request.param
    save_file(weights, Path(folder) / "model.safetensors")
    return replace(family, models={**family.models, "target": folder})


@pytest.mark.parametrize("how", ["eager", "graphs"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_no_numbers_are_one_sentence(damaged: ModelSet, how: How, temperature: float) -> None:
    """An empty answer, or an id outside the vocabulary that ends the process on a GPU."""
    session = finish(Session.open(damaged, "cpu", how))
    for preset in filter(session.models.runs, PRESETS.values()):
        with pytest.raises(NoNumbers, match="computes no numbers"):
            ask(session, preset.name, Sampling(temperature, seed=1))


@pytest.mark.parametrize("how", ["eager", "graphs"])
def test_the_coldest_temperatures_are_greedy(family: ModelSet, how: How) -> None:
    """Logits divided by them are infinite, and their differences NaN."""
    session = finish(Session.open(family, "cpu", how))

    def ids(temperature: float) -> list[int]:
        events = ask(session, "hispec", Sampling(temperature, seed=1))
        return [token.id for event in events if isinstance(event, Round) for token in event.settled]

    assert ids(0) == ids(1e-45) == ids(1e-38) == ids(1e-29)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_law_without_numbers_is_marked_and_within_the_vocabulary(temperature: float) -> None:
    """Every step of the device goes on with it; only the host can stop."""
    board, laws = Board.empty(8, 3, CPU), Laws.empty(2, 3, CPU, torch.float32)
    board.apply(Sampling(temperature, top_p=0.9), frozenset(), 8, 0)
    for bad in (float("nan"), float("inf")):
        shape_laws(torch.tensor([[0.0, bad, 1.0]]), torch.tensor([-1]), board, laws)
        assert reference.probabilities(laws, 0, torch.arange(3), board).tolist() == [0, NO_NUMBERS, 0]
        assert reference.choice(laws, 0) == 1
