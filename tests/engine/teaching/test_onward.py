"""A drafter learns on from what its target wrote for a person, and goes back where that makes it no better."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from engine.config import ModelSet
from engine.errors import SettingError, UpdraftError
from engine.model import load
from engine.teaching import saving, sitting
from engine.teaching.again import taken_up
from engine.teaching.course import BEST, STATE
from engine.teaching.frozen import Frozen, config_of
from engine.teaching.home import held
from engine.teaching.kinds import KINDS
from engine.teaching.lately import Answer
from engine.teaching.learner import Learner
from engine.teaching.learnt import LEARNS, forget, learnt_by, place, with_learnt
from engine.teaching.onward import BEGUN, PACE, Lately, Mixed, Onward
from engine.teaching.plan import Plan
from engine.teaching.protocol import Ended, Told
from engine.teaching.replies import Document
from engine.teaching.room import NoRoom
from engine.teaching.rounding import rounded
from engine.teaching.steering import Steering, Stopping
from engine.tokenizer import ChatTokenizer
from tests.engine.family import finish

PLAN = Plan(4.0, rows=6, longest=12, batch=96, places=60)


@pytest.fixture(scope="module")
def target(family: ModelSet) -> Frozen:
    model = finish(load(family.target, torch.device("cpu")))
    return Frozen(model, ChatTokenizer(family.target).ends, config_of(family.target))


@pytest.fixture(scope="module")
def drafters(target: Frozen, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give a drafter of each kind, as files hold one that was begun and hardly taught."""
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("drafters")
    for role in LEARNS:
        learner = KINDS[role].begin(target, torch.arange(200))
        assert isinstance(learner, Learner)
        saving.save(learner.drafter, folder / role, {}, four_bits=role == "head")
    return {role: folder / role for role in LEARNS}


@pytest.fixture(scope="module")
def lately(target: Frozen) -> Lately:
    """Give what the target itself wrote."""
    torch.manual_seed(5)
    prompts = [[7 + number, 8, 9 + number] for number in range(24)]
    written = target.write(prompts, [0.5] * 24, 14, lambda: False)
    whole = [Document((*asked, *reply), 3) for asked, reply in zip(prompts, written, strict=True)]
    return Lately(whole[:18], whole[18:])


@pytest.fixture
def course(target: Frozen, drafters: dict[str, Path], lately: Lately, tmp_path: Path) -> Callable[..., Onward]:
    """Give what opens a session in the same folder, on whose clock every look takes a tenth of a second."""

    def opened(pace: float = 1.0, role: str = "head", held_up: Callable[[], bool] = lambda: False) -> Onward:
        ticks, prompts = count(), [[20 + number, 21] for number in range(12)]
        return Onward(
            tmp_path / "onward",
            target,
            lately,
            prompts,
            PLAN,
            lambda: taken_up(target, drafters[role], pace),
            rounds=role == "head",
            clock=lambda: next(ticks) / 10,
            held_up=held_up,
        )

    return opened


def spoil(folder: Path) -> None:
    """Put weights that are no good in the place of the best there were."""
    spoilt = torch.load(folder / BEST, weights_only=True)
    for weight in spoilt["weights"].values():
        if weight.is_floating_point():
            weight.normal_()
    torch.save(spoilt, folder / BEST)


@pytest.mark.parametrize("role", LEARNS)
def test_it_begins_as_the_drafter_that_lies_there(role: str, target: Frozen, drafters: dict[str, Path]) -> None:
    """What is read back is what is run: at 4 bits where files hold 4, to the last bit of bfloat16 otherwise."""
    torch.manual_seed(3)
    for kind in LEARNS[: LEARNS.index(role) + 1]:
        first = KINDS[kind].begin(target, torch.arange(200))
    again = taken_up(target, drafters[role], 1.0)
    assert isinstance(first, Learner)
    with rounded(first.stored) if role == "head" else nullcontext():
        for (name, one), (_, other) in zip(
            first.drafter.named_parameters(), again.drafter.named_parameters(), strict=True
        ):
            torch.testing.assert_close(one, other, rtol=0 if role == "head" else 2**-8, atol=1e-6, msg=name)


def test_a_drafter_of_another_form_does_not_learn_on(target: Frozen, drafters: dict[str, Path], tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for file in drafters["head"].iterdir():
        (foreign / file.name).write_bytes(file.read_bytes())
    config = json.loads((foreign / "config.json").read_text())
    (foreign / "config.json").write_text(json.dumps(config | {"norm_before_residual": True}))
    with pytest.raises(SettingError, match="does not learn on"):
        taken_up(target, foreign, 1.0)


@pytest.mark.parametrize("role", LEARNS)
def test_it_learns_and_the_next_session_begins_there(role: str, course: Callable[..., Onward], tmp_path: Path) -> None:
    first = course(role=role)
    for _ in first.run():
        pass
    assert first.better
    made = tmp_path / "made"
    first.write(made, {"licence": "its target's"}, four_bits=role == "head")
    first.close()
    assert not (tmp_path / "onward" / STATE).exists()
    second = course(role=role)
    second._resumed()
    assert second.best["noise"] == pytest.approx(first.best["noise"], abs=1e-3)
    assert second.untouched["noise"] == pytest.approx(first.untouched["noise"], abs=1e-3)
    written = second._judge(taken_up(second.target, made, 1.0))
    assert written["noise"] == pytest.approx(first.best["noise"], abs=0.01)


def test_a_few_steps_at_its_own_pace_are_a_gain_as_it_will_be_run(course: Callable[..., Onward]) -> None:
    """Guards against learning that is gone when weights that were at 4 bits are rounded again."""
    torch.manual_seed(0)
    learning = course(PACE)
    for _ in learning.run():
        pass
    assert learning.learner is not None
    assert learning.learner.steps - BEGUN < 40
    assert sum(learning.best["noise"]) > sum(learning.untouched["noise"]) + 0.004


def test_stopped_it_goes_on_there_and_answers_are_not_written_down(
    course: Callable[..., Onward], tmp_path: Path, lately: Lately
) -> None:
    waits = count()
    first = course(held_up=lambda: next(waits) > 34)
    with pytest.raises(Stopping):
        for _ in first.run():
            pass
    assert 0 < first.done < 1
    assert first.learner is not None
    again = course()
    assert again.done == first.done
    next(news for news in again.run() if news.agreement)
    assert again.learner is not None
    assert again.learner.steps >= first.learner.steps
    stored = {each.tokens for each in Mixed(tmp_path / "onward" / "replies.bin", lately).others}
    assert stored
    assert not stored & {each.tokens for each in (*lately.learnt, *lately.held)}


def test_others_are_mixed_in(lately: Lately, tmp_path: Path) -> None:
    assert Mixed(tmp_path / "replies.bin", lately).lacks
    mixed = Mixed(tmp_path / "replies.bin", lately)
    mixed.add([Document((5, *range(40)), 1) for _ in range(12)], held=True)
    assert not mixed.lacks
    assert mixed.held == list(lately.held)


def test_what_is_better_is_used_and_forgotten(
    family: ModelSet,
    drafters: dict[str, Path],
    lately: Lately,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A whole session as the command runs it; then a worse one, then none, then all is deleted."""
    monkeypatch.setattr("engine.library.taught.user_data_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr("engine.teaching.learnt.user_data_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr(sitting, "SMALL", {"rows": 6, "longest": 12, "batch": 96, "places": 60})
    questions = [f"The fox over {number}" for number in range(40)]
    found = [Answer((("user", question),), "the lazy dog jumps over") for question in questions]
    monkeypatch.setattr(sitting, "answers", lambda *_: found)
    ours = tmp_path / "ours.txt"
    ours.write_text("\n".join(f"Why is {number} lazy?" for number in range(40)))
    models = ModelSet("tiny", {"target": family.target, "head": drafters["head"]})

    def session(pace: float = 1.0) -> Told:
        heard: list[Told] = []
        ticks = count()
        steering = Steering(heard.append, lambda: next(ticks) / 10)
        monkeypatch.setattr(sitting, "PACE", pace)
        asked = Namespace(
            what="block", device="cpu", minutes=0.1, batch=None, prompts=ours, chats=tmp_path, timed=False
        )
        sitting.learn_on(asked, models, steering)
        return heard[-1]

    first = session()
    assert isinstance(first, Ended)
    assert first.kept
    learnt = learnt_by(models)["head"]
    assert learnt.used
    assert learnt.after > learnt.before
    assert with_learnt(models).models["head"] != drafters["head"]
    assert (
        with_learnt(replace(models, models={**models.models, "head": drafters["block"]})).models["head"]
        == (drafters["block"])
    )
    none = session()
    assert isinstance(none, Ended)
    assert "too few new answers" in none.sentence
    found += [Answer((("user", f"And over {number}?"),), "the fox") for number in range(9)]
    spoil(place(family.target, "head"))
    worse = session(0.0)
    assert isinstance(worse, Ended)
    assert not worse.kept
    assert not (place(family.target, "head") / BEST).exists()
    assert with_learnt(models) == models
    with held(place(family.target, "head")), pytest.raises(UpdraftError, match="being taught already"):
        forget()
    assert learnt_by(models)
    forget()
    assert not learnt_by(models)
    assert not list(tmp_path.glob("teaching/*/onward"))


def test_a_session_that_does_not_fit_is_refused_before_anything_is_read(
    family: ModelSet, drafters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against a processor's memory that is taken although the chat's model has it."""
    monkeypatch.setattr("engine.library.taught.user_data_path", lambda *_, **__: tmp_path)
    found = [Answer((("user", f"And {number}?"),), "the lazy dog") for number in range(40)]
    monkeypatch.setattr(sitting, "answers", lambda *_: found)
    monkeypatch.setattr(sitting, "free_memory", lambda _: 10**8)
    monkeypatch.setattr(sitting, "load", lambda *_, **__: pytest.fail("it was read"))
    models = ModelSet("tiny", {"target": family.target, "head": drafters["head"]})
    asked = Namespace(what="head", device="cpu", minutes=1, batch=None, prompts=None, chats=tmp_path, timed=False)
    with pytest.raises(NoRoom, match=r"of the computer's memory, and 100 MB are free"):
        sitting.learn_on(asked, models, Steering())


def test_long_and_short_answers_are_judged_by() -> None:
    found = [Document((1, *range(length)), 1) for length in range(1, 40)]
    chosen = sitting._enough(found, 200)
    assert 200 <= sum(len(each.tokens) - 1 for each in chosen) < 240
    assert min(map(len, (each.tokens for each in chosen))) < 20 < max(map(len, (each.tokens for each in chosen)))
    assert set(sitting._enough(found, 10_000)) == set(found)
