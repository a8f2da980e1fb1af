"""Make the starter's drafters, a head (EAGLE-3) and a block (DSpark), taught by it on its own replies, in one command.

    PYTHONPATH=. python packaging/starter/drafters.py --target DIR --prompts FILE --work DIR --out DIR --minutes 9
    ... --initial DIR          # go on from what lies there
    ... --evaluate             # only measure what lies in --out
    ... --pack DIR             # write what lies in --out there, small: NF4, as assets/smollm2 keeps it

Every GPU writes replies; then the first teaches the head and the second the block (one alone teaches both). The whole
ends by itself within --minutes, and leaves what it has got in --out every minute.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from drafting import Taught, new, read, readings
from lessons import joined, lessons, looks, placed
from llama import Llama
from pruned import read_target
from pupils import Pace
from replies import LEARN, Texts, gathered, held_out
from safetensors.torch import load_file, save_file
from shop import HELD, Shop, read_options, shared_out, usual, written
from students import commonest, list_files
from torch import Tensor

from engine.teaching import saving
from engine.teaching.rounding import parts_of

KINDS = ("head", "block")
FEW = 8192  # tokens that a drafter has a head for
LONG = 1280  # tokens of replies joined to a conversation
KEEP = 60  # seconds between two times that all is written
SHARD = 15 << 20  # bytes a file has at most
LICENCE = "Apache-2.0; begun with parts of SmolLM2-135M-Instruct, by Hugging Face, and taught on its replies"
NF4 = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}


def course(shop: Shop, target: Llama, learners: list[Taught], texts: Mapping[bool, Texts]) -> None:
    """Teach until there are only --ending seconds left, and leave what there is in --out every minute."""
    options, learnt = shop.options, texts[False]
    first, last = shop.passed(), 60 * options.minutes - options.ending
    pace, stored = Pace(shop.say), shop.passed()
    held = looks(texts[True], options.batch)

    def progress() -> float:
        return float((shop.passed() - first) / max(1.0, last - first))

    for epoch, tokens, said in lessons(learnt, options.batch, options.long):
        if (now := progress()) >= 1:
            break
        text, pace.epoch = read(target, tokens, said), epoch
        pace.tell(now, tokens.numel(), {learner.name: learner.learn(text, now) for learner in learners})
        if shop.passed() - stored >= options.keep:
            for learner in learners:
                told = learner.measured(readings(target, held), options.tokens // 8)
                shop.say(f"{learner.name} after {learner.steps} steps {told}")
                export(learner, shop, learnt)
            stored = shop.passed()
    for learner in learners:
        export(learner, shop, learnt)
        if skipped := int(learner.skipped):
            shop.say(f"{learner.name}: {skipped} steps were not finite and left out")


def work(options: argparse.Namespace, rank: int, world: int, began: float) -> None:
    """Do one process's part: write, teach, measure, and leave the drafters in --out."""
    shop = Shop(options, rank, world, began)
    if shop.device.type == "cuda":
        torch.cuda.set_device(shop.device)
    torch.set_float32_matmul_precision("high")
    target = read_target(options.target, shop.device)
    shop.say(f"read {options.target}")
    begin, found = written(shop, target)
    texts = gathered(found, begin, shop.device)
    if shop.device.type == "cuda":
        torch.cuda.empty_cache()  # what the caches of the replies took
    few, share = commonest(texts[False], options.few)
    learnt, kept = (len(texts[kind].lengths) for kind in (False, True))
    shop.say(f"{learnt} documents to learn from, {kept} held out; {len(few)} tokens are {share:.2%} of what is said")
    if not learnt:
        raise SystemExit("There is no reply to learn from: give it more time.")
    if rank == 0:
        tokens = np.concatenate([held_out(each) for each in found])
        np.savez_compressed(options.out / HELD, begin=np.array(begin), tokens=tokens)
    names = [options.only] if options.only else list(KINDS)[rank::world]
    learners = [begun(shop, target, name, few) for name in names]
    target.shape = replace(target.shape, exits=tapped(learners))
    course(shop, target, learners, texts)
    evaluate(shop, learners, texts[True])


def tapped(learners: list[Taught]) -> tuple[int, ...]:
    """Return the depths at which any of ``learners`` reads the target."""
    return tuple(sorted({tap for learner in learners for tap in learner.drafter.sizes.taps}))


def begun(shop: Shop, target: Llama, name: str, few: Tensor) -> Taught:
    """Return a drafter at its beginning, or as it lies in --initial."""
    options = shop.options
    settings = json.loads((options.target / "config.json").read_text(encoding="utf-8"))
    again = bool(options.initial) and (options.initial / name).is_dir()
    if again:
        stored = stored_in(options.initial / name)
        few = stored["d2t"] + torch.arange(len(stored["d2t"]))
        drafter = new(name, target, settings, few.to(shop.device), options.mask)
        saving.restore(drafter, stored)
        shop.say(f"{name}: goes on from {options.initial}")
    else:
        drafter = new(name, target, settings, few, options.mask)
    count = sum(each.numel() for each in drafter.parameters())
    shop.say(f"{name}: {count / 1e6:.1f} M parameters, reads layers {drafter.sizes.taps}")
    pace = options.paces[shop.rank % len(options.paces)]
    learner = Taught(name, drafter, target, pace, again=again)
    if again and (options.initial / name / "card.json").exists():
        learner.before = json.loads((options.initial / name / "card.json").read_text(encoding="utf-8")).get(
            "courses", []
        )
    return learner


def evaluate(shop: Shop, learners: list[Taught], held: Texts) -> None:
    """Measure ``learners`` on the held-out replies, and on conversations joined of them."""
    options = shop.options
    found = looks(held, options.batch)
    rows = max(1, options.batch // options.long)
    long, places = [], placed(held)
    size = max(1, len(places) // 8)
    for first in range(0, len(places), size):
        which = places[first : first + size]
        count = max(1, sum(each for _, each in which) // options.long)
        long.append(joined(held, which, min(rows, count), options.long))
    for learner in learners:
        for name, texts in (("alone", found), ("in conversations", long)):
            learner.evaluation[name] = learner.measured(readings(learner.target, texts), options.tokens)
            shop.say(f"{learner.name}, {name}: {json.dumps(learner.evaluation[name])}")
        write_card(options.out / learner.name, learner.evaluation)


def export(learner: Taught, shop: Shop, learnt: Texts) -> None:
    """Write a drafter as it is to --out, in bfloat16 and files of no more than SHARD bytes; nothing is ever halved."""
    folder = shop.options.out / learner.name
    fresh, old = folder.with_suffix(".new"), folder.with_suffix(".old")
    for each in (fresh, old):
        shutil.rmtree(each, ignore_errors=True)
    fresh.mkdir(parents=True)
    shards: list[dict[str, Tensor]] = [{}]
    for name, weight in saving.weights(learner.drafter).items():
        part = (weight.bfloat16() if weight.is_floating_point() else weight).cpu().contiguous()
        if part.nbytes + sum(each.nbytes for each in shards[-1].values()) > SHARD:
            shards.append({})
        shards[-1][name] = part
    for number, shard in enumerate(shards, 1):
        save_file(shard, fresh / f"state-{number}.safetensors")
    course = {
        "target": {file.name: digest(file) for file in sorted(shop.options.target.glob("*.safetensors"))},
        "steps": learner.steps,
        "tokens of replies": int((learnt.tokens & LEARN > 0).sum()),
        "tokens read": learner.tokens,
    }
    said = {"licence": LICENCE, "courses": [*learner.before, course]}
    (fresh / "config.json").write_text(json.dumps(saving.description(learner.drafter), indent=1) + "\n")
    (fresh / "card.json").write_text(json.dumps(said, indent=1) + "\n")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def write_card(folder: Path, evaluation: Mapping[str, Any]) -> None:
    """Put down on the card in ``folder`` how well its drafter guesses."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    (folder / "card.json").write_text(json.dumps(card | {"held out": evaluation}, indent=1) + "\n", encoding="utf-8")


def stored_in(folder: Path) -> dict[str, Tensor]:
    """Return the tensors that ``export`` wrote to ``folder``."""
    return {name: part for file in sorted(folder.glob("state-*")) for name, part in load_file(file).items()}


def digest(file: Path) -> str:
    """Return the SHA-256 of ``file``."""
    return sha256(file.read_bytes()).hexdigest()


def there(options: argparse.Namespace) -> Iterator[tuple[Shop, Taught]]:
    """Give the drafters that lie in --out, one after another."""
    shop = Shop(options, 0, 1, time.time())
    target = read_target(options.target, shop.device)
    for name in KINDS:
        if (options.out / name).is_dir():
            given = argparse.Namespace(**(vars(options) | {"initial": options.out}))
            learner = begun(replace(shop, options=given), target, name, torch.empty(0))
            target.shape = replace(target.shape, exits=tapped([learner]))
            yield shop, learner


def evaluate_again(options: argparse.Namespace) -> None:
    """Measure what lies in --out on the held-out replies beside it."""
    stored = np.load(options.out / HELD)
    for shop, learner in there(options):
        texts = gathered([stored["tokens"]], stored["begin"].tolist(), shop.device)
        evaluate(shop, [learner], texts[True])


def pack(options: argparse.Namespace) -> None:
    """Write what lies in --out to --pack: matrices as NF4, a description and a card."""
    for _, learner in there(options):
        folder = options.pack / learner.name
        stored = saving.weights(learner.drafter)
        parts = {"d2t": stored["d2t"]}
        for name, weight in stored.items():
            if weight.is_floating_point():
                whole = weight.ndim == 2 and weight.shape[0] > 1
                parts |= parts_of(name, weight) if whole else {name: weight.float()}
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "model.safetensors"
        save_file({name: part.cpu().contiguous() for name, part in parts.items()}, file, metadata={"format": "pt"})
        file.chmod(0o644)
        described = saving.description(learner.drafter) | {"quantization_config": NF4}
        (folder / "config.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        shutil.copyfile(options.out / learner.name / "card.json", folder / "card.json")
    list_files(options.pack)


def main(given: list[str] | None = None) -> None:
    """Run the stages, one process a GPU."""
    began = time.time()
    options = arguments(given)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.pack:
        return pack(options)
    if options.evaluate:
        return evaluate_again(options)
    shared_out(work, options, 1 if options.only else len(KINDS), began)
    print(f"done after {time.time() - began:.0f} s", flush=True)
    return None


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = usual(__doc__, "drafters", KINDS, ending=20, writing=0.24, batch=16_384, tokens=90_000)
    parser.add_argument("--long", type=int, default=LONG, help="tokens of a conversation joined of replies")
    parser.add_argument("--few", type=int, default=FEW, help="tokens that a drafter has a head for")
    parser.add_argument("--mask", type=int, default=16, help="the token that means one not known yet to a block")
    parser.add_argument("--keep", type=float, default=KEEP, help="seconds between two times that all is written")
    parser.add_argument("--pack", type=Path, help="only write what lies in --out there, small")
    options = read_options(parser, given)
    if options.dry_run:
        options.long, options.tokens = 128, 200
    return options


if __name__ == "__main__":
    main()
