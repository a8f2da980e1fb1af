"""The target as it teaches: transformers runs the weights we loaded, many rows at a time, and none of them learns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.budget import free_memory
from engine.files import read_object
from engine.model import Transformer
from engine.teaching.lending import lent
from engine.teaching.pupil import Ends, Text
from engine.teaching.writing import Aside, Writer, records

SPARE = 0.25  # of the memory that is free, which weights in 16 bits may take
MOST_ROWS = 2048  # replies that are under way at a time


class Frozen:
    """Writes replies and reads them again.

    ``ends``: the tokens that end a reply. Weights are as the loader leaves them: on a GPU NF4, in groups of 4 bits or
    in 16 bits, and float32 on a CPU; on a GPU with room to spare those of 4 bits are the same values in 16.
    """

    def __init__(self, model: Transformer, ends: Collection[int], config: Any = None) -> None:
        """``config``: the model's own, as transformers reads it; None for one that was drawn at random."""
        self.shape, self.device = model.architecture, model.device
        spare = SPARE * free_memory(self.device)
        dense = model.dtype if 2 * self.shape.parameters < spare else None
        self._model = lent(model, config, dense=dense, far=dense is None).requires_grad_(requires_grad=False)
        self._stops = sorted(ends)
        self.ends = Ends(self.inner.embed_tokens.weight, self._model.lm_head.weight)

    @property
    def inner(self) -> Any:
        """The model as transformers runs it, below its head."""
        return self._model.model

    @property
    def folder(self) -> Path:
        """Where its checkpoint lies."""
        return Path(self._model.config.name_or_path)

    @property
    def norm(self) -> Tensor:
        """The scale of the norm before its head, [width]."""
        weight: Tensor = self.inner.norm.weight
        return weight

    def mlp(self, layer: int) -> dict[str, Tensor]:
        """Return the feed-forward weights of ``layer`` by their published names, float32, for a layer that learns."""
        part = self.inner.layers[layer].mlp
        return {f"{name}.weight": dense(getattr(part, name)) for name in ("gate_proj", "up_proj", "down_proj")}

    def copied(self, layer: int) -> dict[str, Tensor]:
        """Return the weights of ``layer`` by their published names, float32 and of one's own, for one that learns."""
        found = {}
        for name, part in self.inner.layers[layer].named_modules():
            if getattr(part, "weight", None) is not None:
                found[f"{name}.weight"] = dense(part).clone()
            if getattr(part, "bias", None) is not None:
                found[f"{name}.bias"] = part.bias.float().clone()
        return found

    def layer(self, depth: int) -> nn.Module:
        """Return a copy of layer ``depth`` that learns, as transformers has it."""
        with torch.device("meta"):
            made: nn.Module = type(self.inner.layers[depth])(self.inner.config, depth)
        made.load_state_dict(self.copied(depth), assign=True)
        return made.requires_grad_(requires_grad=True)

    def turns(self, length: int) -> tuple[Tensor, Tensor]:
        """Return the cosines and sines by which the first ``length`` positions are turned, (1, length, head_dim)."""
        places = torch.arange(length, device=self.device)[None]
        found: tuple[Tensor, Tensor] = self.inner.rotary_emb(places.float(), places)
        return found

    @torch.no_grad()
    def read(self, tokens: Tensor, said: Tensor, taps: Collection[int]) -> Text:
        """Read ``tokens`` (rows, time); places behind the end of a row may hold anything. See Text."""
        with self._tapped(taps) as found:
            last = self.inner(input_ids=tokens, use_cache=False).last_hidden_state
        return Text(tokens, said, found, last)

    @contextmanager
    def _tapped(self, taps: Collection[int]) -> Iterator[dict[int, Tensor]]:
        """Keep the states that go into the layers ``taps`` while the model runs."""
        found: dict[int, Tensor] = {}

        def keeping(tap: int) -> Callable[..., None]:
            return lambda _layer, given, named: found.__setitem__(tap, given[0] if given else named["hidden_states"])

        layers = self.inner.layers
        hooks = [layers[tap].register_forward_pre_hook(keeping(tap), with_kwargs=True) for tap in taps]
        try:
            yield found
        finally:
            for hook in hooks:
                hook.remove()

    @property
    def recorded(self) -> bool:
        """Tell whether it writes by a CUDA graph a step, rows taking the next prompt as their replies end."""
        return self.device.type == "cuda" and records(self._model)

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        warmths: Sequence[float],
        longest: int,
        over: Callable[[], bool],
        rows: int = MOST_ROWS,
        aside: Aside = lambda _: None,
    ) -> list[list[int]]:
        """Return a reply to each of ``prompts``, drawn at its temperature in ``warmths``, of up to ``longest`` tokens.

        ``over``: asked now and then whether to leave off; replies are then as far as they came, some not begun. An end
        token is part of its reply. ``rows``: how many are under way at a time where it is recorded; ``aside``: given
        there, now and then, what returns the replies so far.
        """
        if not self.recorded:
            return self.generated(prompts, warmths, longest, over)
        found = Writer(self._model, self._stops, prompts, warmths, longest, rows).write(over, aside)
        torch.cuda.empty_cache()  # what the caches of the replies took
        return found

    @torch.no_grad()
    def generated(
        self, prompts: Sequence[Sequence[int]], warmths: Sequence[float], longest: int, over: Callable[[], bool]
    ) -> list[list[int]]:
        """Return what ``write`` does, all of them under way at a time, from transformers."""
        most = max(len(prompt) for prompt in prompts)
        filler = self._stops[0] if self._stops else 0
        rows = torch.tensor([[filler] * (most - len(prompt)) + list(prompt) for prompt in prompts])
        shown = torch.tensor([[0] * (most - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        cold = torch.tensor(warmths, device=self.device)[:, None]
        written = self._model.generate(
            input_ids=rows.to(self.device),
            attention_mask=shown.to(self.device),
            max_new_tokens=longest,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            repetition_penalty=1.0,
            logits_processor=[lambda _, scores: scores / cold],
            eos_token_id=self._stops or None,
            pad_token_id=filler,
            stopping_criteria=[lambda *_: torch.full((len(prompts),), over(), device=self.device)],
        )
        return [self._ended(reply) for reply in written[:, most:].tolist()]

    def ends_with(self, tokens: Sequence[int]) -> bool:
        """Tell whether a reply that ends ``tokens`` came to its own end."""
        return tokens[-1] in self._stops

    def _ended(self, reply: list[int]) -> list[int]:
        """Return ``reply`` up to its end token."""
        end = next((place for place, token in enumerate(reply) if token in self._stops), len(reply))
        return reply[: end + 1]


def config_of(folder: Path) -> Any:
    """Return the model's description as transformers reads it, without what its weights were quantised by."""
    from transformers import AutoConfig

    values = read_object(folder / "config.json")
    values.pop("quantization_config", None)
    return AutoConfig.for_model(**values, name_or_path=str(folder))


def dense(part: Any) -> Tensor:
    """Return the weights of a layer's part one by one, float32."""
    weight = part.weight
    if hasattr(weight, "quant_state"):
        from bitsandbytes.functional import dequantize_4bit

        weight = dequantize_4bit(weight.data, weight.quant_state)
    found: Tensor = weight.float()
    return found
