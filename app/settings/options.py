"""Declares every setting once, with its type, default, bounds and sentence. Frozen values, no Qt.

The dialog, the command line and the checks of the settings file are all built from these fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, TypeVar, cast

from app.settings.kinds import Choice, Decimal, Folder, Follows, Kind, Sizes, Switch, Text, Whole, Windows
from engine.config import AUTOMATIC, PRESETS, ROOM, USUAL, WEIGHTS, Chosen, Preset, Sampling
from engine.config.tailoring import RECIPES, WAYS, Kept, Recipe, tailored

T = TypeVar("T")

SECTIONS = MappingProxyType(
    {
        "generation": "Generation",
        "hierarchy": "Speculation",
        "appearance": "Appearance",
        "writing": "Writing",
        "folders": "Folders",
        "network": "Network",
    }
)
RANDOM_SEED = -1
NO_LIMIT = 0  # of an answer's tokens
SUGGESTED = Sampling()  # for models that suggest nothing
THINKING = MappingProxyType({"model": None, "first": True, "none": False})
LOSSY = (
    "Exact: answers are just what the big model alone would give. The others also keep guesses it would not have made: "
    "more of them are kept, but the answer is no longer quite its own. Updraft calls that lossy, and counts those "
    "words. Auto stays exact; so does a method that copies, or guesses with a head, unless likely guesses are kept."
)


@dataclass(frozen=True, slots=True)
class Option:
    """A setting. ``sentence`` says what it does; ``default`` is checked by ``kind`` like any value."""

    name: str
    section: str
    title: str
    sentence: str
    kind: Kind[Any]
    default: Any

    @property
    def flag(self) -> str:
        """Return the option's name on the command line."""
        return "--" + self.name.replace("_", "-")


def _option(section: str, title: str, kind: Kind[T], default: T, sentence: str) -> T:
    return field(default=default, metadata={"section": section, "title": title, "kind": kind, "sentence": sentence})


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of all settings; a change is a new object (``dataclasses.replace``)."""

    temperature: float | None = _option(
        "generation", "Temperature", Follows(Decimal(0, 2), SUGGESTED.temperature), None,
        "How freely words are chosen; 0 always takes the likeliest.",
    )  # fmt: skip
    top_p: float | None = _option(
        "generation", "Top-p", Follows(Decimal(0.05, 1), SUGGESTED.top_p), None,
        "Draw only from the likeliest tokens that reach this share.",
    )  # fmt: skip
    top_k: int | None = _option(
        "generation", "Top-k", Follows(Whole(0, 1000, special="off"), SUGGESTED.top_k), None,
        "Draw only from this many of the likeliest tokens.",
    )  # fmt: skip
    min_p: float | None = _option(
        "generation", "Min-p", Follows(Decimal(0, 1), SUGGESTED.min_p), None,
        "Leave out tokens below this share of the likeliest one's.",
    )  # fmt: skip
    repetition_penalty: float | None = _option(
        "generation", "Repetition penalty", Follows(Decimal(0.5, 2), SUGGESTED.repetition_penalty), None,
        "Above 1, what was said already becomes less likely.",
    )  # fmt: skip
    seed: int = _option(
        "generation", "Seed", Whole(RANDOM_SEED, 2**31 - 1, special="random"), RANDOM_SEED,
        "The same seed gives the same answer, whatever guesses ahead; -1 draws a new one each time.",
    )  # fmt: skip
    max_tokens: int = _option(
        "generation", "Longest answer", Whole(NO_LIMIT, 131072, step=64, special="no limit", unit="tokens"), NO_LIMIT,
        "In tokens; a word takes one or two. Without a limit an answer may be as long as the model can hold.",
    )  # fmt: skip
    thinking: str = _option(
        "generation", "Thinking",
        Choice({"model": "As the model does", "first": "Think first", "none": "Answer at once"}), "model",
        "Whether a model that can do either thinks before it answers: slower, and better for hard questions.",
    )  # fmt: skip
    system_prompt: str = _option(
        "generation", "System prompt", Text(lines=4), "", "What the model is told before every chat."
    )
    preset: str = _option(
        "hierarchy", "Method", Choice({name: preset.title for name, preset in PRESETS.items()}), "hispec",
        "How answers are made faster: what guesses the next words, and what checks the guesses.",
    )  # fmt: skip
    windows: Sizes = _option(  # noqa: RUF009 - frozen, as the others are
        "hierarchy", "Windows", Windows(), (),
        "How many tokens are guessed at a time; more can gain more, and more is lost where a guess is wrong. "
        "HSD finds its own unless you set them here. A GPU may take fewer; the panel shows how many.",
    )  # fmt: skip
    acceptance: str = _option(
        "hierarchy", "Acceptance",
        Choice(WAYS), "preset", LOSSY,
    )  # fmt: skip
    tolerance: float = _option(
        "hierarchy", "Tolerance", Decimal(0, 1), USUAL,
        "How much a lossy method may keep that the big model would not have written: 0 nothing at all, 1 as much as "
        "the papers on it ever allowed.",
    )  # fmt: skip
    recipe: str = _option(
        "hierarchy", "Settings of a method", Choice(RECIPES), "ours",
        "HiSpec and Pyramid can also run as their papers ran them. A bonus word follows where all guesses were kept; "
        "for HiSpec it costs the first layers once more.",
    )  # fmt: skip
    room: int = _option(
        "hierarchy", "Length of a chat", Whole(1024, 131072, step=1024, unit="tokens"), ROOM,
        "The most tokens a chat may have on a GPU, which sets memory aside for them when the model loads; fewer if "
        "it has no more. Without a GPU memory is taken as it is needed.",
    )  # fmt: skip
    threads: int = _option(
        "hierarchy", "Threads", Whole(AUTOMATIC, 256, special="automatic"), AUTOMATIC,
        "How many cores of the processor compute where there is no GPU. Automatic measures it when a model loads and "
        "leaves one to everything else.",
    )  # fmt: skip
    weights: str = _option(
        "hierarchy", "Weights without a GPU",
        Choice({"stored": "As stored, or 8 bits", "8 bits": "8 bits", "4 bits": "4 bits", "exact": "Exact (32 bits)"}),
        WEIGHTS,
        "How a processor holds a model. Fewer bits take less memory and are quicker, and answers are a little less "
        "true to the model; exact takes four to eight times as much.",
    )  # fmt: skip
    learning: bool = _option(
        "hierarchy", "Learn from my chats", Switch(), False,
        "While Updraft is left alone for some minutes, and not on battery, the head or block that guesses for a model "
        "learns from the answers this model has written for you. They are read where your chats are; what is learnt "
        "lies in Updraft's own folder, never leaves this computer, and is used only where it guesses better. Where "
        "memory does not hold both, the model is unloaded meanwhile, and loaded again as soon as you write. "
        "Switched off, nothing more is learnt; what was is used until it is forgotten.",
    )  # fmt: skip
    theme: str = _option(
        "appearance", "Theme", Choice({"system": "As the desktop", "light": "Light", "dark": "Dark"}), "system",
        "Light or dark.",
    )  # fmt: skip
    font_size: int = _option(
        "appearance", "Font size", Whole(9, 32, unit="px"), 14, "The height of the text; everything grows with it."
    )
    marks: str = _option(
        "appearance", "Token colours", Choice({"standard": "Standard", "safe": "Colour-blind safe"}),
        "standard", "The colours of the marks in the text. Their shapes differ as well.",
    )  # fmt: skip
    highlight: bool = _option(
        "appearance", "Highlight tokens", Switch(), True, "Mark in the text which model wrote each token."
    )
    technical: bool = _option(
        "appearance", "Technical words", Switch(), False,
        "Call the guesser, the checker and the big model what research does: draft, intermediate and target.",
    )  # fmt: skip
    motion: str = _option(
        "appearance", "Motion", Choice({"system": "As the desktop", "reduced": "Reduced", "full": "Full"}), "system",
        "Whether marks may fade.",
    )  # fmt: skip
    send_key: str = _option(
        "writing", "Send with", Choice({"enter": "Enter", "ctrl": "Ctrl+Enter"}), "enter",
        "The key that sends a question. Shift+Enter always breaks the line.",
    )  # fmt: skip
    data_folder: str = _option(
        "folders", "Data folder", Folder(), "",
        "Where chats are kept, from the next start on; those in the old folder stay there.",
    )  # fmt: skip
    models_folder: str = _option(
        "folders",
        "Another folder with models",
        Folder("None", "None"),
        "",
        "What lies in here is offered too and left as it is. What Updraft fetches or imports lies where Models "
        "(Ctrl+L) says, and is moved there.",
    )
    offline: bool = _option(
        "network", "Stay offline", Switch(), False, "Open no network connection at all: no catalogue, no downloads."
    )

    @property
    def sampling(self) -> Chosen:
        """Return the sampling values that were chosen."""
        return Chosen(
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            seed=None if self.seed == RANDOM_SEED else self.seed,
        )

    def hierarchy(self, preset: Preset) -> Preset:
        """Return ``preset`` with the windows and the acceptance that are set in place of its own."""
        windows = dict(self.windows).get(preset.name, ())
        kept, recipe = cast("Kept", self.acceptance), cast("Recipe", self.recipe)
        return tailored(preset, windows, kept, self.tolerance, recipe)


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {f.name: Option(name=f.name, default=f.default, **f.metadata) for f in fields(Settings)}
)


def in_section(section: str) -> Iterable[Option]:
    """Return the options of ``section``, in the order they are declared."""
    return [option for option in OPTIONS.values() if option.section == section]
