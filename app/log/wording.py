"""Puts counts into words, so that a number reads the same wherever it is shown."""

from __future__ import annotations

from app.log.captions import Caption
from engine import words
from engine.config import source_kind
from engine.events import LevelInfo, Loading, Prefill, figures, why_uncompared
from engine.tally import LevelTally, Tally


def loading(event: Loading) -> str:
    """Say what is being loaded and how far it is."""
    return f"Loading {event.part}… {event.fraction:.0%}"


def lent(name: str, took: float | None) -> str:
    """Say why the model of that ``name`` is not loaded, and what having it back costs: it ``took`` so many seconds."""
    cost = f"; loading took {words.duration(max(1, took))} last time" if took is not None else ""
    return (
        f"While nobody writes, a drafter of {name} learns from your chats. Memory does not hold both, so the model is "
        f"unloaded meanwhile. Write, and it comes back{cost}."
    )


def reading(event: Prefill) -> str:
    """Say how much of the conversation has been read."""
    return f"reading the conversation… {event.done:,} of {event.total:,} tokens"


def line(tally: Tally) -> tuple[str, ...]:
    """Return the facts shown below an answer: tokens, average speed, factor, exactness."""
    if tally.started is None or not tally.tokens:
        return ()
    lossless = None if tally.plain else tally.started.lossless
    foreign = None if tally.drift is None else tally.drift.foreign
    return figures(tally.tokens, tally.average, tally.factor, lossless=lossless, foreign=foreign)


def drift(tally: Tally) -> str:
    """Say how much of a lossy answer the big model would not have written; empty for an exact one."""
    found = tally.drift
    if found is None or not found.tokens:
        return ""
    none = "All tokens so far are" if tally.finished is None else "All tokens are"
    if not found.foreign:
        return f"{none} the big model’s own, although this method is lossy."
    are = "is" if found.foreign == 1 else "are"
    return f"{found.foreign:,} of {words.tokens(found.tokens)} {are} not the big model’s own ({chance(found.share)})."


def ending(tally: Tally) -> tuple[str, ...]:
    """Say why an answer was cut off; empty where it ended by itself."""
    if tally.finished is None:
        return ()
    return {"length": ("cut at the length limit",), "context": ("the context is full",)}.get(tally.finished.reason, ())


def verdict(tally: Tally) -> str:
    """Say how an answer's pace compares with plain decoding, win or lose."""
    if tally.plain:
        return "plain decoding: one token at a time"
    if tally.factor is not None:
        slower = tally.factor.slower
        return f"{tally.factor} plain: slower here" if slower else f"{tally.factor} plain decoding"
    return "not compared with plain decoding" + " yet" * (tally.finished is None)


def counterfactual(tally: Tally) -> str:
    """Say at the end what plain decoding would have taken for the same answer, or why it is not compared."""
    if tally.finished is None or tally.plain:
        return ""
    if tally.factor is not None:
        return tally.factor.outcome(tally.finished.seconds)
    why = why_uncompared(tally.tokens, tally.doubt)
    return why and f"{why[0].upper()}{why[1:]}."


def cost(level: LevelTally, total: float) -> str:
    """Return a level's milliseconds a pass and its share of the time."""
    if level.per_pass is None or not total:
        return "–"
    return f"{milliseconds(level.per_pass)} · {level.seconds / total:.0%}"


def counts(level: LevelTally, *, bottom: bool, top: bool) -> str:
    """Return what a level was offered and how much of it was kept."""
    if bottom and top:
        return f"{level.written:,} written"
    if level.rate is None:
        return "–"
    if top and not level.offered:  # of a longer chain, of which nothing else was at work
        return f"{level.written:,} written"
    if bottom:
        return f"{level.written:,} · {percent(level.rate)} kept"
    return f"{level.stood:,} of {level.offered:,} kept · {percent(level.rate)}"


def verb(info: LevelInfo, *, bottom: bool, top: bool) -> str:
    """Say what a level does, and how far the lowest guesses ahead; one cut short has a line of its own."""
    if top:
        return "writes" if bottom else "decides"
    if bottom:
        return f"guesses {'' if info.cut else info.ahead(bottom=True)}".strip()
    return "checks"


def kind(info: LevelInfo, *, bottom: bool) -> tuple[str, ...]:
    """Say what a level is, and how far the lowest guesses ahead: the longest way first, for where there is room."""
    what, ahead = info.detail if source_kind(info.kind).passes else "no model", f"up to {info.window} ahead"
    if not (bottom and info.window) or info.cut:
        return (what,)
    return (f"{what}, {ahead}", what) if what else (ahead,)


def explain(level: LevelTally, caption: Caption, *, bottom: bool, top: bool) -> str:
    """Return a level's counts as a sentence, for tool tips and screen readers."""
    return f"{counted(level, caption, bottom=bottom, top=top)}{windowed(level.info, bottom=bottom)}"


def explain_cost(level: LevelTally, caption: Caption, total: float) -> str:
    """Return in a sentence what a level's passes took; before the first, what the figures will be."""
    if level.per_pass is None or not total:
        return f"The time each pass of {caption.noun} takes, and its share of the time for the answer."
    share = f"{level.seconds / total:.0%} of the time for this answer"
    return f"Each pass of {caption.noun} took {milliseconds(level.per_pass)} on average, all of them {share}."


def windowed(info: LevelInfo, *, bottom: bool) -> str:
    """Say how many tokens a level hands up at a time, where that is known and worth a word; a space before it."""
    if not info.window or (info.window == 1 and not bottom and not info.cut):
        return ""
    many = words.tokens(info.window)
    what = f"It guesses up to {many} at a time" if bottom else f"It hands up {many} or more at a time"
    short = f"; {info.asked} were asked for, which is more than one pass holds here"
    return f" {what}{short if info.cut else ''}."


def counted(level: LevelTally, caption: Caption, *, bottom: bool, top: bool) -> str:
    """Say in a sentence what a level did and how much of it was kept."""
    if bottom and top:
        return f"{caption.subject} wrote {level.written:,} tokens in {level.passes:,} passes."
    if bottom:
        return f"{caption.subject} guessed {level.written:,} tokens ahead; {level.kept:,} of them are in the answer."
    return (
        f"{caption.subject} checked {level.offered:,} guesses, kept {level.stood:,} of them "
        f"and wrote {level.written:,} tokens of its own, in {level.passes:,} passes."
    )


def percent(rate: float | None) -> str:
    """Return a share in per cent, a dash where there is none."""
    return "–" if rate is None else f"{rate:.0%}"


def chance(probability: float) -> str:
    """Return a probability in per cent, never rounded to 0% or 100% unless it is exactly that."""
    percent_ = 100 * probability
    if 0 < percent_ < 0.1:
        return "< 0.1%"
    if 99.9 < percent_ < 100:
        return "> 99.9%"
    return f"{percent_:.1f}%" if percent_ < 10 or 99 < percent_ < 100 else f"{percent_:.0f}%"


def milliseconds(value: float) -> str:
    """Return a duration in milliseconds to three figures at most."""
    return f"{value:.2f} ms" if value < 0.995 else f"{value:.1f} ms" if value < 99.95 else f"{value:,.0f} ms"
