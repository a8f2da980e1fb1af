"""What is said of a course: what it does, how far it is, what it is worth and what came of it. No Qt."""

from __future__ import annotations

from app.models.teaching.progress import Progress
from engine import words
from engine.teaching.offered import OFFERED

DOING = {
    "beginning": "Getting ready",
    "writing": "The model writes answers to learn from",
    "learning": "Learning from what the model wrote",
    "trying": "Trying it out",
    "stopping": "Writing down what was learnt",
    "stopped": "Stopped. What was learnt is kept; it goes on from here whenever you like.",
    "ended": "Done",
    "failed": "It came to a stop",
}
TRIED = {"plain": "without a drafter", "new": "with the new drafter", "old": "with the drafter there was before"}
YIELDS = "Waits while an answer is written"
PAUSED = "Paused"
SILENT = "Nothing was heard of it for five minutes. Stop it, and begin again where it was: little is lost."
GAIN = 1.05  # times as fast as plain decoding: below it is nothing that anybody would notice


def what(progress: Progress) -> str:
    """Return what is taught to which model, as a title."""
    return f"{OFFERED[progress.order.what].title} for {progress.order.title}"


def state(progress: Progress) -> str:
    """Return what it does now."""
    if progress.over or progress.phase == "stopping":
        return DOING[progress.phase]
    if progress.paused:
        return PAUSED
    if progress.yields:
        return YIELDS
    if progress.phase == "trying":
        return f"Trying it out: answers {TRIED.get(progress.said.rpartition(' ')[2], '')}".removesuffix(": answers ")
    doing = DOING[progress.phase]
    return f"{doing}: {progress.said}" if progress.said and progress.phase == "beginning" else doing


def worth(progress: Progress) -> str:
    """Return what it is worth as the large figure: as measured at the end, by the last look before, a dash at first."""
    if progress.ended is not None:
        return words.times(progress.ended.gain).removeprefix("about ")
    return words.times(progress.looks[-1].worth).removeprefix("about ") if progress.looks else "–"


def since(progress: Progress) -> str:
    """Return what the large figure is of, after how long, and whether it still grows."""
    if progress.ended is not None:
        return f"as fast as plain decoding, measured here; {'kept' if progress.ended.kept else 'nothing was changed'}"
    if not progress.looks:
        return "as fast as plain decoding: known as soon as it learns"
    if progress.looks[-1].worth < GAIN:
        return f"as fast as plain decoding: no gain yet by what it guesses after {_spent(progress)}"
    said = f"as fast as plain decoding, expected after {_spent(progress)}"
    if progress.phase != "learning" or len(progress.looks) < 2:
        return said
    return f"{said}; {'still rising' if progress.rising else 'hardly rising any more'}"


def _spent(progress: Progress) -> str:
    return words.duration(60 * progress.looks[-1].minutes)


def figures(progress: Progress) -> str:
    """Return how far it is, how much was written, and how fast it goes."""
    whole, worked = progress.order.minutes, progress.minutes
    parts = [f"{words.duration(60 * worked)} of {words.duration(60 * whole)}"]
    if progress.tokens:
        parts.append(f"{words.tokens(progress.tokens)} written by the model")
    if progress.pace and progress.phase in {"writing", "learning"} and not (progress.paused or progress.yields):
        doing = "written" if progress.phase == "writing" else "read"
        parts.append(f"{words.pace(progress.pace)} {doing} a second")
    told = f"\n{progress.remark}." if progress.remark and not progress.over else ""  # its end says so as well
    return " · ".join(parts) + told


def short(progress: Progress) -> str:
    """Return how it stands in a few words."""
    if progress.over:
        return {"ended": "done", "failed": "came to a stop"}.get(progress.phase, "stopped")
    word = (
        "paused" if progress.paused else "waits" if progress.yields else "trying" if progress.phase == "trying" else ""
    )
    return ", ".join(filter(None, (word, f"{progress.done:.0%}".replace("%", " %"))))


def outcome(progress: Progress) -> tuple[str, str]:
    """Return what came of a course that is over: a sentence, and what follows from it."""
    if progress.ended is not None:
        return progress.ended.sentence, progress.ended.outcome
    if progress.failure is not None:
        return progress.failure.sentence, progress.failure.hint
    return "", ""


def by_guess(agreement: tuple[float, ...]) -> str:
    """Return how often each further guess is kept."""
    return ", ".join(f"{ordinal(place)} {kept:.0%}" for place, kept in enumerate(agreement, start=1))


def ordinal(place: int) -> str:
    """Return "1st", "2nd", …; only for places of a single digit."""
    return f"{place}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(place, 'th') }"
