"""``engine models list|fit|memory|get|import|add-drafter|…``: the model library in a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import DRAFTERS, Role
from engine.errors import UpdraftError
from engine.library.asking import BEST, wanted_for
from engine.library.catalogue import CATALOGUE
from engine.library.connection import Connection
from engine.library.copying import Step
from engine.library.downloads import Downloads
from engine.library.drafters import made_for
from engine.library.faults import LibraryError
from engine.library.installed import Library
from engine.library.protocol import Patience, Progress, SignedIn
from engine.library.record import Installed
from engine.library.shown import say, show_fit, show_memory, show_shelf
from engine.library.signin import sign_in_by_browser, token
from engine.printable import printable
from engine.words import size

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name

HOPELESS = {"missing", "unsupported", "vocabulary"}  # kinds of trouble that no second try mends
TRIES = 8  # a terminal gives up on the network some day; a window need not


def add_arguments(subparsers: Subparsers) -> None:
    """Add the ``models`` command to the engine's argument parser."""
    models = subparsers.add_parser("models", help="what can be fetched, what fits, what is installed")
    models.add_argument("--folder", type=Path, help="the models folder (default: where the library was last put)")
    models.set_defaults(run=run)
    verbs = models.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="the catalogue and what is installed")
    fit = verbs.add_parser("fit", help="which sets fit this machine")
    fit.add_argument("name", nargs="?", help="a set of the catalogue, or a repository as owner/name")
    fit.add_argument("--context", type=int, default=4096, metavar="TOKENS")
    memory = verbs.add_parser("memory", help="what every set of the catalogue needs, on a GPU and without one")
    memory.add_argument("--context", type=int, default=4096, metavar="TOKENS")
    get = verbs.add_parser("get", help="download a set or a repository; goes on where an earlier one stopped")
    get.add_argument("name", help="a set of the catalogue, owner/name, or the address of a model's page")
    which = get.add_mutually_exclusive_group()
    which.add_argument("--drafter", choices=sorted(DRAFTERS), help="which drafter comes along (default: the best)")
    which.add_argument("--without-drafter", action="store_true", help="fetch the models of a set alone")
    taken = verbs.add_parser("import", help="take a model in: a folder, one of the Hub client's cache, or a GGUF file")
    taken.add_argument("source", type=Path, metavar="FOLDER|FILE.gguf")
    taken.add_argument("--name", help="what to call it, where it does not say or another has that name")
    drafter = verbs.add_parser("add-drafter", help="take in what guesses ahead for one model: EAGLE-3, DFlash, DSpark")
    drafter.add_argument("source", type=Path, metavar="FOLDER", help="its folder, or the name of one that is installed")
    drafter.add_argument("--to", metavar="NAME", help="the model it was made for, where it does not tell")
    renamed = verbs.add_parser("rename", help="call an installed model something else")
    renamed.add_argument("name", help="what it is called now")
    renamed.add_argument("new", help="what to call it")
    verbs.add_parser("signin", help="sign in to Hugging Face with a browser, for models that ask for it")
    for verb, meaning in (("verify", "hash a model's files, offline"), ("remove", "delete a model from disk")):
        command = verbs.add_parser(verb, help=meaning)
        command.add_argument("name", help="a set of the catalogue or an installed repository")


def run(args: argparse.Namespace) -> int:
    """Carry out a parsed ``models`` command; returns the exit status, 1 for trouble, which is said on stderr."""
    try:
        library = Library.open()
        if args.folder:
            library = Library(args.folder.absolute(), args.folder.absolute() / "library.json")
        acts: dict[str, Callable[[], int]] = {
            "list": lambda: show_shelf(library),
            "fit": lambda: show_fit(library, args.name, args.context),
            "memory": lambda: show_memory(args.context),
            "get": lambda: _get(library, args.name, None if args.without_drafter else args.drafter or BEST),
            "import": lambda: _import(library, args.source, args.name),
            "add-drafter": lambda: _add_drafter(library, args.source, args.to),
            "rename": lambda: _rename(library, args.name, args.new),
            "signin": _sign_in,
            "verify": lambda: _verify(library, _chosen(library, args.name)),
            "remove": lambda: _remove(library, args.name),
        }
        return acts[args.verb]()
    except UpdraftError as error:
        return _trouble(error.sentence, error.hint)


def _import(library: Library, source: Path, name: str | None) -> int:
    before = {model.key for model in library.models()}
    note = _follow_steps(library.take_in(source.absolute(), name))
    for model in library.models():
        if model.key not in before:
            ask = "" if model.drafts else f" Ask it with: python -m engine ask --model {model.name} …"
            say(f"Imported {model.name}: {size(model.size)}.{ask}")
    if note:
        say(note)
    return 0


def _add_drafter(library: Library, source: Path, to: str | None) -> int:
    """Take a drafter in, or pair one that is installed already, and say for which model."""
    known = None if source.exists() else library.find(str(source))
    folder = known.folder if known else source.absolute()
    before = {model.key: model.serves for model in library.models()}
    _follow_steps(library.add_drafter(folder, to))
    for model in library.models():
        for served in model.serves:
            if served not in before.get(model.key, ()):
                licence = model.licence or "no licence stated"
                say(f"{model.name} ({size(model.size)}, {licence}) guesses ahead for {served} now.")
                say(f"Try it with: python -m engine ask --model {served} --preset {model.role} …")
    return 0


def _follow_steps(steps: Iterator[Step]) -> str:
    """Say how far a long copy has got, every tenth of it; returns what is to be said of it at the end."""
    told, note = 0, ""
    for step in steps:
        note, share = step.note, 10 * (10 * step.done // max(1, step.total))
        if share > told:
            say(f"  {share} %")
            told = share
    return note


def _rename(library: Library, name: str, new: str) -> int:
    model = library.rename(library.model(name), new)
    say(f"{name} is called {model.name} now; its former name still works.")
    return 0


def _get(library: Library, text: str, drafter: Role | None) -> int:
    name, wanted = wanted_for(text, drafter)
    connection = Connection.from_environment()
    connection.require_online()
    downloads = Downloads(library, connection, token, Patience(tries=TRIES))
    try:
        downloads.start()
        downloads.add(name, wanted)
        return _follow(downloads, name)
    except KeyboardInterrupt:
        return _trouble("Stopped.", f"Go on with: python -m engine models get {text}")
    finally:
        downloads.close()


def _follow(downloads: Downloads, name: str) -> int:
    shown = ""
    while True:
        progress = downloads.events.get()
        ended = progress.state == "failed" or (progress.state == "paused" and progress.kind)  # the latter never began
        if progress.job == name and ended:
            return _gave_up(downloads, progress)
        # While another job of the same queue has its turn, its sentences are shown; a count-down is one sentence.
        told = progress.say if sys.stdout.isatty() or progress.again is None else f"waiting {progress.say[:20]}"
        if told != shown and (progress.job == name or not progress.over):
            shown = told
            _progress(progress)
        if progress.job == name and progress.state == "done":
            return 0


def _gave_up(downloads: Downloads, progress: Progress) -> int:
    """Say why it stopped; a job that can be resumed stays in the queue."""
    if progress.kind in HOPELESS:
        downloads.cancel(progress.job)
        return _trouble(progress.say, progress.hint)
    first = "Sign in with: python -m engine models signin (or set HF_TOKEN).\n" if progress.kind == "signin" else ""
    return _trouble(
        progress.say, f"{progress.hint}\n{first}Go on with: python -m engine models get {progress.job}".strip()
    )


def _sign_in() -> int:
    shown = None
    for told in sign_in_by_browser(Connection.from_environment()):
        if isinstance(told, SignedIn):
            say(f"Signed in as {told.account}.")
        elif told is not None and told != shown:
            shown = told
            say(f"Open {told.address} and confirm the code {told.code}.")
    return 0


def _progress(progress: Progress) -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[2K" + printable(progress.say) + ("\n" if progress.over else ""))
        sys.stdout.flush()
    elif progress.state in {"looking", "stalled", "done"} or progress.speed is None:
        say(progress.say)


def _chosen(library: Library, name: str) -> Sequence[Installed]:
    if name in CATALOGUE:
        names, models = {model.repository for model in CATALOGUE[name].models.values()}, library.models()
        others = {model.repository for model in models} - names
        drafters = {each.repository for each in CATALOGUE[name].drafters if not made_for(each.repository) & others}
        found = [model for model in models if model.repository in names | drafters]
        if not found:
            raise LibraryError("missing", f"“{name}” is not installed.", "")
        return found
    return [library.model(name)]


def _verify(library: Library, models: Sequence[Installed]) -> int:
    bad = 0
    for model in models:
        for checked in library.verify(model):
            bad += not checked.good
            say(f"  {'good' if checked.good else 'BAD '}  {model.repository}/{checked.path}")
    if bad:
        again = f"python -m engine models get {models[0].repository}"
        return _trouble(f"{bad} files are damaged and were removed.", f"Fetch only them again with: {again}")
    say("Every file is what it was when it was downloaded.")
    return 0


def _remove(library: Library, name: str) -> int:
    """Remove what is installed under ``name``, or what there is of its unfinished download."""
    if not _discard(library, name):
        for model in _chosen(library, name):
            library.remove(model)
            say(f"Removed {model.repository}: {size(model.size)} are free again.")
    return 0


def _discard(library: Library, name: str) -> bool:
    if name not in (repository for repository, _ in library.unfinished()):
        return False
    with library.idle():
        say(f"Removed what there was of {name}: {size(library.discard(name))} are free again.")
    return True


def _trouble(sentence: str, hint: str) -> int:
    said = printable(f"{sentence}\n{hint}" if hint else sentence, keep="\n")
    sys.stderr.write(f"{said}\n")
    return 1
