"""Repairs the tree of messages whose parents a damaged file lost or tangled. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.conversations.conversation import Message


def mended(messages: Sequence[Message]) -> list[Message]:
    """Return ``messages``, oldest first, with every parent among them and no circles.

    What lost its parent follows the message before it in time, so that it is shown with what came earlier.
    """
    known = {message.id: message for message in messages}
    tree = list(known.values())
    before: Message | None = None
    for message in tree:
        if message.parent is not None and message.parent not in known:
            known[message.id] = replace(message, parent=None if before is None else before.id)
        before = message
    fine: set[int] = set()  # from which the way up is known to end
    for message in tree:
        path: dict[int, None] = {}  # in this order
        at: int | None = message.id
        while at is not None and at not in fine:
            if at in path:
                circle = list(path)[list(path).index(at) :]
                oldest = next(one.id for one in tree if one.id in circle)
                known[oldest] = replace(known[oldest], parent=None)
                break
            path[at] = None
            at = known[at].parent
        fine.update(path)
    return [known[message.id] for message in tree]
