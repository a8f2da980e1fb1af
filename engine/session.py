"""One conversation's engine state: loaded models, what their caches hold, and replies as iterators of events.

Stopping a reply is ceasing to iterate it; whatever point it was at, the caches stay true to the tape.

On a GPU chains are recorded before a reply may run them: in ``prepare``, a step of loading, plain decoding and those a
planned preset begins with; in ``rest``, between replies, those that have come to promise more. Until then a reply runs,
and names, the recorded ones alone; only where none that guesses is ready does its answer wait.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from engine.account import LEAST
from engine.bandwidth import measure_once, usual_file
from engine.config import AUTOMATIC, ROOM, WEIGHTS, Chosen, ModelSet, Preset, Sampling, Source, Traits, Weights
from engine.decoding.chain import describe
from engine.decoding.planning.charting import Chart
from engine.decoding.planning.course import Course
from engine.decoding.planning.gathering import preset_of
from engine.decoding.planning.kept import Plans
from engine.decoding.planning.pilot import Pilot
from engine.decoding.planning.search import Chain
from engine.decoding.relay import Relay, within
from engine.decoding.tape import Tape
from engine.decoding.threads import Threads
from engine.diagnosis import describe_engine
from engine.errors import ContextFull, DeviceError, SettingError
from engine.events import Event, Loading, Notice, Reason, Started
from engine.gpus import device_of, name_of
from engine.loaded import How, Loaded, device_errors
from engine.model import Transformer
from engine.pace import Paces, Watch
from engine.reply import Reply
from engine.template import Messages, Prompt
from engine.tokenizer import ChatTokenizer


class Session:
    """The models of one set on one device, and the conversation their caches hold.

    Models are loaded when a preset first needs them. Not thread-safe: one thread owns a session.
    """

    def __init__(
        self,
        models: ModelSet,
        device: torch.device,
        how: How = "auto",
        room: int = ROOM,
        *,
        dense_head: bool = False,
        weights: Weights = WEIGHTS,
        paces: Paces | None = None,
        threads: int = AUTOMATIC,
    ) -> None:
        self.models, self.device = models, device
        self._threads = Threads(threads) if device.type == "cpu" else None
        self._loaded = Loaded(models, device, how, room, dense_head=dense_head, weights=weights)
        self._tape = Tape([])
        self._paces = paces or Paces()
        self._chart = Chart(models, Plans(self._paces.beside("plans.json")), device.type == "cpu")
        self._noticed: set[str] = set()  # what was said once
        self._planned: Preset | None = None  # what was asked for last, if it plans

    @classmethod
    def open(
        cls,
        models: ModelSet,
        device: str = "auto",
        how: How = "auto",
        room: int = ROOM,
        *,
        dense_head: bool = False,
        weights: Weights = WEIGHTS,
        paces: Paces | None = None,
        threads: int = AUTOMATIC,
    ) -> Generator[Loading, None, Session]:
        """Load the target and return the session; yields Loading. Raises SettingError, CheckpointError or DeviceError.

        ``how``: "graphs" replays recordings (on a CPU only to test them), "eager" runs operation by operation, "auto"
        is graphs on a GPU that runs our kernels. ``room``: the most tokens of a conversation with graphs; fewer where
        the memory that is free holds no more. ``dense_head``: keep heads in 16 bits on a GPU. ``paces``: what is known
        of plain decoding from before, and where it is kept. ``threads``: how many compute on a CPU, AUTOMATIC or a
        number, for as long as the session lasts. ``weights``: the form in which a CPU holds them.
        """
        if room < LEAST:
            raise SettingError(f"A chat of {room:,} tokens is too short.", f"Choose {LEAST:,} tokens or more.")
        session = cls(
            models, device_of(device), how, room, dense_head=dense_head, weights=weights, paces=paces, threads=threads
        )
        yield from session._loaded.need("target")
        if session._threads is not None:
            session._threads.settle(session.loaded["target"], session._paces.of)
            session._paces.save()
        if session._loaded.streamed and session.device.type == "cuda":
            measure_once(session.device, session._paces.beside(usual_file().name))
        return session

    @property
    def tokenizer(self) -> ChatTokenizer:
        """The target's tokenizer, which every level shares."""
        return self._loaded.tokenizer

    @property
    def loaded(self) -> Mapping[str, Transformer]:
        """The models loaded so far, by role."""
        return self._loaded.models

    @property
    def traits(self) -> Traits:
        """What the target's makers say of it."""
        return self._loaded.traits

    @property
    def how(self) -> How:
        """Whether recordings are replayed ("graphs") or operations run one by one ("eager")."""
        return self._loaded.how

    @property
    def why_eager(self) -> str:
        """Why there are no recordings; empty where there are."""
        return self._loaded.why_eager

    def context(self, preset: Preset) -> int:  # noqa: ARG002 - every preset ends in the target
        """Return the most tokens a conversation may have under ``preset``: what the target can hold.

        Smaller models that hold less are left out where they end.
        """
        return self._loaded.runner.context("target")

    def count(self, messages: Messages) -> int:
        """Return how many tokens ``messages`` take, the assistant's opening included."""
        return len(self.tokenizer.render(messages))

    @torch.inference_mode()  # re-entered at every step, never left on for the caller
    def prepare(self, preset: Preset, *others: Preset) -> Iterator[Loading]:
        """Load and record what ``preset`` needs, which its first reply does otherwise; yields Loading.

        ``others``: chains of its levels that a reply may turn to. Raises ModelSetError for a preset the set cannot run,
        CheckpointError, and DeviceError where it does not fit.
        """
        if others:
            yield from self._loaded.prepare(preset, *others)
        else:
            yield from self._ready(preset)

    @torch.inference_mode()
    def rest(self) -> Iterator[Loading]:
        """Record, between replies, what the next one may run beside what is recorded; yields Loading.

        Stopping loses the step under way alone. What the GPU has no room for is left.
        """
        if self._planned is not None and self.how == "graphs":
            try:
                yield from self._chart.course(self._planned, self._loaded, self._way)
            except DeviceError:
                self._planned = None

    @torch.inference_mode()
    def reply(
        self,
        messages: Messages,
        *,
        preset: Preset,
        sampling: Sampling | Chosen = Chosen(),  # noqa: B008 - frozen
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        opening: str = "",
        thinking: bool | None = None,
    ) -> Iterator[Event]:
        """Answer ``messages`` through ``preset``, from whatever prefix the caches already hold.

        ``sampling``: what of it was not chosen is as the model suggests. ``max_tokens`` None: as many as the context
        holds. ``opening``: how the answer already begins; the events tell only what follows it. ``thinking``: whether
        the model is to think first, where its template asks; None leaves it to the template.
        One that is planned may run other chains of its levels, after any round. Raises
        ModelSetError for a preset the set cannot run, TemplateError for a conversation the model's template cannot
        write, ContextFull before any pass for a prompt that leaves no room, DeviceError when the GPU runs out of
        memory; what was yielded before stays valid.
        """
        if isinstance(sampling, Chosen):
            sampling = sampling.over(self.traits.sampling.over(Sampling()))
        course = yield from self._ready(preset, now=True)
        preset = self._loaded.fit(preset) if course is None else course.whole
        written = yield from self._write(messages, thinking)
        prompt, context = self.tokenizer.encode(written, opening), self.context(preset)
        whole, preset = preset, self._holding(preset, len(prompt))
        if course is not None:
            course = course.without(whole.sources - preset.sources)
        elif preset != whole:
            yield from self.prepare(preset)
        asked = context + 1 if max_tokens is None else len(prompt) + max_tokens
        self._loaded.runner.rewind(self._tape.shared(prompt))
        self._tape = Tape(prompt, self.tokenizer.ends, min(asked, context))
        chain, pilot = self._begin(preset, sampling, course)
        limited: Reason = "length" if asked <= context else "context"
        thoughts, watch = self.tokenizer.unified(written, opening), self._watch()
        parts = (self._tape, chain, self.tokenizer, stop)
        yield from self._run(Reply(*parts, limited_by=limited, thoughts=thoughts, watch=watch, pilot=pilot))

    def _ready(self, preset: Preset, *, now: bool = False) -> Generator[Loading, None, Course | None]:
        """Make ``preset`` ready; return what a reply by it may run, None where it is not planned; see Chart.course."""
        if self._threads is not None:
            self._threads.apply()  # another session may have set its own
        self._planned = preset if preset.planned else None
        if preset.planned:
            return (yield from self._chart.course(preset, self._loaded, self._way, now=now, held=len(self._tape)))
        yield from self._loaded.prepare(preset)
        return None

    def _behind(self, course: Course) -> Callable[[Chain], Mapping[Source, int]]:
        """Return what tells how many tokens of the conversation each level of a chain has to read, again or not."""
        tape, left = self._tape, self._loaded.runner.left
        return lambda chain: {each: len(tape) - held for each, held in left(preset_of(course.whole, chain)).items()}

    def _holding(self, preset: Preset, tokens: int) -> Preset:
        """Return ``preset`` with the levels alone that can hold a prompt of ``tokens``. Raises ContextFull."""
        if tokens >= (context := self.context(preset)):
            raise ContextFull(tokens + 1, context)
        return within(preset, tokens, self._loaded.runner.context)

    def _begin(self, preset: Preset, sampling: Sampling, course: Course | None) -> tuple[Relay, Pilot | None]:
        """Set ``preset``, or what a pilot of ``course`` begins with of it, to work on the tape."""
        runner, tape, pilot = self._loaded.runner, self._tape, None
        keyed = sampling if sampling.seed is not None else replace(sampling, seed=secrets.randbits(63))
        chains = (preset,) if course is None else course.presets
        runner.begin(tape, keyed, *chains)  # whichever preset goes on, its tokens follow from the same key
        if course is not None:  # now that it is known what can be read without running anything again
            pilot = Pilot.of(course, self._behind(course), lambda: tape.limit - len(tape), time.perf_counter)
        return Relay(preset, runner.context, runner.ready, runner.chains, tape, pilot.preset if pilot else None), pilot

    def _run(self, reply: Reply) -> Iterator[Event]:
        """Run ``reply`` until it ends or is dropped; wherever that is, the caches are left true to the tape."""
        runner, chain, tape, preset = self._loaded.runner, reply.chain, reply.tape, reply.chain.preset
        reused, device = runner.held(chain.wanted), name_of(self.device)
        levels = describe(preset, runner.models, self._loaded.own, runner.windows(preset))
        if reply.pilot is not None:  # whose windows change
            levels = tuple(replace(level, window=0, asked=0) for level in levels)
        context = self.context(preset)
        try:
            with device_errors():
                yield Started(preset.name, levels, preset.lossless, reply.prompt, reused, context, device)
                yield from reply.prefill(reused, runner.chunk, runner.reading)
                yield from reply.rounds()
        finally:
            del tape[reply.settled :]
            chain.rewind(len(tape) - 1)
            reply.watch.keep()
            self._paces.save()
            if reply.pilot is not None:
                reply.pilot.end()
                self._chart.plans.save()

    def describe(self) -> tuple[tuple[str, str], ...]:
        """Return (what, value) pairs for a report: torch, device, and each loaded model."""
        threads = "" if self._threads is None else str(self._threads)
        return (*describe_engine(self.device, self.loaded, threads), ("Decoding", self._loaded.running))

    def close(self) -> None:
        """Drop the models and give their memory back; the session cannot be used afterwards."""
        self._tape = Tape([])
        self._loaded.close()

    def _watch(self) -> Watch:
        """Return what measures plain decoding in a reply, with what is known of it for this model, device and way."""
        own = time.thread_time if self.device.type == "cpu" else None
        return Watch(self._paces.of(self._way), time.perf_counter, own)

    @property
    def _way(self) -> str:
        """A name for the target, the device and the way it runs there."""
        target = self.loaded["target"]
        form = f"{target.layers} layers, {target.parameters:,} weights"
        how = f"{torch.get_num_threads()} threads, {self._loaded.weights}" if self.device.type == "cpu" else self.how
        how += f", {self._loaded.streamed} layers over the bus" if self._loaded.streamed else ""
        return f"{self.models.target} | {form} | {name_of(self.device)} | {how}"

    def _write(self, messages: Messages, thinking: bool | None) -> Generator[Event, None, Prompt]:
        """Return ``messages`` as the template writes them; yields Loading where that takes long, and Notice."""
        writing = self.tokenizer.rendering(messages, thinking=thinking)
        while True:
            try:
                yield Loading("the chat template", next(writing))
            except StopIteration as done:
                prompt: Prompt = done.value
                break
        loaded = self._loaded
        told = loaded.note, loaded.staged, prompt.notice, *loaded.without.values(), *self._chart.unfit.values()
        for sentence in told:
            if sentence and sentence not in self._noticed:
                self._noticed.add(sentence)
                yield Notice(sentence)
        return prompt
