"""Builds the window's command line from the settings: each can be set for one run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.settings.kinds import Choice, Decimal, Folder, Follows, Kind, Switch, Unfit, Whole, Windows
from app.settings.options import OPTIONS, SECTIONS, Option, in_section
from engine.version import VERSION


@dataclass(frozen=True, slots=True)
class Arguments:
    """The parsed command line: a model folder to open, settings for this run, arguments left for Qt."""

    model: Path | None
    given: dict[str, Any]
    rest: list[str]


def read_arguments(words: Sequence[str]) -> Arguments:
    """Parse ``words`` (without the program's name); exit with a usage line where they make no sense."""
    known, rest = parser().parse_known_args(words)
    values = vars(known)
    model = values.pop("model")
    return Arguments(model, values, rest)


def parser() -> argparse.ArgumentParser:
    """Return the parser: the model folder, then every option by section."""
    made = argparse.ArgumentParser(
        prog="updraft",
        description="Chat with a language model on this computer.",
        epilog="Settings given here hold for this run; those chosen in the window are kept.",
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"Updraft {VERSION}")
    made.add_argument("--model", type=Path, metavar="FOLDER", help="a model folder to open instead of the starter")
    for section, title in SECTIONS.items():
        group = made.add_argument_group(title)
        for option in in_section(section):
            _add(group, option)
    return made


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    sentence = f"{option.sentence} {_range(option.kind)}".strip().replace("%", "%%")
    if isinstance(option.kind, Switch):
        group.add_argument(option.flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=sentence)
        return
    group.add_argument(
        option.flag, type=_reader(option), metavar=_metavar(option.kind), default=argparse.SUPPRESS, help=sentence
    )


def _reader(option: Option) -> Any:
    def read(words: str) -> Any:
        try:
            return OPTIONS[option.name].kind.parse(words)
        except Unfit as unfit:
            raise argparse.ArgumentTypeError(f"{words} will not do: it {unfit}.") from None

    return read


def _range(kind: Kind[Any]) -> str:
    match kind:
        case Decimal(low, high) | Whole(low, high):
            return f"({low} to {high})"
        case Follows(inner):
            return f"{_range(inner)[:-1]}; model: as it suggests)"
        case Windows():
            return "(as in hispec=2,4)"
    return ""


def _metavar(kind: Kind[Any]) -> str:
    match kind.inner if isinstance(kind, Follows) else kind:
        case Choice(titles):
            return "{" + ",".join(titles) + "}"
        case Decimal():
            return "X"
        case Whole():
            return "N"
        case Folder():
            return "FOLDER"
        case Windows():
            return "WINDOWS"
    return "TEXT"
