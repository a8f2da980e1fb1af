"""What a course says it takes of a GPU is what its steps allocate, counted at the width of an 8B without memory."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.bench.shapes import SHAPES
from engine.dimensions import as_nf4
from engine.teaching import room
from engine.teaching.frozen import Frozen
from engine.teaching.kinds import KINDS
from engine.teaching.pupil import Ends, Text

SHAPE = replace(SHAPES["llama-3.1-8b"], layers=8)  # below them no more is kept
ROWS, TIME = 4, 512
INSIDE = {torch.ops.aten.logsumexp.default: 2}  # what a kernel has of its input's size while it runs


class Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes that are there, and in ``peak`` the most of them, of all that is made inside."""

    def __init__(self, share: float) -> None:
        """``share``: of places, that are chosen where it depends on their values."""
        super().__init__()  # type: ignore[no-untyped-call] # torch leaves it untyped
        self.now = self.peak = 0
        self._share, self._known = share, set[int]()

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what is asked for, and count what it made."""
        chosen = args[1][0] if func is torch.ops.aten.index.Tensor else None
        if chosen is not None and chosen.dtype == torch.bool:
            made = args[0].new_empty((round(self._share * chosen.numel()), *args[0].shape[chosen.ndim :]))
        else:
            made = func(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, Tensor):
                self._count(each.untyped_storage())
        self.peak = max(self.peak, self.now + INSIDE.get(func, 0) * getattr(args[0] if args else None, "nbytes", 0))
        return made

    def leave_out(self, tensor: Tensor) -> None:
        """Count the memory of ``tensor`` no more."""
        self._known.add(tensor.untyped_storage()._cdata)

    def _count(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.now += size
            weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


class Imagined(Frozen):
    """A target of SHAPE that has no values."""

    def __init__(self) -> None:
        from transformers import AutoModelForCausalLM

        from engine.teaching.lending import Lookup, _config

        self.shape, self.device = SHAPE, torch.device("cpu")
        config = _config(SHAPE)
        with torch.device("meta"):
            made: Any = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        for module in list(made.modules()):
            for name, each in module.named_parameters(recurse=False):
                setattr(module, name, nn.Parameter(torch.empty(each.shape, dtype=each.dtype), requires_grad=False))
        table = torch.empty(SHAPE.vocabulary, SHAPE.width, dtype=torch.bfloat16)
        made.model.rotary_emb = type(made.model.rotary_emb)(config)
        made.model.embed_tokens = Lookup(table)
        self._model, self.ends = made.eval(), Ends(table, made.lm_head.weight)


@pytest.fixture
def pretending(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a processor without values take itself for a GPU."""
    monkeypatch.setattr(Tensor, "is_cuda", property(lambda _: True))
    monkeypatch.setattr(Text, "bfloat16", lambda _: torch.autocast("cpu", torch.bfloat16))
    monkeypatch.setattr(nn.Module, "to", lambda self, *_, **__: self)
    with FakeTensorMode():
        yield


@pytest.mark.usefixtures("pretending")
@pytest.mark.filterwarnings("ignore:.gradient_checkpointing_enable:FutureWarning")  # of transformers' own name for it
@pytest.mark.slow
@pytest.mark.parametrize(("name", "layers"), [("block", 0), ("head", 0), ("draft", 2), ("exits", 0)])
def test_a_step_takes_no_more_than_was_reckoned(name: str, layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a temporary as large as a matrix, and a kind whose steps leave more than is counted."""
    kind, target = KINDS[name], Imagined()
    live = Live(share=0.5)
    for each in (*target._model.parameters(), target.ends.embedding):
        live.leave_out(each)
    with live:
        few = torch.arange(kind.few)
        learner: Any = kind.begin(target, few, **({"layers": layers} if layers else {}))
        assert learner.large
        on_the_host = 2 * sum(each.numel() for each in learner.stored if each.dtype == torch.bfloat16)
        worn = learner.worn
        tokens = torch.zeros(ROWS, TIME, dtype=torch.int64)
        text = target.read(tokens, torch.ones_like(tokens).bool(), learner.taps)

        @contextmanager
        def wearing(progress: float) -> Iterator[None]:
            with worn(progress):
                live.now -= on_the_host
                live.peak = live.now
                yield
                live.now, before = live.now + on_the_host, live.peak
            live.peak = before

        monkeypatch.setattr(learner, "worn", wearing)
        learner.learn(text, 1.0)
    dimensions = as_nf4(SHAPE)
    weights = room._weights(dimensions, as_stored=False)
    reckoned = room.needed(dimensions, kind, layers, ROWS * TIME) - weights - room.APART
    _, rest = kind.learns(SHAPE, kind.few, layers)
    taken = live.peak + 8 * rest  # AdamW's moments, which the first step makes at its end
    assert taken <= reckoned < 1.3 * taken
