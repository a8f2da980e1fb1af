"""Make the starter's draft and qualifier: layers of the target, taught by it on its own replies, in one command.

    python packaging/starter/students.py --target DIR --prompts FILE --work DIR --out DIR --minutes 9
    python packaging/starter/students.py --target DIR --out DIR --evaluate       # only measure what lies in --out
    python packaging/starter/students.py ... --only qualifier --initial DIR --paces 1 2    # one of them, on from DIR

Every GPU writes replies; then the students are shared out among them. The whole ends by itself within --minutes. What
is written holds no embedding: that is the target's, and put in where the starter is prepared.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import fourbit
import numpy as np
import torch
from llama import Llama
from pruned import fill, pruned, read_target
from pupils import Pupil, course, measured
from replies import LEARN, Texts, gathered, held_out
from shop import HELD, Shop, read_options, shared_out, usual, written
from torch import Tensor

LAYERS = {"draft": (0, 1, 2, 28, 29), "qualifier": (0, 1, 2, 3, 4, 5, 6, 7, 26, 27, 28, 29)}
FEW = 16_384  # tokens the draft is read for


def commonest(texts: Texts, keep: int) -> tuple[Tensor, float]:
    """Return the ``keep`` commonest tokens of the replies, in order of their numbers, and the share they are of all."""
    said = texts.tokens[texts.tokens & LEARN > 0] & (LEARN - 1)
    counts = said.bincount()
    chosen = counts.argsort(descending=True)[:keep]
    chosen = chosen[counts[chosen] > 0]
    return chosen.sort().values, float(counts[chosen].sum()) / float(counts.sum())


def work(options: argparse.Namespace, rank: int, world: int, began: float) -> None:
    """Do one process's part: write, teach, and leave the students in --out."""
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
    few, share = commonest(texts[False], FEW)
    learnt, kept = (len(texts[kind].lengths) for kind in (False, True))
    shop.say(f"{learnt} documents to learn from, {kept} held out; {len(few)} tokens are {share:.2%} of what is said")
    names = [options.only] if options.only else list(LAYERS)[rank::world]
    pupils = [_pupil(shop, target, name, few) for name in names]
    first, last = shop.passed(), 60 * options.minutes - options.ending
    if rank == 0:
        tokens = np.concatenate([held_out(each) for each in found])
        np.savez_compressed(options.out / HELD, begin=np.array(begin), tokens=tokens)

    def progress() -> float:
        return float((shop.passed() - first) / max(1, last - first))

    course(target, pupils, texts, options.batch, progress, shop.say, lambda pupil: export(pupil, shop))


def _pupil(shop: Shop, target: Llama, name: str, few: Tensor) -> Pupil:
    """Return a student at its beginning: layers of the target, or what there is of it in --initial."""
    options, model = shop.options, pruned(target, _kept(target, name))
    if options.initial:
        stored = fourbit.restore(options.initial / name)
        weights = {f"model.{key}": weight for key, weight in model.named_parameters()}
        fill(model, weights | {key: value.to(shop.device) for key, value in stored.items()})
        shop.say(f"{name}: {len(stored)} of {len(weights)} weights from {options.initial}")
    paces = options.paces
    return Pupil(name, model, few if name == "draft" else None, paces[shop.rank % len(paces)])


def _kept(target: Llama, name: str) -> tuple[int, ...]:
    """Return the layers a student keeps: those of LAYERS, or as many at the ends of a target that is not so deep."""
    places, depth = LAYERS[name], target.shape.layers
    return places if places[-1] < depth else (*range(len(places) // 4), depth - 1)


def export(pupil: Pupil, shop: Shop) -> None:
    """Write a student: its layers, its description, and the tokens a draft is read for.

    Where every process has --only the same one, the first one's has its name and the others' have a number behind it.
    """
    options = shop.options
    folder = options.out / (f"{pupil.name}-{shop.rank}" if options.only and shop.rank else pupil.name)
    fourbit.save({f"model.{key}": value for key, value in pupil.weights().items()}, folder)
    settings = json.loads((options.target / "config.json").read_text(encoding="utf-8"))
    settings["num_hidden_layers"] = len(pupil.model.layers)
    (folder / "config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    if pupil.few is not None:
        tokens = json.dumps(pupil.few.tolist(), separators=(",", ":"))
        (folder / "draft_vocabulary.json").write_text(tokens + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in folder.iterdir())
    shop.say(f"{pupil.name}: {size / 1e6:.1f} MB in {folder}, overlap {pupil.best:.4f}")


def evaluated(options: argparse.Namespace) -> dict[str, Any]:
    """Return the overlaps of the students as they lie in --out, on the held-out replies beside them."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    target = read_target(options.target, device)
    stored = np.load(options.out / HELD)
    texts = gathered([stored["tokens"]], stored["begin"].tolist(), device)[True]
    students: dict[str, tuple[Llama, Tensor | None]] = {}
    for name in LAYERS:
        folder, few = options.out / name, None
        if not (folder / "config.json").exists():  # one was taught alone
            continue
        weights: dict[str, Tensor] = {key: value.to(device) for key, value in fourbit.restore(folder).items()}
        layers = json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"]
        model = pruned(target, range(layers))
        fill(model, weights | {"model.embed_tokens.weight": model.embed_tokens.weight})
        if (folder / "draft_vocabulary.json").exists():
            few = torch.tensor(json.loads((folder / "draft_vocabulary.json").read_text("utf-8")), device=device)
        students[name] = (model, few)
    return measured(target, students, texts, options.tokens)


def _files(out: Path) -> list[Path]:
    return sorted(file for name in (*LAYERS, "head", "block", "exits") for file in (out / name).glob("*"))


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()  # as engine/library/students.py reads it


def list_files(out: Path) -> None:
    """Write students.json, which says what the files in ``out`` are."""
    listed = {"files": {file.relative_to(out).as_posix(): _digest(file) for file in _files(out)}}
    (out / "students.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")


def main(given: list[str] | None = None) -> Mapping[str, Any]:
    """Run the stages, one process a GPU, and print what came of it."""
    began = time.time()
    options = arguments(given)
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.evaluate:
        shared_out(work, options, len(LAYERS), began)
    found = evaluated(options)
    print(json.dumps(found, indent=1), flush=True)
    (options.out / "evaluation.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    list_files(options.out)
    print(f"done after {time.time() - began:.0f} s", flush=True)
    return found


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = usual(__doc__, "students", LAYERS, ending=25, writing=0.28, batch=32_768, tokens=40_000)
    return read_options(parser, given)


if __name__ == "__main__":
    main()
