"""One model over a cache of fixed room whose length only the device knows: what a Trunk is to eager decoding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.decoding.frequent import FrequentTokens
from engine.model import Transformer
from engine.model.decode import TOKENS, boundaries, decode, logits
from engine.model.kernels import Board, keep

RING = 64  # states kept behind an exit: more than any pass reaches back
TAIL = 2 * TOKENS  # positions at a prompt's end that are decoded as a reply's are, see prefill


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

    def make_rings(self, exits: Sequence[int]) -> None:
        """Keep states after ``exits`` layers."""
        for depth in exits:
            if depth not in self._rings:
                like = self.model.norm
                self._rings[depth] = torch.zeros(RING, self.model.width, dtype=like.dtype, device=like.device)

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
        head = self.frequent.head if trimmed and self.frequent else None
        return logits(self.model, hidden, head, idle)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring every layer to ``upto`` tokens of ``tape``.

        The last positions before the reply go through the kernels that decode: passes of the reply run some of them
        again and must find what they left. They also fill the rings, whatever those held.
        """
        tail = len(tape) - 1 - TAIL
        self._dense(tape, self.held, min(upto, tail))
        if upto == len(tape) - 1:
            self._decoded(tape, max(0, min(self.held, tail)), upto)

    def rewind(self, length: int) -> None:
        """Count on no more than ``length`` positions."""
        self.held = min(self.held, length)

    def _dense(self, tape: Sequence[int], start: int, stop: int) -> None:
        if stop <= start:
            return
        everything = range(self.model.layers)
        self.cache.settle(everything, start)
        self.model.run(self._embedded(tape[start:stop]), everything, self.cache)
        self.held = stop

    def _decoded(self, tape: Sequence[int], start: int, stop: int) -> None:
        for at in range(start, stop, TOKENS):
            hidden = self._embedded(tape[at : min(at + TOKENS, stop)])
            position = torch.tensor([at], dtype=torch.int32, device=hidden.device)
            self.climb(hidden, range(self.model.layers), sorted(self._rings), position)
        self.held = max(self.held, stop)

    def _embedded(self, tokens: Sequence[int]) -> Tensor:
        return self.model.embed(torch.tensor(tokens, dtype=torch.int64, device=self.model.device))
