"""Reads the values of a config.json, each checked as it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as repr_of
from typing import Any

from engine.errors import CheckpointError

CHOOSE_ANOTHER = "Choose a Llama, Qwen2, Qwen2.5, Qwen3 or Mistral model in Hugging Face's layout."
DAMAGED = "The file is damaged or made for another program: download the model again, or choose another copy."
MOST = 2**31 - 1  # of anything that is counted; our kernels count in 32 bits


@dataclass(frozen=True, slots=True)
class Settings:
    """``values`` by key, as JSON spells them; null is as good as absent.

    ``name`` is what an error calls the model, ``inside`` the key that holds these values, if they are not the file's
    own. Every method raises CheckpointError with key and value for what cannot be.
    """

    values: Mapping[str, Any]
    name: str
    inside: str = ""

    def size(self, key: str, default: int | None = None, *, least: int = 1, most: int = MOST) -> int:
        """Return a whole number from ``least`` to ``most``; without a ``default`` it has to be there."""
        if default is not None and not self.has(key):
            return default
        value = self.values.get(key)
        if type(value) is not int or not least <= value <= most:
            raise self.refused(key, f"where a whole number from {least:,} to {most:,} belongs")
        return value

    def number(self, key: str, default: float | None = None, *, least: float, most: float = 1e30) -> float:
        """Return a number from ``least`` to ``most``; NaN and infinity never are."""
        value = self._value(key, default)
        if type(value) not in (int, float) or not least <= value <= most:
            raise self.refused(key, f"where a number from {least:g} to {most:g} belongs")
        return float(value)

    def numbers(self, key: str, count: int, *, least: float, most: float = 1e30) -> tuple[float, ...]:
        """Return a list of ``count`` numbers."""
        value = self._value(key, None)
        if not isinstance(value, list) or len(value) != count:
            raise self.refused(key, f"where a list of {count} numbers belongs")
        each = Settings(dict(enumerate(value)), self.name, self._path(key))  # type: ignore[arg-type] # places as keys
        return tuple(each.number(place, least=least, most=most) for place in each.values)

    def flag(self, key: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self.refused(key, "where true or false belongs")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a word."""
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self.refused(key, "where a word belongs")
        return value

    def table(self, key: str) -> Settings:
        """Return the values under ``key``; empty where there are none."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.refused(key, "where a table of values belongs")
        return Settings(value or {}, self.name, self._path(key))

    def has(self, key: str) -> bool:
        """Tell whether ``key`` is there and not null."""
        return self.values.get(key) is not None

    def refused(self, key: str, why: str, hint: str = DAMAGED) -> CheckpointError:
        """Return the error for the value of ``key``; ``why`` goes on after the value."""
        if not self.has(key):
            return CheckpointError(f"The config.json of {self.name} lacks {self._path(key)}.", hint)
        value = repr_of(self.values[key])
        return CheckpointError(f"The config.json of {self.name} gives {self._path(key)} as {value}, {why}.", hint)

    def _value(self, key: str, default: Any) -> Any:
        return self.values[key] if self.has(key) else default

    def _path(self, key: str) -> str:
        return f"{self.inside}.{key}" if self.inside else str(key)
