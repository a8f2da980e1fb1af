"""Which of the tokens that a round dropped are shown as a count: a wide window may drop a hundred. No Qt."""

from __future__ import annotations

from collections.abc import Collection

from app.log.ledger import Ledger

FROM, SHOWN = 16, 8  # dropped in a row, from which on only so many of them are written out


def folded(ledger: Ledger, span: range, opened: Collection[int] = ()) -> dict[int, int]:
    """Return the tokens in ``span`` that are not written out: for the first of each row how many it stands for, else 0.

    ``opened``: positions of rounds of which everything is.
    """
    found: dict[int, int] = {}
    index = span.start
    while index < span.stop:
        row = row_at(ledger, index)
        if len(row) >= FROM and ledger.owners[index] not in opened:
            first = row.start + SHOWN
            found |= {each: row.stop - first if each == first else 0 for each in range(max(first, index), row.stop)}
        index = max(row.stop, index + 1)
    return {each: count for each, count in found.items() if each < span.stop}


def row_at(ledger: Ledger, index: int) -> range:
    """Return the tokens in a row around ``index``, of one round, that are not part of the answer; perhaps none."""
    whole, tokens = ledger.of_round(ledger.owners[index]), ledger.tokens
    first = last = index
    while first > whole.start and tokens[first - 1].ghost:
        first -= 1
    while last < whole.stop and tokens[last].ghost:
        last += 1
    return range(first, last) if last > index else range(index, index)
