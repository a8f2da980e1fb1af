"""A course on a GPU: the target is NF4 there, read by bitsandbytes, and the drafter it makes is run by our kernels."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
import torch

from engine.config import PRESETS, ModelSet, Sampling
from engine.events import Finished, finished
from engine.model import load
from engine.session import Session
from engine.teaching import beginning, saving
from engine.teaching.again import taken_up
from engine.teaching.course import Course
from engine.teaching.frozen import Frozen, config_of
from engine.teaching.onward import Lately, Onward
from engine.teaching.plan import Plan
from engine.teaching.replies import Document
from engine.tokenizer import ChatTokenizer
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
PLAN = Plan(12.0, rows=16, longest=32, batch=1024, few=400, places=500)


@pytest.mark.parametrize("as_stored", [False, True])
def test_replies_of_recorded_steps_are_those_of_transformers(as_stored: bool) -> None:
    """Guards against rows that read what another reply of theirs left, or stand at another place than they are."""
    folder = pocket_models(wide=True).target
    tokenizer, cuda = ChatTokenizer(folder), torch.device("cuda")
    model = finished(load(folder, cuda, dense_head=True, dense=as_stored))
    target = Frozen(model, tokenizer.ends, config_of(folder))
    assert target.recorded
    if as_stored:
        exact = Frozen(finished(load(folder, torch.device("cpu"))), ()).mlp(5)["down_proj.weight"]
        assert torch.equal(target.mlp(5)["down_proj.weight"].cpu(), exact.bfloat16().float())
    prompts = [tokenizer.render([("user", " and ".join(["dogs"] * (1 + at % 7)) + f" {at}")]) for at in range(40)]
    cold = [1e-4] * len(prompts)
    found = target.write(prompts, cold, 24, lambda: False, rows=8)
    theirs = target.generated(prompts, cold, 24, lambda: False)
    alike = sum(one == other for one, other in zip(found, theirs, strict=True))
    # Two tokens whose scores are one number in 16 bits are told apart by the draw, so replies part by chance: what they
    # wrote is judged below. Rows that read what is not theirs would hardly write one alike.
    assert alike > len(prompts) / 4, "what 16 bits hardly tell apart may come out either way"
    for prompt, reply in zip(prompts, found, strict=True):
        tokens = torch.tensor([[*prompt, *reply]], device="cuda")
        scores = (target.read(tokens, torch.ones_like(tokens).bool(), ()).last[0] @ target.ends.head.T).float()
        told = scores[len(prompt) - 1 : -1]
        missed = told.amax(-1) - told.gather(1, tokens[0, len(prompt) :, None])[:, 0]
        assert missed.max() < 0.1 * (told.amax(-1) - told.mean(-1)).mean()


def test_a_head_taught_on_a_gpu_drafts_there(tmp_path: Path) -> None:
    """Guards against a target that says something else at 4 bits, and against a drafter nobody can record."""
    folder = pocket_models(wide=True).target
    tokenizer, model = ChatTokenizer(folder), finished(load(folder, torch.device("cuda"), dense_head=True))
    target = Frozen(model, tokenizer.ends, config_of(folder))
    tokens = torch.tensor([tokenizer.render([("user", "Tell me about dogs.")])], device="cuda")
    text = target.read(tokens, torch.ones_like(tokens).bool(), (2, 8))
    hidden = model.run(model.embed(tokens[0]), range(8), model.new_cache()).float()
    assert (text.taps[8][0].float() - hidden).norm() < 0.05 * hidden.norm()
    prompts = [tokenizer.render([("user", f"Tell me about {number} dogs.")]) for number in range(64)]
    course = Course(tmp_path / "course", target, prompts, PLAN, partial(beginning.head, target))
    heard = [news for news in course.run() if news.agreement]
    assert heard[-1].agreement[0] > heard[0].agreement[0] > 0
    course.finish(tmp_path / "made", {})
    session = finished(
        Session.open(ModelSet("taught", {"target": folder, "head": tmp_path / "made"}), "cuda", room=1024)
    )

    def answer(name: str) -> str:
        asked, sampling = [("user", "Tell me about dogs.")], Sampling(0.7, seed=3)
        *_, last = session.reply(asked, preset=PRESETS[name], sampling=sampling, max_tokens=48)
        assert isinstance(last, Finished)
        return last.text

    assert answer("head") == answer("plain")
    assert session.how == "graphs"


def test_a_head_learns_on_there(tmp_path: Path) -> None:
    """Guards against parts of it that lie on the host, and against a session that cannot be written."""
    folder = pocket_models(wide=True).target
    tokenizer, model = ChatTokenizer(folder), finished(load(folder, torch.device("cuda"), dense_head=True))
    target = Frozen(model, tokenizer.ends, config_of(folder))
    saving.save(beginning.head(target, torch.arange(400)).drafter, tmp_path / "head", {}, four_bits=True)
    prompts = [tokenizer.render([("user", f"Tell me about {number} dogs.")]) for number in range(48)]
    written = target.write(prompts, [0.7] * len(prompts), 32, lambda: False)
    whole = [Document((*asked, *reply), len(asked)) for asked, reply in zip(prompts, written, strict=True)]
    begin = partial(taken_up, target, tmp_path / "head", 1.0)

    def session() -> Onward:
        lately, clock = Lately(whole[12:], whole[:12]), time.monotonic
        made = Onward(
            tmp_path / "on", target, lately, prompts, PLAN, begin, rounds=True, clock=clock, held_up=lambda: False
        )
        for _ in made.run():
            pass
        assert made.better
        made.write(tmp_path / "made", {}, four_bits=True)
        made.close()
        return made

    first, second = session(), session()
    assert sum(second.best["noise"]) > 0.95 * sum(first.best["noise"])
    again = second._judge(taken_up(target, tmp_path / "made", 1.0))
    assert again["noise"] == pytest.approx(second.best["noise"], abs=0.03)
