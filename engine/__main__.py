"""The engine in a terminal: ask one question, or chat, and see which level wrote every token."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from platformdirs import user_data_path

from engine import lasting
from engine.architecture import require_folder
from engine.arguments import as_asked, chosen, parser
from engine.bench.asking import Found, measured
from engine.config import PRESETS, ModelSet, Preset, Sampling, models_in
from engine.errors import CheckpointError, UpdraftError
from engine.events import Event, Finished, to_json
from engine.gpus import CAP
from engine.library import Library, require_starter, starter_models, starting_preset
from engine.library.provenance import checkpoint_in
from engine.library.taught import with_taught
from engine.pace import Paces
from engine.printable import printable
from engine.teaching.learnt import forget, with_learnt
from engine.teaching.printing import Printing
from engine.teaching.protocol import Failed, Said
from engine.teaching.steering import Steering, steered
from engine.template import warm
from engine.template.process import serve
from engine.terminal import Keyboard, Terminal

if TYPE_CHECKING:
    from engine.session import Session


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0, 1 for a foreseen error, 130 when interrupted, 141 when nobody reads on."""
    speak()
    arguments = parser(__doc__ or "", ask=_ask, chat=_chat, bench=_bench, teach=_teach).parse_args(argv)
    try:
        if getattr(arguments, "vram", None) is not None:
            os.environ[CAP] = str(arguments.vram)  # where the library, the engine and what they start look
        return int(arguments.run(arguments))
    except UpdraftError as error:
        _complain(error)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has gone; nobody is left to write to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def speak() -> None:
    """Replace characters a standard stream cannot hold instead of failing; a redirected one need not be UTF-8."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _complain(error: UpdraftError) -> None:
    print(printable(f"updraft: {error.sentence} {error.hint}".rstrip(), "\n"), file=sys.stderr)


def _models(arguments: argparse.Namespace) -> ModelSet:
    """Return the models asked for: a folder's, an installed set's, or the starter."""
    if arguments.model is None:
        models = starter_models()
        require_starter(models)
        return models
    folder = Path(arguments.model)
    if arguments.model and folder.is_dir():
        return _models_in(folder)
    if folder.is_file():
        require_folder(folder)  # says what it is, and what to choose instead
    if folder.is_absolute():
        raise CheckpointError(f"{folder} is not there.", "If it is on a drive, connect it; or name another folder.")
    return Library.open().set_named(arguments.model)


def _models_in(folder: Path) -> ModelSet:
    """Return the set in ``folder``; one of the Hub client's cache is its newest version, called as the model is."""
    newest = checkpoint_in(folder)
    found = with_taught(models_in(newest))
    named = folder.name.removeprefix("models--").replace("--", "/", 1)
    return found if newest == folder else replace(found, name=named)


def _offline() -> None:
    """Let nothing ask the network for anything; the libraries read these when they are imported."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")


def _open(arguments: argparse.Namespace, terminal: Terminal) -> Session:
    """Load the models, showing progress."""
    _offline()
    warm()  # meanwhile
    with lasting():
        from engine.session import Session

    how: Literal["eager", "auto"] = "eager" if arguments.eager else "auto"
    paces = Paces(user_data_path("Updraft", appauthor=False) / "paces.json")
    loading = Session.open(
        with_learnt(_models(arguments)),
        arguments.device,
        how,
        arguments.room,
        dense_head=arguments.dense_head,
        weights=arguments.weights,
        paces=paces,
        threads=arguments.threads,
    )
    while True:
        try:
            terminal.show(next(loading))
        except StopIteration as done:
            session: Session = done.value
            return session


def _ask(arguments: argparse.Namespace) -> int:
    question = _text(sys.stdin.read() if arguments.question == "-" else arguments.question)
    if not question.strip():
        raise UpdraftError("There is no question.", "Write one, or pipe one in and ask -.")
    chosen(arguments)  # refuse bad settings before loading anything
    with _log(arguments.json) as log:
        terminal = Terminal(sys.stdout, sys.stderr)
        session = _open(arguments, terminal)
        _reply(session, [*_system(arguments), ("user", question)], arguments, terminal, log)
    return 0


def _chat(arguments: argparse.Namespace) -> int:
    chosen(arguments)
    with _log(arguments.json) as log:
        terminal = Terminal(sys.stdout, sys.stderr)
        session = _open(arguments, terminal)
        messages = _system(arguments)
        for question in Keyboard().messages():
            messages.append(("user", _text(question)))
            terminal.text = ""
            try:
                messages.append(("assistant", _reply(session, messages, arguments, terminal, log)))
            except KeyboardInterrupt:
                print("\nStopped.", file=sys.stderr)
                if terminal.text:
                    messages.append(("assistant", terminal.text))
                else:
                    messages.pop()  # it got no answer at all
            except UpdraftError as error:
                _complain(error)
                messages.pop()
            for _ in session.rest():
                pass
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    with _log(arguments.json) as log:  # a file that cannot be written is reported before minutes of measuring
        terminal = Terminal(sys.stdout, sys.stderr)
        found = measured(
            arguments,
            chosen(arguments).over(Sampling()),
            lambda what: print(what, file=sys.stderr),
            lambda asked: _open(asked, terminal),
        )
        print(found.table())
        log.write(found)
    return 0


def _teach(arguments: argparse.Namespace) -> int:
    _offline()
    steering = steered() if arguments.json else Steering(Printing(_line))
    try:
        if arguments.forget:
            forget()
            steering.tell(Said("What drafters had learnt on is deleted."))
            return 0
        models = _models(arguments)
        with lasting():
            if arguments.on:
                from engine.teaching.sitting import learn_on as teach
            else:
                from engine.teaching.command import teach

        teach(arguments, models, steering)
    except UpdraftError as error:
        if not arguments.json:
            raise
        steering.tell(Failed(error.sentence, error.hint, error.kind))
        return 1
    return 0


def _line(text: str) -> None:
    print(printable(text, "\n"), flush=True)


def _system(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    return [("system", arguments.system)] if arguments.system else []


def _text(typed: str) -> str:
    """Return ``typed`` as text that can be written again: bytes that are no UTF-8 arrive as halves of characters."""
    return typed.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _reply(
    session: Session,
    messages: Sequence[tuple[str, str]],
    arguments: argparse.Namespace,
    terminal: Terminal,
    log: Log,
) -> str:
    """Run one reply to its end, shown and logged event by event; returns its text."""
    events: Iterator[Event] = session.reply(
        messages,
        preset=as_asked(_preset(arguments, session), arguments),
        sampling=chosen(arguments),
        max_tokens=arguments.max_tokens,
        thinking=arguments.think,
    )
    text = ""
    for event in events:
        terminal.show(event)
        log.write(event)
        if isinstance(event, Finished):
            text = event.text
    return text


def _preset(arguments: argparse.Namespace, session: Session) -> Preset:
    """Return the method asked for, or else the one its models begin with in the window too."""
    if arguments.preset is not None:
        return PRESETS[arguments.preset]
    return starting_preset(session.models, "cuda" if session.device.type == "cuda" else "cpu")


class Log:
    """The log asked for: one JSON object a line, on disk as soon as it happened. Without a file it does nothing."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def write(self, told: Event | Found) -> None:
        """Append an event, or what a benchmark found."""
        if self._file is not None:
            value = to_json(told) if isinstance(told, Event) else told.to_json()
            self._file.write(json.dumps(value, ensure_ascii=False) + "\n")
            self._file.flush()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _log(path: Path | None) -> Log:
    try:
        return Log(None if path is None else path.open("w", encoding="utf-8"))
    except OSError as cause:
        raise UpdraftError(f"{path} cannot be written: {cause.strerror}.", "Choose another file for --json.") from cause


if __name__ == "__main__":
    serve(sys.argv)
    sys.exit(main())
