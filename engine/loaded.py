"""Loads the models of one set on one device, and has what runs presets over them."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from engine.account import LEAST
from engine.architecture import read_architecture
from engine.architecture.holding import Holding
from engine.budget import Budget, hand_back
from engine.config import PRESETS, ModelSet, Preset, Role, Source, Traits, Weights
from engine.decoding.eager import EagerRunner
from engine.decoding.frequent import FrequentTokens, frequent_tokens
from engine.decoding.graphs import GraphRunner, free_dropped
from engine.decoding.runner import Runner
from engine.decoding.sources import Home, NotRecorded, Own, fitted, making
from engine.decoding.streamed import StreamedRunner
from engine.errors import DeviceError, ModelSetError
from engine.events import Loading
from engine.generation import suggested
from engine.model import Transformer, load
from engine.model.packing import refusal
from engine.placement import Placement
from engine.tokenizer import ChatTokenizer

How = Literal["auto", "eager", "graphs"]
Part = tuple[Transformer, FrequentTokens | None]


class Loaded:
    """The models of ``models`` that were needed so far, each loaded once, and the runner that has them.

    ``how``: "auto" is graphs on a GPU; where these cannot run a model, all go on "eager", and ``why_eager`` says why.
    ``room``: the most tokens of a conversation with graphs. ``dense_head``: keep heads in 16 bits on a GPU.
    ``weights``: how a CPU holds them; exact where it lacks what our kernels need, and in recordings tried on one.
    """

    def __init__(
        self, models: ModelSet, device: torch.device, how: How, room: int, *, dense_head: bool, weights: Weights
    ) -> None:
        self.set, self.device, self.room, self.dense_head = models, device, room, dense_head
        self.how: How = ("graphs" if device.type == "cuda" else "eager") if how == "auto" else how
        self.why_eager = "" if self.how == "graphs" else "as asked" if device.type == "cuda" else "there is no GPU"
        self.traits, self.note = Traits(), ""  # of the target; what its makers suggest that makes no sense
        packs = self.how == "eager" and not (device.type == "cpu" and refusal())
        self.weights: Weights = weights if packs else "exact"
        self._holding = Holding("cuda" if device.type == "cuda" else "cpu", self.weights, dense_head)
        self._budget = Budget(models, device, dense_head=dense_head, weights=self.weights)
        self._placement = Placement(0)  # of the target's layers, once it is known what fits
        self._runner: Runner | None = None
        self._parts, self._tokenizers = dict[Role, Part](), dict[Role, ChatTokenizer]()
        self._own: dict[Role, Own] = {}  # what sources loaded for themselves
        self.without = dict[Source, str]()  # what the device has no room for, and why

    @property
    def models(self) -> Mapping[str, Transformer]:
        """The models loaded so far, by role."""
        return {role: model for role, (model, _) in self._parts.items()}

    @property
    def own(self) -> Mapping[Role, Own]:
        """What sources loaded for themselves, by role."""
        return self._own

    @property
    def tokenizer(self) -> ChatTokenizer:
        """The target's tokenizer, which every level shares."""
        return self._tokenizers["target"]

    @property
    def runner(self) -> Runner:
        """What runs presets over the models."""
        if self._runner is None:
            raise RuntimeError("the session is closed")
        return self._runner

    @property
    def streamed(self) -> int:
        """How many of the target's layers come over the bus."""
        return self._placement.streamed

    @property
    def running(self) -> str:
        """How passes are made, in words for a report."""
        if self.how != "graphs":
            return f"operation by operation: {self.why_eager}"
        over = f"{self.streamed} of the target's layers over the bus, all below it " if self.streamed else ""
        return f"{over}recorded as CUDA graphs"

    @property
    def staged(self) -> str:
        """What to say where the system would not pin the layers in the computer's memory, "" where it did."""
        bus = self.models["target"].bus
        return bus.note if bus else ""

    def close(self) -> None:
        """Drop the models and give their memory back."""
        self._runner = None
        self._parts.clear()
        self._own.clear()
        if self.device.type == "cuda":
            gc.collect()  # what a fault left behind may still refer to models and recordings
            free_dropped()
            torch.cuda.empty_cache()
        hand_back()

    def prepare(self, preset: Preset, *others: Preset) -> Iterator[Loading]:
        """Load and record what ``preset`` needs; yields Loading. Raises as ``need`` does.

        ``others``: the chains to record instead, of its levels, between which a reply may turn.
        """
        for role in sorted(preset.whole, reverse=True):  # the target first
            yield from self.need(role)
        self.without = {}
        for stage in self._fitted(preset).stages:
            try:
                yield from self.need_own(stage.source)
            except DeviceError as reason:
                self.without[stage.source] = f"{reason.sentence} The answer is written without it."
        with device_errors():
            try:
                for fraction in self.runner.prepare(*map(self.fit, others or (preset,))):
                    yield Loading(f"{preset.title} on the GPU", fraction)
            except NotRecorded as reason:
                self.go_eager(str(reason))

    def fit(self, preset: Preset) -> Preset:
        """Return ``preset`` with the levels there is room for, fitted to what the models were trained for."""
        return self._afforded(self._fitted(preset))

    def _fitted(self, preset: Preset) -> Preset:
        return fitted(preset, self.models, self.set.models)

    def ready(self, preset: Preset) -> bool:
        """Tell whether ``preset`` can be set to work at once: what cannot be recorded never is."""
        return self.runner.ready(self.fit(preset))

    def _afforded(self, preset: Preset) -> Preset:
        """Return ``preset`` without the levels that the device has no room for."""
        stages = tuple(stage for stage in preset.stages if stage.source not in self.without)
        if len(stages) == len(preset.stages):
            return preset
        return replace(preset, stages=stages) if len(stages) > 1 else PRESETS["plain"]

    def need(self, role: Role) -> Generator[Loading, None, None]:
        """Load the model of ``role`` unless it is there; yields Loading.

        Raises ModelSetError where the set lacks it, CheckpointError, and DeviceError where it does not fit.
        """
        if role in self._parts:
            return
        folder = self._folder(role)
        part = f"{self.set.name} {role}"
        yield Loading(part, 0.0)
        read_architecture(folder)  # first: what cannot run is refused for its own reason, not for its tokenizer's
        tokenizer = ChatTokenizer(folder, self.set.name)
        if role != "target":
            self.tokenizer.shares_vocabulary(tokenizer)
        self._afford(role)
        with device_errors():
            placement = self._placement if role == "target" else None
            part += placement.words if placement else ""
            loading = load(folder, self.device, dense_head=self.dense_head, weights=self.weights, placement=placement)
            while True:
                try:
                    yield Loading(part, next(loading))
                except StopIteration as done:
                    model = done.value
                    break
            tokenizer.fit(model.vocabulary)
            if role != "target":
                self.tokenizer.covered_by(tokenizer)
            frequent = frequent_tokens(folder, model, tokenizer.size, tokenizer.ends, told=role != "target")
            self._add(role, model, frequent, (tokenizer if role == "target" else self.tokenizer).size)
        self._tokenizers[role] = tokenizer
        if role == "target":
            sampling, self.note = suggested(folder, self.set.name)
            self.traits = Traits(sampling, tokenizer.template.thinks)
        yield Loading(part, 1.0)

    def need_own(self, source: Source) -> Generator[Loading, None, None]:
        """Load the weights that only ``source`` can read, if it has some and they are not there; yields Loading.

        Raises as ``need`` does, behind which it comes.
        """
        role = source.own
        if role is None or role in self._own:
            return
        folder, part = self._folder(role, source.roles[role]), f"{self.set.name} {role}"
        yield Loading(part, 0.0)
        home = Home(self.models, self._holding, self.room if self.how == "graphs" else LEAST)
        self._budget.require_bytes(part, making(source).memory(folder, home))
        with device_errors():
            self._own[role] = making(source).load(folder, home)
        self.runner.add_own(role, self._own[role])
        yield Loading(part, 1.0)

    def _folder(self, role: Role, drafter: str = "") -> Path:
        folder = self.set.models.get(role)
        if folder is None and drafter:
            raise ModelSetError(
                f"{self.set.name} lacks {drafter}, which this method needs.",
                "Add one in Models, or with: python -m engine models add-drafter FOLDER; or choose another method.",
            )
        if folder is None:
            raise ModelSetError(
                f"{self.set.name} has no {role} model, which this preset needs.",
                "Choose HiSpec, Lookup or Plain, or a model set with smaller models of the same family.",
            )
        return folder

    def _afford(self, role: Role) -> None:
        """Make sure that the model of ``role`` fits, before a byte of it is read; raises DeviceError with numbers."""
        held = LEAST  # without recordings caches grow as they are needed
        if self.how == "graphs":
            if role == "target":
                self.room, self._placement = self._budget.place(self.room)
            held = self.room
        self._budget.require(role, tuple(self._parts), held, self._placement.streamed)

    def _add(self, role: Role, model: Transformer, frequent: FrequentTokens | None, vocabulary: int) -> None:
        """Hand a model to the runner; where recordings cannot run it, all models go on without."""
        parts = {**self._parts, role: (model, frequent)}
        try:
            if self._runner is None:
                self._runner = self._new_runner(vocabulary, streamed=model.bus is not None)
            self._runner.add(role, model, frequent)
        except ValueError as reason:
            self._go_eager(str(reason), parts, vocabulary)
        self._parts = parts  # only now: what does not fit after all is not there

    def go_eager(self, reason: str) -> None:
        """Let everything that is loaded go on without recordings, for this ``reason``."""
        self._go_eager(reason, self._parts, self.tokenizer.size)
        free_dropped()

    def _go_eager(self, reason: str, parts: Mapping[Role, Part], vocabulary: int) -> None:
        """Let ``parts`` go on without recordings, and what sources loaded for themselves."""
        self.how, self.why_eager = "eager", reason
        self._runner = EagerRunner(self.device, vocabulary)
        for role, (model, frequent) in parts.items():
            self._runner.add(role, model, frequent)
        for role, own in self._own.items():
            self._runner.add_own(role, own)

    def _new_runner(self, vocabulary: int, *, streamed: bool) -> Runner:
        """Return what runs models; ``streamed``: layers of the target, which comes first, come over the bus."""
        if self.how == "graphs":
            return (StreamedRunner if streamed else GraphRunner)(self.device, vocabulary, self.room)
        return EagerRunner(self.device, vocabulary)


@contextmanager
def device_errors() -> Iterator[None]:
    """Turn the GPU's failures into a sentence; everything yielded before stays the caller's."""
    try:
        yield
    except torch.OutOfMemoryError as cause:
        torch.cuda.empty_cache()
        raise DeviceError(
            "The GPU is out of memory.", "Start a new chat, choose a smaller model, or close other programs."
        ) from cause
