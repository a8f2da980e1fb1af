"""One model over a cache of fixed room whose length only the device knows: what a Trunk is to eager decoding."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from engine.account import GPU
from engine.decoding.frequent import FrequentTokens
from engine.decoding.graphs.capture import Recorder
from engine.decoding.kernels import RING, Board, keep, open_pass
from engine.decoding.trunk import Tap, tapped_run
from engine.model import Transformer
from engine.model.decode import TOKENS, boundaries, decode, logits
from engine.model.linear import Linear

TAIL = 2 * TOKENS  # positions at a prompt's end that are decoded as a reply's are, see prefill
NOWHERE = 1 << 62  # behind all positions
REACH = RING - 3 * TOKENS  # positions of a ring that no work ahead can have written on
FEW = 128  # prompt tokens up to which recorded passes are quicker than a dense one, see kernels/NOTES.md


class Stack:
    """A model cut at early exits; passes run the last tokens of the tape, over again where they must.

    Running a position again writes the same keys, values and states, so no count of what each span has seen is kept on
    the device: a pass is wide enough for whatever may be missing. ``held`` positions are known to be in every layer.
    """

    def __init__(self, model: Transformer, frequent: FrequentTokens | None, room: int) -> None:
        """``room``: the most tokens a conversation may have."""
        self.model, self.frequent, self.room = model, frequent, room
        self.cache = model.new_cache(room)
        model.rotation.reach(room)
        self.held = 0
        self._rings: dict[int, Tensor] = {}
        self._start = torch.zeros(1, dtype=torch.int32, device=model.device)
        self._recorded: Callable[[], None] | None = None  # a pass over the tape's last tokens
        self._filled: tuple[int, ...] = ()  # the rings it fills
        self._taps: list[Tap] = []  # rising
        self._decoded_from = NOWHERE  # on up to `held` this reply's passes have made what lies in the cache
        self._kept_from: dict[int, int] = {}  # depth -> position from which on they have filled its ring

    def make_rings(self, exits: Sequence[int]) -> None:
        """Keep the states of the last positions after ``exits`` layers: more than any pass reaches back."""
        for depth in exits:
            if depth not in self._rings:
                like = self.model.norm
                self._rings[depth] = torch.zeros(RING, self.model.width, dtype=like.dtype, device=like.device)

    def tap(self, depth: int, start: int, reader: object = None) -> Tap:
        """Return what keeps the states after ``depth`` layers while a prompt is read, from position ``start`` on.

        While a reply is written they are in the ring of that depth, which must have been made before recording, and are
        taken from there. What was read past there unseen is read again. It takes the place of one the ``reader`` has.
        """
        if not self.recalls(depth, start):
            self.rewind(start)
        tap = Tap(depth, min(start, self.held), self.ring(depth)[:0], reader)
        tap.keep(self._recalled(depth, tap.start, self.held))
        others = [each for each in self._taps if reader is None or (each.depth, each.reader) != (depth, reader)]
        self._taps = sorted([*others, tap], key=lambda each: each.depth)
        return tap

    def recalls(self, depth: int, start: int) -> bool:
        """Tell whether the ring of ``depth`` has the states of all positions from ``start`` on."""
        return self._kept_from.get(depth, NOWHERE) <= start <= self.held <= start + REACH

    def close_taps(self) -> None:
        """Keep states in the rings alone."""
        self._taps = []

    def begin(self) -> None:
        """Begin a reply: of its prompt the last positions are to be decoded, and no ring holds anything of it."""
        self._decoded_from, self._kept_from = NOWHERE, {}

    def settled(self, held: int, filled: Collection[int]) -> None:
        """Take note that passes have brought every layer to ``held`` positions, and filled the rings of these depths.

        No other ring can be counted on.
        """
        self.held = held
        self._kept_from = {depth: start for depth, start in self._kept_from.items() if depth in filled}

    def record(self, recorder: Recorder, board: Board) -> None:
        """Record what reads a prompt's end, unless it was for all the rings there are; comes before any prefill.

        If that fails the recording before stays, which serves whatever was recorded with it.
        """
        if self._recorded is None or self._filled != tuple(sorted(self._rings)):
            self._recorded = recorder.record(lambda: self._pass(board))
            self._filled = tuple(sorted(self._rings))
            self._recorded()  # the first replay takes it to the device

    def ring(self, depth: int) -> Tensor:
        """Return where the states after ``depth`` layers wait, [RING, width]; position p lies in row p % RING."""
        return self._rings[depth]

    def climb(
        self, hidden: Tensor, layers: range, exits: Sequence[int], start: Tensor, board: Board | None = None
    ) -> Tensor:
        """Take states [n, width] from position ``start`` on through ``layers``, keeping them in the rings of ``exits``.

        With a ``board`` nothing is done while board.idle is set.
        """
        idle = board.idle if board else None
        depths = [depth for depth in exits if layers.start < depth <= layers.stop]
        for span in boundaries(layers, depths):
            hidden = decode(self.model, hidden, span, self.cache, start, idle)
            if span.stop in depths:
                keep(self._rings[span.stop], start, hidden, board)
        return hidden

    def read(self, hidden: Tensor, *, trimmed: bool, idle: Tensor | None = None) -> Tensor:
        """Return logits [n, columns] of ``hidden`` [n, width]: of the frequent tokens alone if ``trimmed``.

        ``idle``: int32 [1]; undefined while it is not zero.
        """
        return logits(self.model, hidden, self.head(trimmed=trimmed), idle)

    def head(self, *, trimmed: bool) -> Linear | None:
        """Return the head of the frequent tokens alone if ``trimmed``; None: that of the model, of all."""
        return self.frequent.head if trimmed and self.frequent else None

    def prefill(self, tape: Sequence[int], upto: int, board: Board) -> None:
        """Bring every layer to ``upto`` tokens of ``tape``, which ``board`` holds as well.

        The last positions before the reply go through the kernels that decode: passes of the reply run some of them
        again and must find what they left. They also fill the rings, whatever those held. So do all where they are few.
        In mid-reply passes have done that already.
        """
        tail = max(0, len(tape) - 1 - TAIL)
        if min(upto, tail) - self.held > FEW:
            self._dense(tape, self.held, min(upto, tail))
        if upto == len(tape) - 1:
            done = self._decoded_from <= tail
            self._decoded(board, self.held if done else min(self.held, tail), upto)
            board.length.fill_(len(tape))

    def rewind(self, length: int) -> None:
        """Count on no more than ``length`` positions."""
        self.held = min(self.held, length)
        for tap in self._taps:
            tap.rewind(length)

    def _dense(self, tape: Sequence[int], start: int, stop: int) -> None:
        """Run positions ``start`` to ``stop`` - 1, a chunk at a time: a few may have been put off before."""
        everything = range(self.model.layers)
        self.begin()
        for at in range(start, stop, GPU.chunk):
            self.cache.settle(everything, at)
            tokens = torch.tensor(tape[at : min(at + GPU.chunk, stop)], dtype=torch.int64, device=self.model.device)
            tapped_run(self.model, self.model.embed(tokens), everything, self.cache, self._taps)
            self.held = at + len(tokens)

    def _decoded(self, board: Board, start: int, stop: int) -> None:
        """Run positions ``start`` to ``stop`` - 1, and some before them: each pass ends where the tape is made to."""
        if self._recorded is None:
            raise RuntimeError("nothing was recorded to read a prompt with")
        for at in range(start, stop, TOKENS):
            end = min(at + TOKENS, stop)
            board.length.fill_(end)
            self._recorded()
            for tap in self._taps:
                tap.keep(self._recalled(tap.depth, tap.stop, end))
        self.held = max(self.held, stop)
        self._decoded_from = min(self._decoded_from, start)
        self._kept_from = {depth: min(self._kept_from.get(depth, NOWHERE), start) for depth in self._filled}

    def _recalled(self, depth: int, start: int, stop: int) -> Tensor:
        """Return the states [stop - start, width] of positions ``start`` to ``stop`` - 1 from the ring of ``depth``."""
        at = torch.arange(start, max(start, stop)) % RING
        return self.ring(depth)[at.to(self.model.device)]

    def _pass(self, board: Board) -> None:
        hidden = open_pass(board, self.model.embedding, TOKENS, self._start, None)
        self.climb(hidden, range(self.model.layers), sorted(self._rings), self._start)
