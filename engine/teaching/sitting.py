"""``python -m engine teach --on``: one session in which a drafter learns on from what its model wrote for this user."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import torch
from platformdirs import user_data_path

from engine.architecture.holding import Device
from engine.budget import free_memory, whole_memory
from engine.config import ModelSet, Role
from engine.dimensions import Dimensions, read_dimensions
from engine.errors import SettingError, TemplateError
from engine.events import finished
from engine.files import read_object, replace_file
from engine.gpus import device_of
from engine.model import load
from engine.teaching import room
from engine.teaching.again import taken_up
from engine.teaching.command import LICENCE, SMALL, read_prompts, require_transformers
from engine.teaching.frozen import Frozen, config_of
from engine.teaching.home import held
from engine.teaching.kinds import KINDS, Kind
from engine.teaching.lately import Answer, Turns, answers
from engine.teaching.learnt import DRAFTER, LEARNS, Learnt, mark_of, note, noted, place
from engine.teaching.onward import PACE, Lately, Onward
from engine.teaching.plan import Plan
from engine.teaching.protocol import Ended, Said, Stopped
from engine.teaching.pupil import RIGHT
from engine.teaching.replies import Document
from engine.teaching.saving import digests
from engine.teaching.steering import Steering, Stopping
from engine.teaching.trial import try_out
from engine.teaching.trouble import in_words
from engine.tokenizer import ChatTokenizer

MOST = 600  # answers that are looked at, the newest
FEWEST, FEWEST_HELD = 12, 3  # answers: to learn from, and held out
NEW = 4  # answers to learn from since the last session, before there is another one
COUNTS = 0.002  # of guesses that have to be right besides, for what was learnt to be used: less may be chance
LONGEST = 1536  # tokens of a conversation; of a longer one the oldest turns are left out
LONGEST_PROMPT = 256  # tokens of one of our own prompts
OURS = 1000  # of our prompts; more are never needed
FRESH = "fresh"  # what is written until it is used
UNTIMED = 0.0  # the gain of what was not timed
UNCHANGED = "Nothing was changed."
KEPT = "What it learnt is used from the next time the model is loaded."
LITTLE = "That is too little to count: the untouched one stays in use, and the next session goes on from here."
DROPPED = "It guesses no better than before, so what it learnt was dropped."
REMEMBERED = 1 << 29  # bytes of what the target made of texts that are kept in memory: it is slow on a processor
LARGE = {"rows": 32, "batch": 4096}  # what a GPU takes
BATCHES = (LARGE["batch"], 2048)  # tokens a step: of an 8B's head 13.0 and 10.8 GB, and 12 have to do


def learn_on(arguments: argparse.Namespace, models: ModelSet, steering: Steering) -> None:
    """Let a drafter of ``models`` learn on for a while; used afterwards only if it guesses better. Raises UpdraftError.

    Stopped, it goes on from there another time. It reads the target a second time if one is loaded elsewhere: where
    both do not fit it raises NoRoom, with nothing loaded, and who has the other one may unload it and begin again.
    """
    role = _role(models, arguments.what)
    folder = place(models.target, role)
    with in_words(models.name), held(folder):
        try:
            ended = _through(arguments, models, role, folder, steering)
        except Stopping:
            steering.tell(Stopped())
            return
        steering.tell(ended)


def _role(models: ModelSet, asked: Role) -> Role:
    """Return which drafter is to learn: the one ``asked`` for, else the other kind that can."""
    for role in (asked, *LEARNS):
        if role in LEARNS and role in models.models:
            return role
    raise SettingError(f"{models.name} has no drafter that learns on.", "Teach it one first: a head or a block.")


def _through(arguments: argparse.Namespace, models: ModelSet, role: Role, folder: Path, steering: Steering) -> Ended:
    """Go through a session; raises Stopping where it is to leave off."""
    require_transformers()
    untouched = models.models[role]
    mark = mark_of(untouched)
    _begin_anew_for(folder, mark)
    before = noted(folder)
    used = before is not None and before.used
    found = answers(arguments.chats or user_data_path("Updraft", appauthor=False), models.name)[-MOST:]
    apart = sum(answer.held for answer in found)
    if len(found) - apart < FEWEST or apart < FEWEST_HELD:
        told = f"There are {len(found)} answers by {models.name}; learning on takes about {FEWEST + 4} or more."
        return Ended(told, used, UNCHANGED, str(folder), UNTIMED)
    seen = sha256(repr(found).encode()).hexdigest()
    if before is not None and (before.seen == seen or 0 <= len(found) - apart - before.answers < NEW):
        return Ended("There are too few new answers to learn from.", used, UNCHANGED, str(folder), UNTIMED)
    course = _course(arguments, models, role, folder, found, steering)
    for news in course.run():
        steering.tell(news)
    rates = right(course.untouched), right(course.best)
    learnt = Learnt(len(found) - apart, *rates, rates[1] - rates[0] >= COUNTS, mark, seen)
    sentence = (
        f"Learnt from {learnt.answers} answers. Of {len(course.mixed.held)} others a guess is right {rates[1]:.1%} of "
        f"the time; untouched, {rates[0]:.1%}."
    )
    gain = UNTIMED
    if learnt.used:
        card = {"licence": LICENCE, "target": digests(models.target), "learnt on from answers": learnt.answers}
        course.write(folder / FRESH, card, four_bits=_four_bits(untouched))
        if arguments.timed:
            tried = try_out(models, KINDS[role], folder / FRESH, arguments.device, steering)
            learnt, gain = replace(learnt, used=tried.gain("old")[0] > 1), tried.gain("plain")[0]
            sentence += f" {tried.sentence()}"
    course.close()
    _keep(folder, learnt)
    return Ended(
        sentence, learnt.used, KEPT if learnt.used else LITTLE if course.better else DROPPED, str(folder), gain
    )


def _begin_anew_for(folder: Path, mark: str) -> None:
    """Delete what lies in ``folder`` unless the drafter of that ``mark`` learnt it."""
    file = folder / "of"
    if not (file.is_file() and file.read_text(encoding="utf-8") == mark):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(file, mark.encode())


def _course(
    arguments: argparse.Namespace,
    models: ModelSet,
    role: Role,
    folder: Path,
    found: list[Answer],
    steering: Steering,
) -> Onward:
    """Read the target, and return the course of ``found`` with the drafter of that ``role``."""
    device, untouched, dimensions = device_of(arguments.device), models.models[role], read_dimensions(models.target)
    plan = Plan(60 * arguments.minutes, **(LARGE if device.type == "cuda" else SMALL))
    batches = (arguments.batch,) if arguments.batch else BATCHES if device.type == "cuda" else (plan.batch,)
    room.unbroken(device)
    batch, remembered = _portions(models.name, dimensions, KINDS[role], batches, device)
    plan = replace(plan, batch=batch, remembered=remembered)
    tokenizer = ChatTokenizer(models.target, models.name)
    steering.tell(Said(f"reading {models.name}"))
    model = finished(load(models.target, device, dense_head=True))
    tokenizer.fit(model.vocabulary)
    target = Frozen(model, tokenizer.ends, config_of(models.target))
    learnt, apart = (
        list(documents([each for each in found if each.held == held], tokenizer)) for held in (False, True)
    )
    ours = read_prompts(arguments.prompts)
    prompts = [tokenizer.render([("user", turns[0])]) for turns in Random(0).sample(ours, min(OURS, len(ours)))]
    return Onward(
        folder,
        target,
        Lately(learnt, _enough(apart, plan.places)),
        [each for each in prompts if len(each) <= LONGEST_PROMPT],
        plan,
        partial(taken_up, target, untouched, PACE),
        rounds=_four_bits(untouched) or device.type == "cuda",
        clock=steering.clock,
        held_up=steering.held_up,
    )


def _portions(
    name: str, target: Dimensions, kind: Kind, batches: Sequence[int], device: torch.device
) -> tuple[int, int]:
    """Return which of ``batches`` fits ``device``, in tokens, and in how many bytes texts may be remembered beside it.

    Raises DeviceError where not even the last one fits.
    """
    on: Device = "cuda" if device.type == "cuda" else "cpu"
    free = free_memory(device)
    _, batch = room.fitting(target, kind, 0, batches, free)
    needs = room.needed(target, kind, 0, batch, on)
    room.require(needs, free, name, on, whole=whole_memory(device))
    return batch, min(REMEMBERED, room.spare(free - needs, on))


def documents(found: Iterable[Answer], tokenizer: ChatTokenizer) -> Iterator[Document]:
    """Give ``found`` as tokens, those left out that the model's template or its length does not take."""
    for answer in found:
        turns = answer.turns
        with suppress(TemplateError):
            while (document := _document(turns, answer.text, tokenizer)) is None and len(turns) > 2:
                turns = turns[:1] + turns[3:] if turns[0][0] == "system" else turns[2:]
            if document is not None and len(document.tokens) > document.reply:
                yield document


def _enough(found: list[Document], places: int) -> list[Document]:
    """Return some of ``found``, long and short ones, with about so many tokens of replies: more are not looked at."""
    chosen: list[Document] = []
    for each in Random(0).sample(found, len(found)):
        if places > 0:
            chosen.append(each)
        places -= len(each.tokens) - each.reply
    return chosen


def _document(turns: Turns, text: str, tokenizer: ChatTokenizer) -> Document | None:
    """Return the answer behind its conversation, cut to LONGEST; None where the conversation alone is longer."""
    prompt = finished(tokenizer.rendering(turns))
    begins = len(tokenizer.encode(prompt))
    return Document(tuple(tokenizer.encode(prompt, text)[:LONGEST]), begins) if begins < LONGEST else None


def _four_bits(drafter: Path) -> bool:
    """Tell whether the files of ``drafter`` hold its matrices at 4 bits: what it learns is written likewise."""
    return "quantization_config" in read_object(drafter / "config.json")


def _keep(folder: Path, learnt: Learnt) -> None:
    """Put what was written in the place of what was used before, or use the untouched drafter again."""
    shutil.rmtree(folder / DRAFTER, ignore_errors=True)
    if learnt.used:
        (folder / FRESH).rename(folder / DRAFTER)
    note(folder, learnt)


def right(measured: Mapping[str, Any]) -> float:
    """Return how often a guess is right, over all its places, 0 to 1."""
    return fmean(measured[RIGHT])
