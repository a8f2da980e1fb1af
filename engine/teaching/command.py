"""``python -m engine teach``: makes a drafter for a model, on this machine, from what the model itself writes."""

from __future__ import annotations

import argparse
import gc
import json
import lzma
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import torch

from engine.architecture import Architecture
from engine.architecture.holding import Device
from engine.budget import free_memory
from engine.config import ModelSet
from engine.dimensions import read_dimensions
from engine.errors import SettingError, UpdraftError
from engine.events import finished
from engine.gpus import device_of, name_of
from engine.library.taught import keep
from engine.model import load
from engine.teaching import room
from engine.teaching.again import begun_with
from engine.teaching.course import Course
from engine.teaching.frozen import MOST_ROWS, Frozen, config_of
from engine.teaching.home import Asked, begun, folder_of, forget_texts, held, note
from engine.teaching.kinds import KINDS, Kind
from engine.teaching.plan import Plan
from engine.teaching.protocol import Ended, Said, Stopped
from engine.teaching.pupil import Pupil
from engine.teaching.saving import add_to_card, digests
from engine.teaching.steering import Steering, Stopping
from engine.teaching.talks import Talks
from engine.teaching.trial import Tried, try_out
from engine.teaching.trouble import in_words
from engine.tokenizer import ChatTokenizer

LONGEST_PROMPT = 256  # tokens
FEWEST = 32  # prompts
SMALL = {"rows": 8, "longest": 128, "batch": 1024, "places": 1000}  # what a processor can take
BATCHES = (8192, 4096, 2048)  # tokens a step, as many of them as a GPU holds
CACHES = 0.2  # of the free memory that replies under way may take
Turns = tuple[str, ...]  # what one person says of a conversation
AS_STORED, AS_RUN = "as these files have them", "as a GPU runs them, at 4 bits"  # that it learnt from
LICENCE = "As the model that it was taught by; begun with parts of that model, and taught on its answers"


def teach(arguments: argparse.Namespace, models: ModelSet, steering: Steering) -> None:
    """Teach ``models`` what was asked for and try it; kept where it makes answers faster. Raises UpdraftError.

    Started again for the same model it goes on where it was, however it ended; --fresh begins anew.
    """
    folder = folder_of(models.target, arguments.what)
    with in_words(models.name), held(folder):
        if arguments.fresh:
            shutil.rmtree(folder, ignore_errors=True)
        as_stored = _as_stored(arguments, models)
        asked = Asked(arguments.what, arguments.minutes, own=arguments.own is not None, as_stored=as_stored)
        note(folder, asked)
        try:
            ended = _through(arguments, models, folder, steering, as_stored=as_stored)
        except Stopping:
            steering.tell(Stopped())
            return
        note(folder, replace(asked, over=True))
        if asked.own:
            forget_texts(folder)
        steering.tell(ended)


def _as_stored(arguments: argparse.Namespace, models: ModelSet) -> bool:
    """Tell whether the weights are read as the files have them: as asked for, or as the course was begun.

    Raises SettingError where it was begun with others: its replies are theirs.
    """
    begins = (each.asked for each in begun(models.target) if each.spent > 0)
    before = next((each for each in begins if each.what == arguments.what), None)
    if before is None or before.as_stored:
        return bool(arguments.as_stored or before)
    if arguments.as_stored:
        raise SettingError("This was begun with the weights as the machine runs them.", "Begin anew with --fresh.")
    return False


def _through(
    arguments: argparse.Namespace, models: ModelSet, folder: Path, steering: Steering, *, as_stored: bool
) -> Ended:
    """Go through the whole course and its trial; raises Stopping where it is to leave off."""
    require_transformers()
    device, kind = device_of(arguments.device), KINDS[arguments.what]
    dimensions = read_dimensions(models.target)
    _suits(kind, models, dimensions.architecture, arguments)
    plan = replace(_plan(arguments, dimensions.architecture, device), few=kind.few)
    wanted = layers = arguments.layers or kind.layers(dimensions.architecture.layers)
    room.unbroken(device)
    free = free_memory(device)
    on: Device = "cuda" if device.type == "cuda" else "cpu"
    if device.type == "cuda":
        batches, least = (BATCHES if arguments.batch is None else (arguments.batch,)), arguments.layers or room.LEAST
        layers, batch = room.fitting(dimensions, kind, layers, batches, free, least, as_stored=as_stored)
        plan = replace(plan, batch=batch)
    needs = room.needed(dimensions, kind, layers, plan.batch, on, as_stored=as_stored)
    room.require(needs, free, models.name, on, as_stored=as_stored)
    plan = replace(plan, remembered=room.spare(free - needs, on))
    less = room.smaller(dimensions, kind, wanted, layers, plan.batch, as_stored=as_stored)
    if less:
        steering.tell(Said(less, stays=True))
    prompts = read_prompts(arguments.prompts)
    if arguments.own is not None:
        own = read_prompts(arguments.own, fewest=1)
        prompts = own + prompts[: max(len(own), FEWEST)]
    made = folder / "made"
    begin = partial(_beginning, kind, layers, arguments.initial)
    _taught(models, begin, device, plan, prompts, folder, made, steering, as_stored=as_stored)
    if arguments.out is not None:
        shutil.copytree(made, arguments.out, dirs_exist_ok=True)
    tried = try_out(models, kind, made, arguments.device, steering)
    for each in (made, arguments.out):
        if each is not None:
            add_to_card(each, {"measured": tried.measured(name_of(device))})
    kept, outcome = _kept(tried, models, kind, made, arguments.out)
    sentence = f"{tried.sentence()} {less}." if less else tried.sentence()
    return Ended(sentence, kept, outcome, str(made), tried.gain("plain")[0])


def _beginning(kind: Kind, layers: int, initial: Path | None, target: Frozen) -> Callable[..., Pupil]:
    """Return what begins one of that ``kind``: with the weights in ``initial``, or as ``target`` makes it."""
    begin = partial(kind.begin, target) if initial is None else begun_with(initial, kind.role, target)
    return partial(begin, layers=layers) if layers else begin


def _suits(kind: Kind, models: ModelSet, shape: Architecture, arguments: argparse.Namespace) -> None:
    """Raise SettingError where the kind is none for this model, or what was asked for none of this kind."""
    if shape.layers < kind.least:
        hint = f"Choose a model of {kind.least} layers or more."
        raise SettingError(f"{models.name} has too few layers to look into.", hint)
    if not kind.share and arguments.layers:
        raise SettingError(f"{kind.called.capitalize()} has layers of its own.", "Leave --layers out.")
    if arguments.out is None and (lacking := sorted(kind.needs - models.models.keys())):
        hint = f"Teach it a {lacking[0]} first."
        raise SettingError(f"{models.name} has no {lacking[0]} that {kind.called} could judge.", hint)


def require_transformers() -> None:
    """Raise UpdraftError where it is not installed."""
    if find_spec("transformers") is None:
        raise UpdraftError(
            "The Python package transformers, by which models are taught, is not installed.",
            "Install Updraft anew; in a checkout: python packaging/run.py.",
        )


def _plan(arguments: argparse.Namespace, shape: Architecture, device: torch.device) -> Plan:
    """Return the portions that suit the device: as many replies at a time as a share of a GPU's memory holds."""
    plan = Plan(60 * arguments.minutes, **({} if device.type == "cuda" else SMALL))
    if device.type == "cuda":
        token = 4 * shape.layers * shape.kv_heads * shape.head_dim  # bytes of keys and values in 16 bits
        fits = int(CACHES * free_memory(device) / (token * (LONGEST_PROMPT + plan.longest)))
        plan = replace(plan, rows=min(max(fits, 8), MOST_ROWS))
    return plan if arguments.batch is None else replace(plan, batch=arguments.batch)


def read_prompts(file: Path | None, fewest: int = FEWEST) -> list[Turns]:
    """Return the prompts in ``file``, or those that come with the program; raises SettingError where it has none.

    JSON lines of {"prompt": text}, compressed if it ends in .xz; or plain text, a prompt a line. A prompt that is a
    list of texts is what a person says turn by turn, each when the one before has been answered.
    """
    file = file or Path(str(files("assets") / "teaching" / "prompts.jsonl.xz"))
    try:
        with lzma.open(file, "rt", encoding="utf-8") if file.suffix == ".xz" else file.open(encoding="utf-8") as lines:
            found = [_prompt(line.strip()) for line in lines]
    except (OSError, ValueError, KeyError, TypeError, lzma.LZMAError) as error:
        raise SettingError(f"{file} cannot be read as prompts: {error}.", "Write one prompt a line.") from error
    found = [turns for turns in found if turns and all(turns)]
    if len(found) < fewest:
        raise SettingError(f"{file} has {len(found)} prompts.", f"Give it {fewest} or more: some are held out.")
    return found


def _prompt(line: str) -> Turns:
    said = json.loads(line)["prompt"] if line.startswith("{") else line
    return tuple(map(str, said)) if isinstance(said, list) else (str(said),)


def _taught(
    models: ModelSet,
    begin: Callable[[Frozen], Callable[..., Pupil]],
    device: torch.device,
    plan: Plan,
    prompts: Sequence[Turns],
    folder: Path,
    made: Path,
    steering: Steering,
    *,
    as_stored: bool,
) -> None:
    """Run the course and write what it made; gives all memory back."""
    tokenizer = ChatTokenizer(models.target, models.name)
    steering.tell(Said(f"reading {models.name}"))
    model = finished(load(models.target, device, dense_head=True, dense=as_stored))
    tokenizer.fit(model.vocabulary)
    target = Frozen(model, tokenizer.ends, config_of(models.target))
    talks = Talks(tokenizer, prompts, LONGEST_PROMPT)
    steered = partial(Course, clock=steering.clock, held_up=steering.held_up)
    course = steered(folder, target, talks.firsts, plan, begin(target), further=talks.further)
    if course.done:
        steering.tell(Said(f"going on from {course.done:.0%}"))
    for news in course.run():
        steering.tell(news)
    weights = AS_STORED if as_stored or device.type == "cpu" else AS_RUN
    course.finish(made, {"licence": LICENCE, "target": digests(models.target), "weights": weights})
    del course, target, model
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def _kept(tried: Tried, models: ModelSet, kind: Kind, made: Path, out: Path | None) -> tuple[bool, str]:
    """Give the drafter to the model it was taught by where it is faster; otherwise leave all as it was.

    Returns whether the model has it now, and a sentence or two on that.
    """
    if out is not None:
        return False, f"It lies in {out}."
    if not tried.keeps:
        why = "It is not clearly faster, so nothing was changed."
        return False, f"{why} It lies in {made}; more time would teach it more."
    keep(models.target, kind.role, made)
    return True, f"{models.name} has it now, as the method {kind.preset.title}."
