"""Checks dataclasses read from disk against their declared types, so that damage stays out of the window. No Qt."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Fits = Callable[[Any], bool]
LARGEST = 2.0**63


def fits(value: Any) -> bool:
    """Return whether every field of the dataclass ``value`` holds its declared type and only finite numbers."""
    kind: Any = type(value)
    return _dataclass(kind)(value)


@cache
def _dataclass(kind: Any) -> Fits:
    hints = get_type_hints(kind)
    checks = [(field.name, _of(hints[field.name])) for field in fields(kind)]
    return lambda value: type(value) is kind and all(check(getattr(value, name)) for name, check in checks)


def _of(hint: Any) -> Fits:
    """Return a check for values of the type ``hint``."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in inner
    if origin in (Union, types.UnionType):
        either = [_of(one) for one in inner]
        return lambda value: any(check(value) for check in either)
    if origin is tuple:
        return _tuple(inner)
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint)
    if hint in (float, int):
        kinds = (float, int) if hint is float else (int,)
        return lambda value: type(value) in kinds and -LARGEST < value < LARGEST
    return lambda value: type(value) is hint


def _tuple(inner: tuple[Any, ...]) -> Fits:
    if len(inner) == 2 and inner[1] is Ellipsis:
        check = _of(inner[0])
        return lambda value: type(value) is tuple and all(map(check, value))
    checks = [_of(one) for one in inner]
    return lambda value: (
        type(value) is tuple and len(value) == len(checks) and all(c(v) for c, v in zip(checks, value, strict=True))
    )
