"""Drafters that begin where others ended: with the weights of one that lies in a folder, in whatever form it does.

A small model's embedding and head are the target's own, so a folder of its layers alone will do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from math import isclose
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.architecture import Architecture, read_architecture
from engine.architecture.checking import Stored, check_tensors
from engine.architecture.drafters import BlockShape, ExitsShape, HeadShape, read_drafter
from engine.architecture.drafters.exits import NORM
from engine.architecture.drafters.ids import IDS
from engine.architecture.drafters.origin import elsewhere
from engine.architecture.holding import Holding
from engine.architecture.shape import HEAD, TABLE
from engine.architecture.weights import headers_of, stored_in
from engine.config import Role
from engine.errors import SettingError
from engine.model.tensors import Tensors
from engine.teaching import saving
from engine.teaching.beginning import sizes_of, usual_taps
from engine.teaching.block import Block
from engine.teaching.draft import Draft, pruned, thinned
from engine.teaching.exits import Exits, depths_of
from engine.teaching.frozen import Frozen
from engine.teaching.head import Head
from engine.teaching.learner import Learner
from engine.teaching.optimising import FURTHER

FOREIGN = "Teach this model one of its own; such a one learns on."
ANOTHER = "Name the folder of one that this model was taught before, or leave --initial out."
APART = (TABLE, HEAD)  # of a model, what is the target's own

Begin = Callable[..., Any]


def begun_with(folder: Path, role: Role, target: Frozen) -> Begin:
    """Return what begins a drafter of ``target`` with the weights in ``folder``, as a Kind's ``begin`` does otherwise.

    All is read and checked before it returns. A head or a block has the tokens that it had; of a model with fewer
    layers than lie there, those are missed that are missed least. Raises SettingError for what is no ``role`` of this
    target that is taught here, and CheckpointError for files that are damaged or another model's.
    """
    begins: Mapping[str, Callable[[Path, Frozen], Begin]] = {
        "head": lambda *given: _guesser(Head, *given),
        "block": lambda *given: _guesser(Block, *given),
        "exits": _exits,
        "draft": lambda *given: _model(*given, drafts=True),
        "qualifier": lambda *given: _model(*given, drafts=False),
    }
    begin, files = begins[role](folder, target), saving.digests(folder)

    def begun(few: Tensor, **shape: int) -> Any:
        made = begin(few, **shape)
        made.begun = files
        return made

    return begun


def taken_up(target: Frozen, folder: Path, pace: float) -> Learner:
    """Return the drafter of ``target`` in ``folder``, ready to learn on at ``pace`` of the usual rates.

    Raises SettingError for a drafter in a form that is not taught here, and CheckpointError for a damaged one.
    """
    return Learner(_read(target, folder), target.ends, pace, again=True)


def _guesser(kind: type[Head | Block], folder: Path, target: Frozen) -> Begin:
    drafter = _read(target, folder)
    if not isinstance(drafter, kind):
        raise SettingError(f"The drafter in {folder} is no {kind.__name__.lower()}.", ANOTHER)
    return lambda _few: Learner(drafter, target.ends, FURTHER)


def _read(target: Frozen, folder: Path) -> Head | Block:
    """Return the head or block in ``folder`` as what learns, on the target's device; raises as ``taken_up`` does."""
    shape = read_drafter(folder, target.shape)
    if not isinstance(shape, HeadShape | BlockShape) or not _ours(shape, target):
        raise SettingError(f"The drafter in {folder} is of a kind that does not learn on.", FOREIGN)
    stored = _weights(stored_in(folder, elsewhere(target.shape)), shape.tensors())
    few = stored[IDS].long() + torch.arange(len(stored[IDS]))
    drafter = _drafter(shape, target, few).to(target.device)
    known = dict(drafter.named_parameters())
    if known.keys() != stored.keys() - {IDS} or any(stored[name].shape != each.shape for name, each in known.items()):
        raise SettingError(f"The drafter in {folder} is of a form that does not learn on.", FOREIGN)
    saving.restore(drafter, stored)
    return drafter


def _ours(shape: HeadShape | BlockShape, target: Frozen) -> bool:
    """Tell whether numbers go through it as through one that is taught here."""
    sizes, decoder = sizes_of(target.shape, 1, shape.taps), shape.decoder
    turns = isclose(decoder.rope[1] ** (-decoder.head_dim / 2), sizes.theta, rel_tol=1e-3)
    common = shape.mapped and turns and isclose(decoder.norm_eps, sizes.epsilon)
    if isinstance(shape, BlockShape):
        return common and shape.anchored
    unusual = shape.norms or shape.fc_bias or shape.norm_before_residual or shape.norm_output or shape.own_table
    return common and shape.own_head and not unusual and shape.taps == usual_taps(target.shape.layers)


def _drafter(shape: HeadShape | BlockShape, target: Frozen, few: Tensor) -> Head | Block:
    sizes = sizes_of(target.shape, len(few), shape.taps)
    if isinstance(shape, HeadShape):
        return Head(sizes, few)
    return Block(sizes, few, shape.decoder.layers, shape.rows, shape.mask, shape.markov)


def _exits(folder: Path, target: Frozen) -> Begin:
    shape, depths = read_drafter(folder, target.shape), depths_of(target.shape.layers)
    if not isinstance(shape, ExitsShape) or shape.depths != depths:
        told = " and ".join(map(str, depths))
        raise SettingError(f"{folder} holds no early exits behind {told} layers, where they are taught.", ANOTHER)
    stored, weights = _weights(stored_in(folder), shape.tensors()), dict[str, Tensor]()
    for depth in depths:
        behind = shape.layer(depth)
        for name in (each.removeprefix(behind) for each in stored if each.startswith(behind)):
            weights[f"{depth}.{name if name == NORM else f'layer.{name}'}"] = stored[behind + name]

    def begin(_few: Tensor) -> Exits:
        made = Exits(target, FURTHER)
        made.take(weights)
        return made

    return begin


def _model(folder: Path, target: Frozen, *, drafts: bool) -> Begin:
    shape = read_architecture(folder)
    if _form(shape) != _form(target.shape) or not set(shape.windows) <= set(target.shape.windows):
        raise SettingError(f"The model in {folder} has no layers like those of the one that teaches.", ANOTHER)
    wanted = {name: size for name, size in shape.tensors().items() if name not in APART}
    stored = headers_of(sorted(folder.glob("*.safetensors")))
    layers = {name: each for name, each in stored.items() if not name.startswith(APART)}
    check_tensors(layers, wanted, str(folder))
    weights = {name.removeprefix("model."): each for name, each in _weights(layers, wanted).items()}

    def begin(few: Tensor, layers: int) -> Draft:
        places = thinned(shape.layers, min(layers, shape.layers))
        alike = [target.shape.windows.index(shape.windows[place]) for place in places]  # layers to be overwritten
        made = Draft(target, pruned(target, alike), few, drafts=drafts)
        made.take({name: weights[_before(name, places)] for name in made.weights()})
        return made

    return begin


def _before(name: str, places: Sequence[int]) -> str:
    """Return what the weight ``name`` of a model was called in the one whose layers at ``places`` it has."""
    if not name.startswith("layers."):
        return name
    _, layer, part = name.split(".", 2)
    return f"layers.{places[int(layer)]}.{part}"


def _form(shape: Architecture) -> tuple[object, ...]:
    """Return what two models have alike whose layers can stand for each other's."""
    return shape.family, shape.width, shape.vocabulary, shape.parts, shape.heads, shape.kv_heads, shape.rope


def _weights(stored: Mapping[str, Stored], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return the tensors of these ``shapes`` as numbers, float32, and IDS as it is, in the host's memory."""
    with ExitStack() as files:
        tensors = Tensors(stored, shapes, torch.device("cpu"), Holding("cpu"), files)
        found = {name: tensors.plain(name).clone() for name in shapes if name != IDS}
        ids = {IDS: tensors.raw(IDS).clone()} if IDS in stored else {}
        return {name: each.float() for name, each in found.items()} | ids
