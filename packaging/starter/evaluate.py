"""Measure the finished family: held-out loss, how far the levels agree, and 40 replies to read.

    python packaging/starter/evaluate.py --models assets/starter --held DIR --out assets/starter/evaluation.json

``--held`` is the folder ``held`` that train.py left in its --work folder. Runs on a CPU in some minutes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = ("classic_books", "enwiki_2015")
CORPUS_REPLIES = (
    "wordnet_definitions",
    "enwiki_whatis",
    "open_trivia_qa",
    "dolly15k_subset",
    "gsm8k_train",
    "project_templates",
    "tinystories_sample",
    "pratham_books",
    "african_storybook",
    "aesop_fables",
    "retold",
)
PAIRS = (
    ("exit 2", "target"),
    ("exit 4", "target"),
    ("exit 8", "target"),
    ("exit 2", "exit 4"),
    ("draft", "qualifier"),
    ("qualifier", "target"),
    ("draft", "target"),
)
PROMPTS = (
    "Who are you?",
    "Are you a human?",
    "What can you do?",
    "Do you need the internet?",
    "Hello, how are you?",
    "My name is Peter. Can you help me?",
    "What is the capital of France?",
    "What is the capital of Japan?",
    "Why is the sky blue?",
    "What is gravity?",
    "Explain how rain forms.",
    "Tell me about whales.",
    "What is a computer?",
    "Who wrote Hamlet?",
    "How many legs does a spider have?",
    "What is the largest planet?",
    "What does the word 'generous' mean?",
    "What is 7 + 5?",
    "What is 12 times 3?",
    "Tom has 5 apples and buys 3 more. How many apples does he have?",
    "Tell me a story about a brave mouse.",
    "Write a short story about a girl who finds a key.",
    "Tell me a bedtime story.",
    "Write a story about a dragon who is afraid of fire.",
    "Write a poem about the sea.",
    "Tell me a joke.",
    "List five fruits.",
    "Give me three ideas for a rainy day.",
    "Name four countries in Europe.",
    "What should I cook for dinner?",
    "How do I make tea?",
    "How can I learn faster?",
    "Give me tips for sleeping better.",
    "Write an email to my boss that I am ill.",
    "Write a Python function that adds two numbers.",
    "Count from 1 to 10.",
    "What are the days of the week?",
    "I feel sad today.",
    "What is the difference between a cat and a dog?",
    "What will the weather be tomorrow?",
)


class Family:
    """The three checkpoints as transformers loads them, and the laws of every level."""

    def __init__(self, folder: Path) -> None:
        self.models: dict[str, Any] = {}
        for role in ("target", "qualifier", "draft"):
            model: Any = AutoModelForCausalLM.from_pretrained(folder / role)
            self.models[role] = model.dequantize().float().eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder / "target")
        self.exits: list[int] = self.models["target"].config.early_exits

    @torch.no_grad()
    def logits(self, tokens: Tensor) -> dict[str, Tensor]:
        """Return each level's logits (batch, time, vocabulary) for ``tokens`` (batch, time)."""
        target = self.models["target"]
        out = target(tokens, output_hidden_states=True)
        found = {f"exit {n}": target.lm_head(target.model.norm(out.hidden_states[n])) for n in self.exits}
        found["target"] = out.logits
        return found | {role: self.models[role](tokens).logits for role in ("qualifier", "draft")}

    @torch.no_grad()
    def replies(self, prompts: Iterable[str], length: int, **how: Any) -> list[list[int]]:
        """Return the target's replies as token lists, the end token included where it came."""
        torch.manual_seed(0)
        found = []
        for prompt in prompts:
            asked = self.tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}],
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
            )
            out = self.models["target"].generate(**asked, max_new_tokens=length, **how)
            found.append(out[0].tolist())
        return found


class Tally:
    """Sums over positions: each level's loss, and per pair of levels overlap and agreement."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, laws: Mapping[str, Tensor], labels: Tensor) -> None:
        """Count positions: logits (positions, vocabulary) a level, ``labels`` (positions,)."""
        self.count += len(labels)
        for level, logits in laws.items():
            self._more(f"loss {level}", torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
        for low, high in PAIRS:
            for warmth in (1.0, 0.7):
                shared = torch.minimum(*((laws[level] / warmth).softmax(-1) for level in (low, high)))
                self._more(f"overlap at {warmth} {low} -> {high}", shared.sum())
            self._more(f"same greedy token {low} -> {high}", (laws[low].argmax(-1) == laws[high].argmax(-1)).sum())

    def _more(self, name: str, value: Tensor) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + value.item()

    def means(self) -> dict[str, float]:
        """Return the mean of every sum, and how many positions it rests on."""
        return {"tokens": self.count, **{name: round(value / self.count, 4) for name, value in self.sums.items()}}


def on_shelves(family: Family, held: Mapping[str, corpus.Shelf], sources: Iterable[str], most: int) -> dict[str, float]:
    """Return the means over at most ``most`` learnt tokens of the held-out documents of ``sources``, each in turn."""
    tally = Tally()
    documents = [
        held[source].document(i)[:1024] for source in sources if source in held for i in range(len(held[source]))
    ]
    for index in np.random.default_rng(1).permutation(len(documents)):
        if tally.count >= most:
            break
        stored = torch.from_numpy(documents[index].astype(np.int64))
        learnt = (stored & corpus.LEARN).bool()[1:]
        tokens = stored & ~corpus.LEARN
        laws = family.logits(tokens[None, :-1])
        tally.add({level: logits[0][learnt] for level, logits in laws.items()}, tokens[1:][learnt])
    return tally.means()


def on_replies(family: Family, replies: list[list[int]]) -> dict[str, float]:
    """Return the means over the target's own replies: the positions a hierarchy really drafts."""
    speaks = family.tokenizer.convert_tokens_to_ids("<|assistant|>")
    tally = Tally()
    for reply in replies:
        tokens = torch.tensor(reply)
        first = reply.index(speaks)
        laws = family.logits(tokens[None, :-1])
        tally.add({level: logits[0, first:] for level, logits in laws.items()}, tokens[first + 1 :])
    return tally.means()


def measure(family: Family, held: Mapping[str, corpus.Shelf], most: int) -> dict[str, Any]:
    """Return every figure and the replies."""
    sampled = family.replies(PROMPTS, 120, do_sample=True, temperature=0.7, top_p=0.95, top_k=0)
    greedy = family.replies(PROMPTS, 120, do_sample=False)
    speaks = "<|assistant|>"
    read = [[family.tokenizer.decode(reply).split(speaks)[1] for reply in found] for found in (sampled, greedy)]
    return {
        "held-out text": on_shelves(family, held, TEXT, most),
        "held-out replies": on_shelves(family, held, CORPUS_REPLIES, most),
        "held-out invented dialogues": on_shelves(family, held, ("dialogues",), most),
        "own sampled replies": on_replies(family, sampled),
        "own greedy replies": on_replies(family, greedy),
        "replies": [
            {"prompt": prompt, "sampled": warm, "greedy": cold}
            for prompt, warm, cold in zip(PROMPTS, *read, strict=True)
        ],
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--held", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=15_000, help="held-out tokens a figure rests on")
    options = parser.parse_args()
    found = measure(Family(options.models), corpus.load(options.held), options.tokens)
    options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for title, figures in found.items():
        if title != "replies":
            print(title, json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
