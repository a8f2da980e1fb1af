"""Tokens put on a device's tape as a level below would propose them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.decoding.kernels.board import Board


def propose(board: Board, tokens: Sequence[int]) -> None:
    """Make ``tokens``, behind the last one, what level 0 has produced; nothing of them is settled."""
    length, base, starts = int(board.length), board.base.clone(), board.starts.clone()
    board.write(tokens, length)
    board.base.copy_(base)
    board.starts.copy_(starts)
    board.starts[0] = length
