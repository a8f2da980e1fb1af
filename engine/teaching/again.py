"""Drafters that begin where others ended: a head or a block that lies in a folder, with its weights as they are."""

from __future__ import annotations

from contextlib import ExitStack
from math import isclose
from pathlib import Path

import torch
from torch import Tensor

from engine.architecture.drafters import BlockShape, HeadShape, read_drafter
from engine.architecture.drafters.ids import IDS
from engine.architecture.drafters.origin import elsewhere
from engine.architecture.holding import Holding
from engine.architecture.weights import stored_in
from engine.errors import SettingError
from engine.model.tensors import Tensors
from engine.teaching import saving
from engine.teaching.beginning import sizes_of, usual_taps
from engine.teaching.block import Block
from engine.teaching.frozen import Frozen
from engine.teaching.head import Head
from engine.teaching.learner import Learner

FOREIGN = "Teach this model one of its own; such a one learns on."


def taken_up(target: Frozen, folder: Path, pace: float) -> Learner:
    """Return the drafter of ``target`` in ``folder``, ready to learn on at ``pace`` of the usual rates.

    Raises SettingError for a drafter in a form that is not taught here, and CheckpointError for a damaged one.
    """
    shape = read_drafter(folder, target.shape)
    if not isinstance(shape, HeadShape | BlockShape) or not _ours(shape, target):
        raise SettingError(f"The drafter in {folder} is of a kind that does not learn on.", FOREIGN)
    stored = _weights(folder, shape, target)
    few = stored[IDS] + torch.arange(len(stored[IDS]))
    drafter = _drafter(shape, target, few).to(target.device)
    known = dict(drafter.named_parameters())
    if known.keys() != stored.keys() - {IDS} or any(stored[name].shape != each.shape for name, each in known.items()):
        raise SettingError(f"The drafter in {folder} is of a form that does not learn on.", FOREIGN)
    saving.restore(drafter, stored)
    return Learner(drafter, target.ends, pace, again=True)


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


def _weights(folder: Path, shape: HeadShape | BlockShape, target: Frozen) -> dict[str, Tensor]:
    """Return the tensors in ``folder`` as numbers, float32, and which tokens the drafter speaks of."""
    stored = stored_in(folder, elsewhere(target.shape))
    with ExitStack() as files:
        tensors = Tensors(stored, shape.tensors(), torch.device("cpu"), Holding("cpu"), files)
        found = {name: tensors.plain(name).float().clone() for name in shape.tensors()}
        return {**found, IDS: tensors.raw(IDS).long().clone()}
