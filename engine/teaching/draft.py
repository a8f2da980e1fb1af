"""A small model of some of the target's own layers, the first and the last of them, that learns to speak as it does.

It reads and writes by the target's embedding and head, which stay as they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.dimensions import DRAFT_VOCABULARY
from engine.files import read_object
from engine.teaching.agreement import Disagreement, Goal, judged
from engine.teaching.frozen import Frozen
from engine.teaching.optimising import FURTHER, Optimised
from engine.teaching.pupil import Text
from engine.teaching.rounding import rounded

SHARE = 0.5  # of a batch's positions, another random half each time, that the loss is taken at
GUESSES = 4  # tokens in a row that its worth is reckoned with
BESIDE = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json", "LICENSE")


def kept(depth: int, count: int) -> tuple[int, ...]:
    """Return which of ``depth`` layers a model of ``count`` has: a third are the last ones, the others the first."""
    count = max(2, min(count, depth))
    last = round(count / 3)
    return (*range(count - last), *range(depth - last, depth))


def thinned(depth: int, count: int) -> tuple[int, ...]:
    """Return which of its ``depth`` layers a model that was made so keeps when it is to have ``count``.

    The middle ones go: of the starter's qualifier of twelve, two of the first eight, its fifth and sixth, were missed
    least (overlap .58 before it learnt on, .52 without the eighth and ninth, .00 without the tenth and eleventh).
    """
    first = round(0.4 * count)
    return (*range(first), *range(depth - count + first, depth))


def pruned(source: Frozen, layers: Sequence[int]) -> Any:
    """Return transformers' model of copies of those ``layers`` of ``source``, float32 and without an embedding."""
    whole = source.inner
    config = deepcopy(whole.config)
    config.num_hidden_layers = len(layers)
    if types := getattr(config, "layer_types", None):
        config.layer_types = [types[place] for place in layers]
    with torch.device("meta"):
        found = type(whole)(config)
    with source.device:
        found.rotary_emb = type(whole.rotary_emb)(config)  # computed, so not among the weights
    found.embed_tokens = nn.Identity()
    for layer, place in zip(found.layers, layers, strict=True):
        layer.load_state_dict(source.copied(place), assign=True)
    found.norm.load_state_dict({"weight": source.norm.float().clone()}, assign=True)
    return found.requires_grad_(requires_grad=True).train()


class Draft(Optimised):
    """A small model with its optimisers: a Pupil. It learns the law of all tokens."""

    taps = ()
    guesses = GUESSES

    def __init__(self, target: Frozen, model: Any, few: Tensor, *, drafts: bool = True) -> None:
        """``few``: the tokens it is judged by and read for where it only ``drafts``."""
        matrices = [each for each in model.layers.parameters() if each.ndim == 2]
        super().__init__(model, matrices, FURTHER)
        if self.large:
            model.gradient_checkpointing_enable()
        self.model, self.folder, self.ends = model, target.folder, target.ends
        self.few, self.drafts = few.to(target.device), drafts

    @property
    def size(self) -> int:
        """See Pupil."""
        read = len(self.few) if self.drafts else len(self.ends.head)
        return super().size + read * self.ends.head.shape[1]

    def states(self, text: Text) -> Tensor:
        """Return what its head reads, (rows, time, width) float32."""
        embedded = self.ends.embedded(text.tokens)
        with text.bfloat16():
            found: Tensor = self.model(inputs_embeds=embedded, use_cache=False).last_hidden_state
        return found.float()

    def learn(self, text: Text, progress: float) -> Tensor:
        """Take one step; returns the loss."""
        chosen = text.said & (torch.rand(text.said.shape, device=text.said.device) < SHARE)
        goal = Goal(text.last[chosen][:, None], self.ends.head)
        with self.worn(progress):
            states = self.states(text)[chosen][None, :, None]
            counts = torch.ones(states.shape[:3], device=states.device)
            loss, _ = Disagreement.of(states, self.ends.head, goal, counts, self.share(progress))
            torch.autograd.backward(loss)
        self.move(progress)
        self.tokens += text.tokens.numel()
        return loss.detach()

    @torch.no_grad()
    def measured(self, texts: Iterable[Text], most: int, *, stored: bool = True) -> dict[str, Any]:
        """See Pupil; ``stored``: as it is with its weights at 4 bits."""
        found: dict[str, list[Tensor]] = {"states": [], "goal": [], "said": []}
        count = 0
        with rounded(self.stored) if stored else nullcontext():
            for text in texts:
                found["states"].append(self.states(text)[text.said].to(self.ends.head.dtype))  # as they are read
                found["goal"].append(text.last[text.said])
                found["said"].append(text.tokens[:, 1:][text.said[:, :-1]])
                count += len(found["said"][-1])
                if count >= most:
                    break
        states, last, said = (torch.cat(each)[:most] for each in found.values())
        few = self.few if self.drafts else None
        table = self.ends.head if few is None else self.ends.head[few]
        shaped = states[None, :, None], said[None, :, None]
        valid = torch.ones_like(shaped[1], dtype=torch.bool)
        told = judged(shaped[0], table, Goal(last[:, None], self.ends.head, few), valid, shaped[1])
        return {"places": len(said), **told}

    def state(self) -> dict[str, Any]:
        """See Pupil."""
        return super().state() | {"few": self.few, "layers": len(self.model.layers)}

    def weights(self) -> dict[str, Tensor]:
        """See Pupil."""
        return {name: weight.detach() for name, weight in self.model.named_parameters()}

    @torch.no_grad()
    def take(self, weights: Mapping[str, Tensor]) -> None:
        """See Pupil."""
        for name, weight in self.model.named_parameters():
            weight.copy_(weights[name])

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write it to ``folder`` as a checkpoint like the target's, in bfloat16, with its ``card`` as card.json."""
        folder.mkdir(parents=True, exist_ok=True)
        described = config_of(self.folder, self.model.config)
        learnt = {f"model.{name}": weight for name, weight in self.weights().items()}
        learnt["model.embed_tokens.weight"] = self.ends.embedding
        if not described["tie_word_embeddings"]:
            learnt["lm_head.weight"] = self.ends.head
        file = folder / "model.safetensors"
        stored = {name: each.detach().bfloat16().cpu().contiguous() for name, each in learnt.items()}
        save_file(stored, file, metadata={"format": "pt"})
        file.chmod(0o644)  # the library leaves it to its owner alone
        for name, content in (("config.json", described), ("card.json", dict(card))):
            (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        if self.drafts:
            (folder / DRAFT_VOCABULARY).write_text(json.dumps(self.few.tolist()) + "\n", encoding="utf-8")
        for name in BESIDE:
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, folder / name)


def config_of(target: Path, config: Any) -> dict[str, Any]:
    """Return the config.json of the model in ``target`` as it is with the layers of ``config``."""
    described = dict(read_object(target / "config.json"))
    for name in ("quantization_config", "early_exits", "dtype"):
        described.pop(name, None)
    described |= {"num_hidden_layers": config.num_hidden_layers, "torch_dtype": "bfloat16"}
    described.setdefault("tie_word_embeddings", config.tie_word_embeddings)
    return described | ({"layer_types": list(config.layer_types)} if "layer_types" in described else {})
