"""``python -m engine models list|fit|get|verify|remove``: the model library in a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UpdraftError
from engine.library.asking import inspect, wanted_for
from engine.library.catalogue import CATALOGUE
from engine.library.connection import Connection
from engine.library.downloads import Downloads
from engine.library.faults import LibraryError
from engine.library.fit import judge
from engine.library.hardware import Hardware, probe
from engine.library.installed import Installed, Library
from engine.library.protocol import Patience, Progress
from engine.library.signin import token
from engine.library.words import size

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name

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
    get = verbs.add_parser("get", help="download a set or a repository; goes on where an earlier one stopped")
    get.add_argument("name", help="a set of the catalogue, owner/name, or the address of a model's page")
    for verb, meaning in (("verify", "hash a model's files, offline"), ("remove", "delete a model from disk")):
        command = verbs.add_parser(verb, help=meaning)
        command.add_argument("name", help="a set of the catalogue or an installed repository")


def run(args: argparse.Namespace) -> int:
    """Carry out a parsed ``models`` command; returns the exit status, 1 for trouble, which is said on stderr."""
    try:
        library = Library.open()
        if args.folder:
            library = Library(args.folder.absolute(), args.folder.absolute() / "library.json")
        if args.verb == "list":
            return _list(library)
        if args.verb == "fit":
            return _fit(library, args.name, args.context)
        if args.verb == "get":
            return _get(library, args.name)
        if args.verb == "remove" and _discard(library, args.name):
            return 0
        chosen = _chosen(library, args.name)
        return _verify(library, chosen) if args.verb == "verify" else _remove(library, chosen)
    except UpdraftError as error:
        return _trouble(error.sentence, error.hint)


def _list(library: Library) -> int:
    installed = library.models()
    names = {model.repository for model in installed}
    _say("Catalogue")
    for entry in CATALOGUE.values():
        there = all(model.repository in names for model in entry.models.values())
        marks = ("installed", there), ("sign-in", entry.gated)
        remarks = ", ".join(mark for mark, applies in marks if applies)
        _say(f"  {entry.name:<18} {size(entry.download):>8}  {entry.title}{f' ({remarks})' if remarks else ''}")
        _say(f"  {'':<18} {'':>8}  {entry.good_for}")
    _say(f"Installed in {library.folder}")
    for model in installed:
        state = "drive not connected" if not model.present else "" if model.whole else "damaged"
        _say(f"  {model.repository:<44} {size(model.size):>8}  {state or model.licence}")
    for repository, count in library.unfinished():
        _say(f"  {repository:<44} {size(count):>8}  not complete")
    if not installed:
        _say("  nothing yet; the starter models always work")
    return 0


def _fit(library: Library, name: str | None, context: int) -> int:
    hardware = probe(library.folder)
    _describe(hardware)
    if name and name not in CATALOGUE:
        found = inspect(name, Connection.from_environment(), token())
        verdict = judge([found.architecture], hardware, context)
        _say(f"  {found.repository}  {size(found.download)} to download")
        _say(f"  {verdict.sentence}")
        return 0 if verdict.answer != "no" else 1
    entries = [CATALOGUE[name]] if name else list(CATALOGUE.values())
    verdicts = [judge(entry.architectures, hardware, context) for entry in entries]
    for entry, verdict in zip(entries, verdicts, strict=True):
        _say(f"  {entry.name:<18} {verdict.sentence}")
        if entry.download > hardware.disk_free:
            short = size(entry.download - hardware.disk_free)
            _say(f"  {'':<18} The disk lacks {short} for the download of {size(entry.download)}.")
    return 0 if any(verdict.answer != "no" for verdict in verdicts) else 1


def _describe(hardware: Hardware) -> None:
    for gpu in hardware.gpus:
        _say(f"{gpu.name}, driver {gpu.driver}: {size(gpu.free)} of {size(gpu.total)} free")
    _say(hardware.remark or f"torch: {f'CUDA {hardware.torch_cuda}' if hardware.torch_cuda else 'CPU build'}")
    _say(f"Memory: {size(hardware.ram_free)} of {size(hardware.ram)} free, {hardware.cores} cores")
    _say(f"Disk: {size(hardware.disk_free)} free for {hardware.folder}")


def _get(library: Library, text: str) -> int:
    name, wanted = wanted_for(text)
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
        # While another job of the same queue has its turn, its sentences are shown.
        if progress.say != shown:
            shown = progress.say
            _progress(progress)
        if progress.job != name:
            continue
        if progress.state == "done":
            return 0
        if progress.state == "failed":
            return _trouble(progress.say, progress.hint)


def _progress(progress: Progress) -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[2K" + progress.say + ("\n" if progress.over else ""))
        sys.stdout.flush()
    elif progress.state in {"looking", "stalled", "done"} or progress.speed is None:
        _say(progress.say)


def _chosen(library: Library, name: str) -> Sequence[Installed]:
    if name in CATALOGUE:
        names = [model.repository for model in CATALOGUE[name].models.values()]
        found = [model for model in library.models() if model.repository in names]
        if not found:
            raise LibraryError("missing", f"“{name}” is not installed.", "")
        return found
    return [library.model(name)]


def _verify(library: Library, models: Sequence[Installed]) -> int:
    bad = 0
    for model in models:
        for checked in library.verify(model):
            bad += not checked.good
            _say(f"  {'good' if checked.good else 'BAD '}  {model.repository}/{checked.path}")
    if bad:
        again = f"python -m engine models get {models[0].repository}"
        return _trouble(f"{bad} files are damaged and were removed.", f"Fetch only them again with: {again}")
    _say("Every file is what it was when it was downloaded.")
    return 0


def _remove(library: Library, models: Sequence[Installed]) -> int:
    for model in models:
        library.remove(model)
        _say(f"Removed {model.repository}: {size(model.size)} are free again.")
    return 0


def _discard(library: Library, name: str) -> bool:
    """Remove an unfinished download of that name, where there is one."""
    if name not in (repository for repository, _ in library.unfinished()):
        return False
    with library.idle():
        _say(f"Removed what there was of {name}: {size(library.discard(name))} are free again.")
    return True


def _trouble(sentence: str, hint: str) -> int:
    sys.stderr.write(f"{sentence}\n{hint}\n" if hint else f"{sentence}\n")
    return 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
