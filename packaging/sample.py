"""Conversations for the pictures: some of other days, one to typeset, and one that fills the context."""

from __future__ import annotations

import time

from app.conversations.conversation import Conversation, Message, Reply
from app.conversations.store import Store

DAY = 86400  # seconds
TYPESET = """A fold in the **Reading** view, for every kind of Markdown:

| drafter | layers | cost of a token |
|:--|--:|--:|
| draft | 2 of 16 | 4.4 ms |
| intermediate | 4 of 16 | 8.5 ms |
| target | 16 of 16 | 28.7 ms |

```python
def accept(drafted, judged, draw):
    \"\"\"Keep a drafted token as often as its judge would have drawn it.\"\"\"
    return draw < min(1, judged / drafted)
```

1. Drafts rise, level by level.
2. *What is vetoed* stays in the trace.

> A reply drawn with exact acceptance follows the law of the target alone.

The chance that a token stands is $\\min(1, p/q)$; links such as
[the paper](https://arxiv.org/abs/2510.01336) ask first.
"""
OLD = (
    ("Packing list for a week by the sea", "A hat, sun cream, two books, and a jacket for the evenings.", 0.2, True),
    ("Rhyme for lantern", "There is hardly one: slant rhymes such as pattern or Saturn come nearest.", 1.1, False),
    (
        "How do I sharpen a kitchen knife?",
        "Hold it at fifteen degrees and draw it evenly over the stone.",
        3,
        False,
    ),
    ("Names for a small sailing boat", "Kestrel, Windfall, Skylark, Second Wind.", 4, False),
    ("Why do cats purr?", "To calm themselves and others; kittens do it while they drink.", 40, False),
)
LONG = "The long talk about lighthouses"
LINES = (
    "Lighthouses were first lit with open fires of wood, later with coal, and at last with oil lamps behind glass.",
    "A lens of many rings bends the light of a small lamp into one beam that can be seen from far out at sea.",
    "Every lighthouse has a rhythm of its own, so that a sailor who counts the seconds knows which one it is.",
)


def fill(store: Store, now: float | None = None) -> None:
    """Put the conversations into ``store``, as if they had been had in the last weeks."""
    now = time.time() if now is None else now
    for question, answer, days, pinned in OLD:
        talk = _talk([(question, answer)], now - days * DAY)
        store.put_whole(talk)
        store.pin(talk.id, pinned=pinned)
    store.put_whole(_talk([("What can you typeset?", TYPESET)], now - 0.1 * DAY))
    pairs = [(f"Tell me more about lighthouses, part {n + 1}.", " ".join(LINES * 3)) for n in range(8)]
    talk = _talk(pairs, now - 0.15 * DAY)
    store.put_whole(talk)
    store.rename(talk.id, LONG)


def _talk(pairs: list[tuple[str, str]], began: float) -> Conversation:
    talk = Conversation()
    for n, (question, answer) in enumerate(pairs):
        talk = talk.plus(Message("user", question, created=began + 2 * n))
        talk = talk.plus(Message("assistant", answer, Reply(outcome="finished"), created=began + 2 * n + 1))
    return talk
