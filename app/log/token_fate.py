"""Puts into words what happened to one token: the sentence and the figures of its card. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.log import wording
from app.log.captions import Caption, captions_of
from app.log.ledger import Ledger, Share
from engine import words
from engine.events import Token, guesses


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One level's line on the card."""

    level: int
    title: str
    probability: str
    rank: str
    cost: str

    @property
    def spoken(self) -> str:
        """The line as a clause."""
        given = ", ".join(part for part in (self.rank, self.cost) if part)
        return f"{self.title} {self.probability}{', ' if given else ''}{given}"


@dataclass(frozen=True, slots=True)
class TokenFate:
    """The contents of a card: the token, a sentence, one row per level (the target first), and what its round cost."""

    quote: str
    story: str
    rows: tuple[LevelRow, ...]
    round: str

    @property
    def spoken(self) -> str:
        """The card as one paragraph, for screen readers."""
        rows = "; ".join(row.spoken for row in self.rows)
        return f"{self.quote}. {self.story} {rows}. {self.round}"


def fate_of(ledger: Ledger, index: int, *, technical: bool) -> TokenFate:
    """Return the card's contents for the token at ``index`` of ``ledger``, in ``technical`` words or plain ones."""
    token = ledger.tokens[index]
    round_ = ledger.rounds[ledger.owners[index]]
    kept = len(round_.settled)
    price = f"Round {round_.index + 1}: {wording.milliseconds(1000 * round_.seconds)} for {words.tokens(kept)}"
    captions = captions_of(ledger.levels, technical=technical)
    rows = tuple(_row(captions, share) for share in ledger.shares(index))
    return TokenFate(quoted(token.text), story(ledger, index, captions), rows, price)


def story(ledger: Ledger, index: int, captions: Sequence[Caption]) -> str:
    """Say which level wrote the token at ``index``, which kept or rejected it, and what replaced it."""
    token, nouns = ledger.tokens[index], [caption.noun for caption in captions]
    if len(nouns) == 1:
        return f"Written by {nouns[0]}, one token a pass."
    parts = [f"{'Guessed' if guesses(ledger.levels, token.level) else 'Written'} by {nouns[token.level]}"]
    above = range(token.level + 1, len(nouns))
    judges = {level for level, _ in token.judged[1:]} or above  # of all above its writer, those that were at work
    parts += [f"kept by {nouns[level]}" for level in above if level in judges and level <= token.reached]
    if token.rejected_by is not None:
        parts.append(f"rejected by {nouns[token.rejected_by]}{_instead(ledger, index, nouns)}")
    elif token.discarded:
        parts.append("dropped because a token before it was rejected")
    elif (vetoed := _replaced(ledger, index)) is not None:
        parts[0] += f" in place of {quoted(vetoed.text)}"
    would = "" if token.instead is None else f" {captions[-1].subject} would have written {quoted(token.instead)}."
    return f"{', '.join(parts)}.{would}"


def quoted(text: str) -> str:
    """Return ``text`` in quotation marks, its line breaks and tabs as signs."""
    return f"“{''.join(visible(character) for character in text)}”"


def visible(character: str) -> str:
    """Return ``character``, or a sign for one that would break or stretch the line."""
    return {"\n": "⏎", "\t": "⇥"}.get(character, character if character.isprintable() else "·")


def _instead(ledger: Ledger, index: int, nouns: Sequence[str]) -> str:
    """Say what was written in place of the rejected token at ``index``, and by which level if not by its judge."""
    written = ledger.replacement(index)
    if written is None:
        return ""
    writer = "which" if written.level == ledger.tokens[index].rejected_by else f"and {nouns[written.level]}"
    return f", {writer} wrote {quoted(written.text)} instead"


def _replaced(ledger: Ledger, index: int) -> Token | None:
    """Return the rejected token that the one at ``index`` replaces, if there is one."""
    first = ledger.of_round(ledger.owners[index]).start
    while index > first and ledger.tokens[index - 1].discarded:
        index -= 1
    before = ledger.tokens[index - 1] if index > first else None
    return before if before is not None and before.rejected_by is not None else None


def _row(captions: Sequence[Caption], share: Share) -> LevelRow:
    probability = "not asked" if share.probability is None else wording.chance(share.probability)
    rank = "" if share.rank is None else f"rank {share.rank:,}"
    return LevelRow(share.level, captions[share.level].name, probability, rank, _cost(share))


def _cost(share: Share) -> str:
    """Say what the token's pass took and how many it was for, or what all passes of the round took."""
    if not share.passes:
        return "" if share.others is not None else "no pass"
    taken = wording.milliseconds(1000 * share.seconds)
    if share.others is None:
        return f"{taken} · {share.passes} pass{'es' * (share.passes != 1)}"
    return f"{taken} with {share.others} other{'s' * (share.others != 1)}" if share.others else f"{taken} alone"
