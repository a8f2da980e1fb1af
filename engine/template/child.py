"""Renders chat templates in a process of its own, which can be ended whatever a template does. Imports Jinja alone.

It reads one request a line from its standard input and answers with one line, both JSON, until the input ends. A
template is foreign code: the sandbox keeps it from everything but its variables, the limits from taking all the memory
or, should this process lose its parent, all the time.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace


def main(memory: int, seconds: int) -> NoReturn:
    """Answer requests until the input ends, each with ``memory`` bytes and ``seconds`` of computing at most."""
    _limit_memory(memory)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_follow, args=(lines,), daemon=True).start()
    while True:
        request = json.loads(lines.get())
        _limit_time(seconds)
        sys.stdout.write(json.dumps(_answer(request)) + "\n")
        sys.stdout.flush()


def _follow(lines: queue.SimpleQueue[str]) -> None:
    """Hand on the requests; end with the one who asks, even in the midst of a template."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the rendered text, or what hindered it: the kind of fault and some words about it."""
    try:
        if "reads" in request:
            return {"reads": sorted(_reads(request["reads"]))}
        return {"text": _render(request["template"], request["variables"], request["limit"])}
    except Exception as error:  # noqa: BLE001 - a template may bring about any of them; each is its fault
        kind, words = _fault(error)
        return {"fault": kind, "words": words}


def _fault(error: Exception) -> tuple[str, str]:
    match error:
        case RefusalError():
            return "refused", str(error)
        case MemoryError():
            return "memory", ""
        case TemplateSyntaxError():
            return "broken", f"{error.message} (line {error.lineno})"
        case RecursionError():
            return "broken", "it is nested too deeply, or calls itself without end"
    return "broken", str(error) or type(error).__name__


def _render(template: str, variables: dict[str, Any], limit: int) -> str:
    """Return the text, of ``limit`` characters at most."""
    pieces, length = [], 0
    for piece in _compiled(template).generate(**variables):
        length += len(piece)
        if length > limit:
            raise TemplateError(f"it writes more than {limit:,} characters")
        pieces.append(piece)
    return "".join(pieces)


def _reads(template: str) -> set[str]:
    """Return the names of the variables ``template`` reads."""
    return meta.find_undeclared_variables(_environment().parse(template))


@lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
    return _environment().from_string(template)


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    """Return what transformers gives chat templates, by which they were written; a test compares the two."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = _to_json
    made.globals |= {
        "raise_exception": _refuse,
        "strftime_now": lambda words: datetime.now().strftime(words),
        "dict": Dictionary(),
        "namespace": PlainNamespace,
    }
    return made


class RefusalError(TemplateError):
    """What a template says itself of a conversation it cannot write down."""


def _refuse(message: object) -> NoReturn:
    raise RefusalError(str(message))


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return ``value`` as JSON; Jinja's own filter escapes for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Generation(Extension):
    """The tag around what an assistant said, which training uses; rendering keeps its body."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: jinja2.parser.Parser) -> nodes.Node:
        """Read up to the closing tag."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller: Callable[[], str]) -> str:
        return caller()


class Dictionary:
    """``dict`` as templates may use it, without the class itself."""

    def __call__(self, *args: Any, **more: Any) -> dict[Any, Any]:
        """Make a dictionary."""
        return dict(*args, **more)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        """Make a dictionary of keys."""
        return dict.fromkeys(*args)


class PlainNamespace(Namespace):
    """A namespace without names that lead to Python's insides."""

    def __init__(*args: Any, **more: Any) -> None:
        """Take over ``args`` and ``more``, one of which may be called self."""
        self, *rest = args
        given = dict(*rest, **more)
        for name in given:
            PlainNamespace._check(name)
        Namespace.__init__(self, given)

    def __setitem__(self, name: str, value: Any) -> None:
        """Set ``name``."""
        PlainNamespace._check(name)
        super().__setitem__(name, value)

    @staticmethod
    def _check(name: object) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a namespace cannot hold {name!r}")


def _limit_memory(most: int) -> None:
    """Have the system refuse more memory, where it can; the parent looks as well."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_time(seconds: int) -> None:
    """Have the system end this process after that much computing from now: one operation may block all else."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, most))


if __name__ == "__main__":
    main(int(sys.argv[-2]), int(sys.argv[-1]))
