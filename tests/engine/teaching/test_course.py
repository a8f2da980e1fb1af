"""A course teaches what the engine runs, and goes on wherever its process was ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from engine.architecture import Architecture
from engine.arguments import TAUGHT
from engine.bench.shapes import SHAPES, random_transformer
from engine.config import PRESETS, ModelSet, Preset, Sampling
from engine.events import Finished
from engine.library.taught import home_of
from engine.model import Transformer, load
from engine.session import Session
from engine.teaching import beginning
from engine.teaching.command import read_prompts
from engine.teaching.course import REFILL, Course
from engine.teaching.draft import kept
from engine.teaching.frozen import Frozen, config_of
from engine.teaching.kinds import KINDS
from engine.teaching.optimising import Optimised
from engine.teaching.plan import Plan
from engine.teaching.pupil import RIGHT
from engine.teaching.steering import Stopping
from engine.teaching.worth import of_exits, worth
from engine.teaching.writing import Writer
from engine.tokenizer import ChatTokenizer
from tests.engine.family import finish

PLAN = Plan(5.0, rows=6, longest=12, batch=96, few=200, places=40)
END = 0
QUESTIONS = [f"The fox over {number}" for number in range(40)]


@pytest.fixture(scope="module")
def model(family: ModelSet) -> Transformer:
    return finish(load(family.target, torch.device("cpu")))


@pytest.fixture(scope="module")
def target(family: ModelSet, model: Transformer) -> Frozen:
    return Frozen(model, ChatTokenizer(family.target).ends, config_of(family.target))


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Give one kind of drafter after another."""
    return str(request.param)


@pytest.fixture
def course(family: ModelSet, target: Frozen, kind: str, tmp_path: Path) -> Callable[[], Course]:
    """Give what opens the same course again, with a clock on which every look at it takes a tenth of a second."""
    tokenizer = ChatTokenizer(family.target)
    prompts = [tokenizer.render([("user", question)]) for question in QUESTIONS]
    layers = KINDS[kind].layers(target.shape.layers)
    begin = partial(KINDS[kind].begin, target, **({"layers": layers} if layers else {}))

    def opened() -> Course:
        ticks = count()
        clock = lambda: next(ticks) / 10  # noqa: E731
        return Course(tmp_path / "course", target, prompts, PLAN, begin, clock=clock)

    return opened


def test_it_reads_what_our_own_layers_leave(target: Frozen, model: Transformer) -> None:
    tokens = torch.randint(0, 200, (1, 9), generator=torch.Generator().manual_seed(1))
    text = target.read(tokens, torch.ones_like(tokens).bool(), (2, 5))
    cache, hidden = model.new_cache(), model.embed(tokens[0])
    for depth in range(model.layers):
        if depth in text.taps:
            torch.testing.assert_close(text.taps[depth][0], hidden)
        hidden = model.run(hidden, range(depth, depth + 1), cache)
    normed = torch.nn.functional.rms_norm(hidden, (model.width,), model.norm, model.architecture.norm_eps)
    torch.testing.assert_close(text.last[0], normed)


def test_a_target_of_four_bits_is_read_in_its_own_dtype() -> None:
    """Guards against weights that come out of four bits in another dtype than the states they meet."""
    drawn = random_transformer(replace(SHAPES["qwen3-0.6b"], layers=1, vocabulary=128), torch.device("cpu"))
    tokens = torch.arange(8)[None]
    text = Frozen(drawn, ()).read(tokens, torch.ones_like(tokens).bool(), (0,))
    assert text.last.dtype == text.taps[0].dtype == drawn.dtype


def test_it_writes_from_the_law_of_the_target(target: Frozen) -> None:
    """Guards against left padding that is read, and against settings of its own that reshape the law."""
    prompts = [[7, 8, 9, 10], [30, 31]]
    check(target, prompts, target.write(prompts, [1e-4, 1e-4], 6, lambda: False))
    assert all(len(reply) == 1 for reply in target.write(prompts, [1.0, 1.0], 6, lambda: True))  # over after a token


def check(target: Frozen, prompts: list[list[int]], replies: list[list[int]]) -> None:
    """Raise AssertionError where a token of ``replies`` is not the likeliest one."""
    for prompt, reply in zip(prompts, replies, strict=True):
        tokens = torch.tensor([[*prompt, *reply]])
        best = (target.read(tokens, torch.ones_like(tokens).bool(), ()).last[0] @ target.ends.head.T).argmax(-1)
        assert best[len(prompt) - 1 : -1].tolist() == reply


def test_rows_take_the_next_prompt_as_their_replies_end(target: Frozen) -> None:
    """Guards against a reply that reads what an earlier one of its row left, or that is given to another prompt."""
    prompts = [[5, 6, *range(first, first + count)] for first, count in ((7, 3), (30, 1), (60, 5), (90, 2), (20, 4))]
    plain = target.generated(prompts, [1e-4] * 5, 9, lambda: False)
    ends = {plain[0][2]}  # some replies end sooner than others
    replies = Writer(target._model, ends, prompts, [1e-4] * 5, 9, 2).write(lambda: False)
    whole = [reply[: reply.index(min(ends)) + 1] if min(ends) in reply else reply for reply in plain]
    assert replies == whole
    check(target, prompts, replies)
    cut = Writer(target._model, ends, prompts, [1e-4] * 5, 99, 2).write(lambda: True)
    assert [len(reply) > 0 for reply in cut][:2] == [True, True], "as far as they came"


def test_a_course_that_is_killed_goes_on(course: Callable[[], Course]) -> None:
    first = course()
    steps = first.run()
    for news in steps:
        if news.doing == "learning" and news.done > 0.6:
            break
    first._keep()
    written, learnt = first.replies.tokens, first.learner
    del steps
    again = course()
    assert 0.6 < again.done < 1
    assert again.replies.tokens == written
    heard = list(again.run())
    assert learnt is not None
    assert again.learner is not None
    assert {each.doing for each in heard} == {"learning"}
    assert again.learner.steps > learnt.steps > 0


def test_what_it_made_is_a_drafter_of_the_target(
    course: Callable[[], Course], kind: str, family: ModelSet, tmp_path: Path
) -> None:
    """The drafter guesses better than at its beginning, is read as published, and changes no reply."""
    taught = course()
    heard = [news for news in taught.run() if news.agreement]
    assert heard[-1].done == 1
    assert taught.progress.best > heard[0].agreement[0]
    made = tmp_path / "made"
    taught.finish(made, {"licence": "of the target"})
    card = json.loads((made / "card.json").read_text())
    assert sum(card["held out"][RIGHT]) == taught.progress.best
    others = {role: family.models[role] for role in KINDS[kind].needs}
    models = ModelSet("taught", {"target": family.target, **others, KINDS[kind].role: made})
    session = finish(Session.open(models, "cpu"))

    def answer(preset: Preset) -> str:
        asked, sampling = [("user", "The quick")], Sampling(0.8, seed=3)
        *_, last = session.reply(asked, preset=preset, sampling=sampling, max_tokens=24)
        assert isinstance(last, Finished)
        return last.text

    assert answer(KINDS[kind].preset) == answer(PRESETS["plain"])


@pytest.mark.parametrize(
    ("recorded", "said", "left"), [(True, "eeeeeccn", ""), (True, "eecccccn", "ccccc"), (False, "eeeeeccn", "cc")]
)
def test_replies_that_were_cut_are_not_fed_anew_where_most_end(
    tmp_path: Path, recorded: bool, said: str, left: str
) -> None:
    """An H200 spent its time on reading again what it had said, and wrote a tenth of what it could."""
    replies = {"e": [7, END], "c": [7, 8], "n": list[int]()}  # one that ended, was cut, was not begun

    class Cutting:
        def __init__(self) -> None:
            self.recorded = recorded

        def write(self, *_: object) -> list[list[int]]:
            return [replies[each] for each in said]

        def ends_with(self, tokens: Sequence[int]) -> bool:
            return tokens[-1] == END

    said, left = said * 4, left * 4
    asked = [[number, 5, 6] for number in range(10, 600)]
    plan = replace(PLAN, rows=len(said) // (REFILL if recorded else 1))
    course = Course(tmp_path, cast("Frozen", Cutting()), asked, plan, lambda _: pytest.fail("nothing learns yet"))
    course._answered()  # what is held out
    assert not course._unfinished
    course._answered()
    assert [each.tokens[3:] for each in course._unfinished] == [tuple(replies[each]) for each in left]
    assert course.progress.asked == len(said) - said.count("n"), "another process asks again what was not begun"


def test_a_course_leaves_off_where_it_is_asked_to(course: Callable[[], Course]) -> None:
    """Work asks between steps and between tokens, and all there is lies on the disk when it leaves off."""
    waits: Iterator[int] = count()
    held = course()
    held._held_up = lambda: next(waits) > 20
    with pytest.raises(Stopping):
        for _ in held.run():
            pass
    assert course().progress == held.progress
    assert course().replies.tokens == held.replies.tokens > 0


@pytest.mark.parametrize("kind", ["head"], indirect=True)
def test_a_look_leaves_off_with_weights_as_they_learn(course: Callable[[], Course]) -> None:
    """Guards against an answer that waits for a whole look, and against a state of rounded weights."""
    held = course()
    next(news for news in held.run() if news.agreement)
    assert held.learner is not None
    before = {name: weight.clone() for name, weight in held.learner.weights().items()}
    held._held_up = lambda: True
    with pytest.raises(Stopping):
        held._looked(held.learner)
    again = course()._resumed().weights()
    assert all(torch.equal(again[name], weight) for name, weight in before.items())


def test_a_model_begins_with_the_first_and_the_last_layers(target: Frozen) -> None:
    begun = beginning.qualifier(target, torch.arange(9), 3)
    assert kept(8, 3) == (0, 1, 7)
    theirs = target.inner.layers[7].mlp.up_proj.weight
    torch.testing.assert_close(begun.weights()["layers.2.mlp.up_proj.weight"], theirs)


def test_every_kind_can_be_asked_for() -> None:
    assert set(TAUGHT) == set(KINDS)


def test_what_it_is_worth() -> None:
    assert worth((0.0, 0.0), 0.1, "cuda") == (1.0, 0)
    assert worth((0.7, 0.7, 0.7, 0.7), 0.0, "cuda")[0] == pytest.approx(2.7731 / 1.2, rel=1e-4)
    assert worth((0.6, 0.6), 0.05, "cpu")[1] <= 2


def test_what_is_expected_is_what_came_of_it() -> None:
    """Held-out prompts are easier than what people ask: of the starter's head 1.7 was expected, and 1.49 came."""
    head = cast("Optimised", SimpleNamespace(size=9_800_000, guesses=5))
    starter = cast("Architecture", SimpleNamespace(parameters=134_500_000))
    found = {RIGHT: [0.650, 0.621, 0.606, 0.594, 0.581]}  # its card
    assert Optimised.worth(head, found, starter, "cuda") == pytest.approx(1.49, abs=0.06)  # measured on an H200
    assert 1.0 < Optimised.worth(head, found, starter, "cpu") < 1.25  # 1.08 to 1.19 of it on a processor


def test_what_exits_are_worth(model: Transformer) -> None:
    """They are worth the more the better they guess, and less than nothing where they guess badly."""
    deep = replace(model.architecture, layers=32, windows=(None,) * 32)
    assert of_exits(deep, (4, 8), 0.0, (0.0,), "cpu") < 0.6
    poor, good, sure = (of_exits(deep, (4, 8), kept, (kept,), "cuda") for kept in (0.5, 0.7, 0.9))
    assert poor < 1 < good < sure
    assert of_exits(replace(deep, vocabulary=1 << 20), (4, 8), 0.9, (0.9,), "cuda") < 1


def test_prompts_are_lines_or_objects(tmp_path: Path, family: ModelSet) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text(
        "\n".join([*("Why?" for _ in range(40)), '{"prompt": "How?"}', '{"prompt": ["Who?", "And he?"]}', ""])
    )
    assert read_prompts(file)[-3:] == [("Why?",), ("How?",), ("Who?", "And he?")]
    assert home_of(family.target) == home_of(family.target)
