"""How well what drafts for the starter guesses for it as a processor runs it, in replies that nobody learnt from.

    PYTHONPATH=. python packaging/starter/overlaps.py --model DIR [--prompts FILE] [--count 60] [--longest 160]

``--model``: a folder with the starter as ``target`` and its drafters beside it, or nothing but some of them.
``--prompts``: as asked.py writes them, of which those marked as held out are asked; otherwise everyday questions. The
starter's weights are those of its file, in float32; replies are drawn at 0.7, at which laws are compared as well.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engine.dimensions import DRAFT_VOCABULARY
from engine.events import finished
from engine.model import load
from engine.prompts import PROMPTS
from engine.teaching.again import begun_with, taken_up
from engine.teaching.agreement import SHARP
from engine.teaching.draft import Draft, pruned
from engine.teaching.frozen import Frozen, config_of
from engine.teaching.pupil import Text
from engine.teaching.replies import Document, batched
from engine.teaching.trial import QUESTIONS
from engine.tokenizer import ChatTokenizer

CPU, BATCH = torch.device("cpu"), 2048
SHOWN = ("overlap", "noise", "greedy")


def held_out(file: Path | None) -> list[str]:
    """Return the prompts in ``file`` that are marked as held out; without one, everyday questions."""
    if file is None:
        return [*QUESTIONS, *PROMPTS]
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        found = [each["prompt"] for each in map(json.loads, lines) if each.get("held")]
    return [each if isinstance(each, str) else each[0] for each in found]  # of a conversation its first turn


def opened(folder: Path, ends: Collection[int] = ()) -> Frozen:
    """Return the model in ``folder`` with the weights of its files, in float32."""
    return Frozen(finished(load(folder, CPU)), ends, config_of(folder))


def texts_of(target: Frozen, prompts: Sequence[Sequence[int]], longest: int, taps: Sequence[int]) -> list[Text]:
    """Return what ``target`` replies to ``prompts``, as it reads it."""
    said = target.write(prompts, [SHARP] * len(prompts), longest, lambda: False)
    whole = [Document((*asked, *reply), len(asked)) for asked, reply in zip(prompts, said, strict=True) if reply]
    return [target.read(*each, taps) for each in batched(whole, BATCH)]


def found(models: Path, prompts: Sequence[str], longest: int, seed: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give what is compared, and how well it agrees, as ``measured`` says it, for all drafters in ``models``."""
    folder = models / "target"
    tokenizer = ChatTokenizer(folder, "the starter")
    rendered = [tokenizer.render([("user", prompt)]) for prompt in prompts]
    target = opened(folder, tokenizer.ends)
    head, exits = (models / role for role in ("head", "exits"))
    learner = taken_up(target, head, 1.0) if head.is_dir() else None
    adapters = begun_with(exits, "exits", target)(torch.empty(0)) if exits.is_dir() else None
    taps = sorted({tap for each in (learner, adapters) if each for tap in each.taps})
    torch.manual_seed(seed)  # only now: what was made so far has drawn, and not every folder holds the same
    texts = texts_of(target, rendered, longest, taps)
    places = sum(int(text.said.sum()) for text in texts)
    yield from of_models(models, target, texts, places)
    if learner:
        yield "head, starter", learner.measured(texts, places, stored=False)
    if adapters:
        yield "exits, starter", (told := adapters.measured(texts, places))
        yield "exit, next exit", {"places": told["places"], **told["of the next"]}


def of_models(models: Path, target: Frozen, texts: list[Text], places: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give how well the smaller models agree with ``target``, and the draft with the qualifier."""
    small = {role: opened(models / role) for role in ("qualifier", "draft") if (models / role).is_dir()}
    learners = {role: small_model(models / role, each, target) for role, each in small.items()}
    for role, learner in learners.items():
        yield f"{role}, starter", learner.measured(texts, places, stored=False)
    if len(small) == 2:
        above = small["qualifier"]
        read = [replace(each, last=above.read(each.tokens, each.said, ()).last) for each in texts]
        yield "draft, qualifier", learners["draft"].measured(read, places, stored=False)


def small_model(folder: Path, model: Frozen, target: Frozen) -> Draft:
    """Return ``model`` as what is taught, a draft where ``folder`` says for which tokens it is read."""
    file = folder / DRAFT_VOCABULARY
    few = torch.tensor(json.loads(file.read_text("utf-8")) if file.is_file() else range(len(target.ends.head)))
    return Draft(target, pruned(model, range(model.shape.layers)), few, drafts=file.is_file())


def main(given: Sequence[str] | None = None) -> None:
    """Print a line for every pair."""
    options = arguments(given)
    prompts = held_out(options.prompts)[: options.count]
    print(f"{len(prompts)} prompts, replies of up to {options.longest} tokens, temperature {SHARP}")
    print(f"{'':<22}{'places':>8}  {'overlap':<32}{'same noise':<32}same likeliest")
    for pair, told in found(options.model, prompts, options.longest, options.seed):
        figures = "".join(f"{' '.join(f'{value:.3f}' for value in told[name]):<32}" for name in SHOWN)
        print(f"{pair:<22}{told['places']:>8,}  {figures}".rstrip(), flush=True)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the starter and its drafters, a folder each")
    parser.add_argument("--prompts", type=Path, help="as asked.py writes them (default: everyday questions)")
    parser.add_argument("--count", type=int, default=60, help="prompts at most (default: %(default)s)")
    parser.add_argument("--longest", type=int, default=160, help="tokens of a reply at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the replies (default: %(default)s)")
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
