"""What the terminal lists: the catalogue, what is installed, what fits this machine and what each set needs."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import get_args

from engine.architecture.holding import Device
from engine.config import DRAFTERS
from engine.library.asking import inspect, wanted_for
from engine.library.catalogue import CATALOGUE, CatalogueSet
from engine.library.connection import Connection
from engine.library.fit import SPARE, Verdict, judge, streaming, takes
from engine.library.hardware import Hardware, probe
from engine.library.installed import Library
from engine.library.record import Installed
from engine.library.signin import token
from engine.library.starter import prepared, starter_models, starter_trouble
from engine.printable import printable
from engine.words import size

SLOWLY = 0.75  # of a GPU's memory: layers that come over the bus have to spare a quarter to be worth a line


def show_shelf(library: Library) -> int:
    """Say what can be fetched and what is installed."""
    installed = library.models()
    _show_catalogue({model.repository for model in installed})
    say(f"Starter: {starter_models().name}")
    if prepared() is None:
        say(f"  It is not there. {starter_trouble()}".rstrip())
    say(f"Installed in {library.folder}")
    for model in installed:
        state = "drive not connected" if not model.present else "" if model.whole else "damaged"
        serves = f", guesses ahead for {' and '.join(model.serves)}" if model.drafts else ""
        say(f"  {_called(model):<44} {size(model.size):>8}  {state or model.licence}{serves}")
    for repository, count in library.unfinished():
        say(f"  {repository:<44} {size(count):>8}  not complete")
    _show_what_lacks(library)
    for note in library.unreadable():
        say(f"  {note}")
    if not installed:
        say("  nothing yet; the starter always works")
    return 0


def _show_catalogue(there: Collection[str]) -> None:
    say("Catalogue")
    for entry in CATALOGUE.values():
        whole = all(model.repository in there for model in entry.models.values())
        marks = ("installed", whole), ("sign-in", entry.gated)
        remarks = ", ".join(mark for mark, applies in marks if applies)
        say(f"  {entry.name:<18} {size(entry.download):>8}  {entry.title}{f' ({remarks})' if remarks else ''}")
        say(f"  {'':<18} {'':>8}  {entry.good_for}")
        for each in entry.drafters:
            mark = " (installed)" if each.repository in there else ""
            say(f"  {'':<18} {size(each.download):>8}  + drafter “{each.role}”, {each.expected}{mark}")


def _show_what_lacks(library: Library) -> None:
    for name, missing in library.lacking().items():
        say(f"  {CATALOGUE[name].title} lacks {', '.join(missing)}; get the rest with: models get {name}")
    for name, models in library.model_sets().items():
        drafters = CATALOGUE[name].drafters if name in CATALOGUE else ()
        if drafters and not DRAFTERS & models.models.keys():
            say(f"  {models.name} can have a drafter, {size(drafters[0].download)}; get it with: models get {name}")


def _called(model: Installed) -> str:
    return f"{model.name} ({model.repository})" if model.title else model.repository


def show_fit(library: Library, name: str | None, context: int) -> int:
    """Say which sets fit this machine, or one of them, or a model of the Hub; returns 1 where none does."""
    hardware = probe(library.folder)
    _describe(hardware)
    if name and wanted_for(name)[0] not in CATALOGUE:
        found = inspect(name, Connection.from_environment(), token())
        verdict = judge([found.dimensions], hardware, context)
        say(f"  {found.repository}  {size(found.download)} to download")
        say(f"  {verdict.word}. {verdict.sentence}")
        return 0 if verdict.answer != "no" else 1
    entries = [CATALOGUE[name]] if name else list(CATALOGUE.values())
    verdicts = [judge(entry.dimensions, hardware, context) for entry in entries]
    for entry, verdict in zip(entries, verdicts, strict=True):
        say(f"  {entry.name:<18} {verdict.word}. {verdict.sentence}")
        if tight := _without(entry, verdict):
            say(f"  {'':<18} {tight}")
        if entry.download > hardware.disk_free:
            short = size(entry.download - hardware.disk_free)
            say(f"  {'':<18} The disk needs {short} more for the download of {size(entry.download)}.")
    return 0 if any(verdict.answer != "no" for verdict in verdicts) else 1


def _without(entry: CatalogueSet, verdict: Verdict) -> str:
    """Return what to do about a set that fits a GPU where its drafter does not fit besides; else nothing."""
    if not entry.drafters or verdict.device != "cuda" or verdict.answer != "fits":
        return ""
    more = entry.drafters[0].on_gpu
    return "" if verdict.holds_besides(more) else f"Not with its drafter, {size(more)} more: get it --without-drafter."


def show_memory(context: int) -> int:
    """Say what has to be free for each set with ``context`` tokens, computed, whatever this machine has."""
    say(f"  {'':<18} {'download':>9} {'on a GPU':>9} {'without':>9}   with {context:,} tokens of context")
    for entry in CATALOGUE.values():
        gpu, cpu = (size(takes(entry.dimensions, context, device)) for device in get_args(Device))
        drafters = "".join(f" (+ {size(each.on_gpu)} for a drafter “{each.role}”)" for each in entry.drafters)
        say(f"  {entry.name:<18} {size(entry.download):>9} {gpu:>9} {cpu:>9}   {entry.title}{drafters}")
        least, whole = streaming(entry.dimensions, context), takes(entry.dimensions, context, "cuda")
        if (gpu_least := least.total + SPARE) < SLOWLY * whole:
            beside = f"at least, slowly, with {size(least.host)} of the computer's memory beside it"
            say(f"  {'':<18} {'':>9} {size(gpu_least):>9} {beside}")
    return 0


def _describe(hardware: Hardware) -> None:
    for gpu in hardware.gpus:
        say(f"{gpu.name}, driver {gpu.driver}: {size(gpu.free)} of {size(gpu.total)} free")
    say(hardware.remark or f"torch: {f'CUDA {hardware.torch_cuda}' if hardware.torch_cuda else 'CPU build'}")
    say(f"Memory: {size(hardware.ram_free)} of {size(hardware.ram)} free, {hardware.cores} cores")
    say(f"Disk: {size(hardware.disk_free)} free for {hardware.folder}")


def say(line: str) -> None:
    """Print a line; licences, names and sentences come from the Hub."""
    sys.stdout.write(printable(line) + "\n")
