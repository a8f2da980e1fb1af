"""Defines the kinds of settings: how each is checked, read from the command line and written to a file."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from engine.config import PRESETS

T = TypeVar("T")

Sizes = tuple[tuple[str, tuple[int, ...]], ...]  # by hierarchy: tokens per level below the target, bottom first
WIDEST = 128  # tokens of a window: below a target whose layers come over the bus


class Unfit(ValueError):  # noqa: N818 - said of a value
    """Raised for a value an option cannot have; the message says, after the option's name, what it must be."""


class Kind(ABC, Generic[T]):
    """Checks and converts the values of an option."""

    @abstractmethod
    def check(self, value: object) -> T:
        """Return ``value``, as JSON has it, in the option's own type; raises Unfit."""

    def parse(self, words: str) -> T:
        """Return what ``words`` of the command line mean; raises Unfit."""
        return self.check(words)

    def plain(self, value: T) -> object:
        """Return ``value`` as JSON can have it."""
        return value


@dataclass(frozen=True)
class Decimal(Kind[float]):
    """A number from ``low`` to ``high``."""

    low: float
    high: float
    step: float = 0.05

    def check(self, value: object) -> float:
        """Refuse what is no number, NaN, or out of bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            raise Unfit(f"must be a number from {self.low:g} to {self.high:g}")
        return float(value)

    def parse(self, words: str) -> float:
        """Read a number."""
        try:
            return self.check(float(words))
        except ValueError:
            return self.check(words)  # which says what is wrong


@dataclass(frozen=True)
class Whole(Kind[int]):
    """A whole number from ``low`` to ``high``; ``special`` is what the lowest is called."""

    low: int
    high: int
    step: int = 1
    special: str = ""
    unit: str = ""

    def check(self, value: object) -> int:
        """Refuse what is no whole number or out of bounds."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise Unfit(f"must be a whole number from {self.low} to {self.high}")
        return value

    def parse(self, words: str) -> int:
        """Read a whole number, or the name of the lowest."""
        if self.special and words == self.special:
            return self.low
        try:
            number = int(words)
        except ValueError:
            return self.check(words)  # which says what is wrong
        return self.check(number)


@dataclass(frozen=True)
class Follows(Kind[T | None]):
    """A value of ``inner``, or None for the model's suggestion, with ``usual`` where it makes none."""

    inner: Kind[T]
    usual: T

    def check(self, value: object) -> T | None:
        """Refuse what ``inner`` refuses."""
        return None if value is None else self.inner.check(value)

    def parse(self, words: str) -> T | None:
        """Read what ``inner`` reads, or "model"."""
        return None if words == "model" else self.inner.parse(words)

    def plain(self, value: T | None) -> object:
        """Return ``value`` as JSON can have it."""
        return None if value is None else self.inner.plain(value)


@dataclass(frozen=True)
class Switch(Kind[bool]):
    """On or off."""

    def check(self, value: object) -> bool:
        """Refuse what is neither true nor false."""
        if not isinstance(value, bool):
            raise Unfit("must be true or false")
        return value


@dataclass(frozen=True)
class Choice(Kind[str]):
    """One of ``titles``, which say in words what each name means."""

    titles: Mapping[str, str]

    def check(self, value: object) -> str:
        """Refuse what is not on offer."""
        if not isinstance(value, str) or value not in self.titles:
            raise Unfit(f"must be one of {', '.join(self.titles)}")
        return value


@dataclass(frozen=True)
class Text(Kind[str]):
    """Any text, ``lines`` of it in view."""

    lines: int = 1

    def check(self, value: object) -> str:
        """Refuse what is no text."""
        if not isinstance(value, str):
            raise Unfit("must be a text")
        return value


@dataclass(frozen=True)
class Folder(Kind[str]):
    """An absolute path, or nothing for what is called ``usual``. It need not exist: a drive may be unplugged.

    ``back`` labels the button that returns to ``usual``.
    """

    usual: str = "Updraft's own folder"
    back: str = "Usual place"

    def check(self, value: object) -> str:
        """Refuse what is no absolute path, or none that this system can have."""
        if not isinstance(value, str) or (value and not (Path(value).is_absolute() and _can_be(value))):
            raise Unfit("must be the whole path of a folder, or empty for Updraft's own folder")
        return value

    def parse(self, words: str) -> str:
        """Read a path, from the folder Updraft was started in if it is not a whole one."""
        return self.check(str(Path(words).absolute()) if words else "")


def _can_be(path: str) -> bool:
    """Return whether a file can have this name."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


@dataclass(frozen=True)
class Windows(Kind[Sizes]):
    """Tokens per level below the target, bottom first, by hierarchy; those left out keep their own."""

    def check(self, value: object) -> Sizes:
        """Refuse unknown hierarchies, a number of levels they do not have, and windows out of bounds."""
        pairs = value.items() if isinstance(value, Mapping) else value
        try:
            by_name = dict(pairs)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            raise Unfit('must name hierarchies and their windows, as in {"hispec": [2, 4]}') from None
        return tuple(sorted((name, _windows(name, sizes)) for name, sizes in by_name.items()))

    def parse(self, words: str) -> Sizes:
        """Read ``hispec=2,4`` or several of them with semicolons between."""
        found: dict[str, list[int]] = {}
        for part in filter(None, words.split(";")):
            name, _, sizes = part.partition("=")
            try:
                found[name.strip()] = [int(size) for size in sizes.split(",")]
            except ValueError:
                raise Unfit("must look like hispec=2,4") from None
        return self.check(found)

    def plain(self, value: Sizes) -> object:
        """Return lists by name."""
        return {name: list(sizes) for name, sizes in value}


def _windows(name: object, sizes: object) -> tuple[int, ...]:
    if name not in PRESETS:
        raise Unfit(f"must name hierarchies among {', '.join(PRESETS)}, not {name}")
    levels = len(PRESETS[str(name)].stages) - 1
    whole = isinstance(sizes, list | tuple) and all(type(size) is int and 1 <= size <= WIDEST for size in sizes)
    if not isinstance(sizes, list | tuple) or not whole or len(sizes) != levels:
        raise Unfit(f"must give {name} {levels} whole number{'s' * (levels != 1)} from 1 to {WIDEST}")
    return tuple(sizes)
