"""``engine models list|fit|memory|get|import|rename|signin|verify|remove``: the model library in a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from engine.architecture.holding import Device
from engine.errors import UpdraftError
from engine.library.asking import inspect, wanted_for
from engine.library.catalogue import CATALOGUE
from engine.library.connection import Connection
from engine.library.downloads import Downloads
from engine.library.faults import LibraryError
from engine.library.fit import judge, takes
from engine.library.hardware import Hardware, probe
from engine.library.installed import Library
from engine.library.protocol import Patience, Progress, SignedIn
from engine.library.record import Installed
from engine.library.signin import sign_in_by_browser, token
from engine.library.starter import starter_models, starter_trouble
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
    taken = verbs.add_parser("import", help="take a model in: a folder, one of the Hub client's cache, or a GGUF file")
    taken.add_argument("source", type=Path, metavar="FOLDER|FILE.gguf")
    taken.add_argument("--name", help="what to call it, where it does not say or another has that name")
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
            "list": lambda: _list(library),
            "fit": lambda: _fit(library, args.name, args.context),
            "memory": lambda: _memory(args.context),
            "get": lambda: _get(library, args.name),
            "import": lambda: _import(library, args.source, args.name),
            "rename": lambda: _rename(library, args.name, args.new),
            "signin": _sign_in,
            "verify": lambda: _verify(library, _chosen(library, args.name)),
            "remove": lambda: _remove(library, args.name),
        }
        return acts[args.verb]()
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
    _say(f"Starter: {starter_models().name}")
    if starter_trouble():
        _say(f"  SmolLM2 is not there: {starter_trouble()}")
    _say(f"Installed in {library.folder}")
    for model in installed:
        state = "drive not connected" if not model.present else "" if model.whole else "damaged"
        _say(f"  {_called(model):<44} {size(model.size):>8}  {state or model.licence}")
    for repository, count in library.unfinished():
        _say(f"  {repository:<44} {size(count):>8}  not complete")
    for name, missing in library.lacking().items():
        _say(f"  {CATALOGUE[name].title} lacks {', '.join(missing)}; get the rest with: models get {name}")
    for note in library.unreadable():
        _say(f"  {note}")
    if not installed:
        _say("  nothing yet; the starter always works")
    return 0


def _called(model: Installed) -> str:
    return f"{model.name} ({model.repository})" if model.title else model.repository


def _import(library: Library, source: Path, name: str | None) -> int:
    before = {model.key for model in library.models()}
    told, note = 0, ""
    for step in library.take_in(source.absolute(), name):
        note, share = step.note, 10 * (10 * step.done // max(1, step.total))
        if share > told:
            _say(f"  {share} %")
            told = share
    for model in library.models():
        if model.key not in before:
            _say(f"Imported {model.name}: {size(model.size)}. Ask it with: python -m engine ask --model {model.name} …")
    if note:
        _say(note)
    return 0


def _rename(library: Library, name: str, new: str) -> int:
    model = library.rename(library.model(name), new)
    _say(f"{name} is called {model.name} now; its former name still works.")
    return 0


def _fit(library: Library, name: str | None, context: int) -> int:
    hardware = probe(library.folder)
    _describe(hardware)
    if name and wanted_for(name)[0] not in CATALOGUE:
        found = inspect(name, Connection.from_environment(), token())
        verdict = judge([found.dimensions], hardware, context)
        _say(f"  {found.repository}  {size(found.download)} to download")
        _say(f"  {verdict.word}. {verdict.sentence}")
        return 0 if verdict.answer != "no" else 1
    entries = [CATALOGUE[name]] if name else list(CATALOGUE.values())
    verdicts = [judge(entry.dimensions, hardware, context) for entry in entries]
    for entry, verdict in zip(entries, verdicts, strict=True):
        _say(f"  {entry.name:<18} {verdict.word}. {verdict.sentence}")
        if entry.download > hardware.disk_free:
            short = size(entry.download - hardware.disk_free)
            _say(f"  {'':<18} The disk needs {short} more for the download of {size(entry.download)}.")
    return 0 if any(verdict.answer != "no" for verdict in verdicts) else 1


def _memory(context: int) -> int:
    """Say what has to be free for each set with ``context`` tokens, computed, whatever this machine has."""
    _say(f"  {'':<18} {'download':>9} {'on a GPU':>9} {'without':>9}   with {context:,} tokens of context")
    for entry in CATALOGUE.values():
        gpu, cpu = (size(takes(entry.dimensions, context, device)) for device in get_args(Device))
        _say(f"  {entry.name:<18} {size(entry.download):>9} {gpu:>9} {cpu:>9}   {entry.title}")
    return 0


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
            _say(f"Signed in as {told.account}.")
        elif told is not None and told != shown:
            shown = told
            _say(f"Open {told.address} and confirm the code {told.code}.")
    return 0


def _progress(progress: Progress) -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[2K" + printable(progress.say) + ("\n" if progress.over else ""))
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


def _remove(library: Library, name: str) -> int:
    """Remove what is installed under ``name``, or what there is of its unfinished download."""
    if not _discard(library, name):
        for model in _chosen(library, name):
            library.remove(model)
            _say(f"Removed {model.repository}: {size(model.size)} are free again.")
    return 0


def _discard(library: Library, name: str) -> bool:
    if name not in (repository for repository, _ in library.unfinished()):
        return False
    with library.idle():
        _say(f"Removed what there was of {name}: {size(library.discard(name))} are free again.")
    return True


def _trouble(sentence: str, hint: str) -> int:
    said = printable(f"{sentence}\n{hint}" if hint else sentence, keep="\n")
    sys.stderr.write(f"{said}\n")
    return 1


def _say(line: str) -> None:
    sys.stdout.write(printable(line) + "\n")  # licences, names and sentences come from the Hub
