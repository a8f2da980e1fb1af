"""Why a chain was chosen, in a sentence of plain English."""

from __future__ import annotations

from engine.config import Source
from engine.decoding.planning.beliefs import Beliefs, View
from engine.decoding.planning.search import Chain

UNKNOWN = "Nothing is known yet of how this model runs here; what pays is found out while it writes."
ENOUGH = 5.0  # tokens seen, from which on something is said of how often a level is right


def chain_in_words(chain: Chain) -> str:
    """Return the levels of ``chain``, bottom first, with what guesses at a time: "Lookup, else Head (4) → Target"."""
    *guessers, _ = names = [
        source.title(bottom=at == 0, top=at == len(chain.sources) - 1) for at, source in enumerate(chain.sources)
    ]
    if not guessers:
        return names[0]
    turns = len(chain.guessers)
    return " → ".join([f"{', else '.join(names[:turns])} ({chain.windows[0]})", *names[turns:]])


def reason(chain: Chain, beliefs: Beliefs, *, trial: bool) -> str:
    """Say why ``chain`` is to go on; ``trial``: to find out about it."""
    if trial:
        tried = next(source for source in chain.sources if source.passes)
        return f"Trying {_name(tried)} for a few words, to see how often it is right here."
    if not chain.guessers:
        return "Guessing ahead would not be faster here, as far as is known."
    parts = [_copying(beliefs)] if not chain.guessers[0].passes else []
    parts += [_guessing(chain, beliefs)] if chain.guessers[-1].passes else []
    parts += [_sifting(chain, beliefs)] if len(chain.judges) > 1 else []
    sentence = "; ".join(part for part in parts if part)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _copying(beliefs: Beliefs) -> str:
    copies = beliefs.copies
    there = sum(copies.found) / copies.looks if copies.looks >= ENOUGH else None
    if there is None:
        return "copying what the chat has said costs next to nothing"
    return f"there is something to copy from the chat {_share(there)} of the time, which costs next to nothing"


def _guessing(chain: Chain, beliefs: Beliefs) -> str:
    source, judge = chain.guessers[-1], chain.judges[0]
    lead = "otherwise " if len(chain.guessers) > 1 else ""
    name = f"{lead}{_name(source)}"
    cost = beliefs.costs.guessing(source)(1) / View(beliefs).cost(chain.judges[-1], None)(1)
    costs = f"costs {_share(cost)} of a pass of the big model"
    if beliefs.agreements.seen(source, judge) < ENOUGH:
        return f"{name} {costs}, and has hardly been tried yet"
    right = beliefs.agreements.shares(source, judge)[0]
    by = "is right" if len(chain.judges) == 1 else f"agrees with {_name(judge)}"
    return f"{name} {by} {_share(right)} of the time and {costs}"


def _sifting(chain: Chain, beliefs: Beliefs) -> str:
    middle, top = chain.judges[-2:]
    cost = View(beliefs).cost(middle, None)(1) / View(beliefs).cost(top, None)(1)
    right = beliefs.agreements.shares(middle, top)[0]
    return f"{_name(middle)}, which sifts the guesses, is right {_share(right)} of the time for {_share(cost)}"


def _name(source: Source) -> str:
    """Return what a level is called in the middle of a sentence."""
    depth = getattr(source, "depth", None)
    return f"the {source.title(bottom=True, top=False).lower()}" if depth is None else f"the {source.words}"


def _share(value: float) -> str:
    return f"{max(value, 0.01):.0%}".replace("%", " %")
