"""The students' recipe: what is written, what is learnt, and what their files say."""

from __future__ import annotations

import json
from pathlib import Path

import agreement
import fourbit
import replies
import students
import torch
from bitsandbytes.functional import quantize_4bit
from pruned import normed, read_target
from replies import Writer, read_prompts
from safetensors.torch import load_file

from engine.model.fourbit import read_nf4
from engine.model.kernels.backend import NF4
from engine.teaching.rounding import LEVELS, rounded


def test_one_command_makes_both_students(target: Path, prompts: Path, tmp_path: Path) -> None:
    """Guards against a run on a rented machine that fails after its eighth minute."""
    out = tmp_path / "out"
    given = ["--target", str(target), "--out", str(out)]
    place = ["--prompts", str(prompts), "--work", str(tmp_path / "work")]
    told = students.main([*given, *place, "--minutes", "0.01", "--writing", "0", "--dry-run"])
    assert set(told) == {"positions", "draft -> qualifier", "qualifier -> target", "draft -> target"}
    assert {file.name for file in (out / "draft").iterdir()} == {
        "config.json",
        "draft_vocabulary.json",
        "layers-1.safetensors",
    }
    assert students.main([*given, "--evaluate"]) == told
    listed = json.loads((out / "students.json").read_text())["files"]
    assert {name.split("/")[0] for name in listed} == {"draft", "qualifier"}
    more = ["--minutes", "0.01", "--writing", "0", "--dry-run", "--only", "qualifier", "--initial", str(out)]
    given = ["--target", str(target), "--out", str(tmp_path / "more")]
    assert set(students.main([*given, *place, *more])) == {"positions", "qualifier -> target"}


def test_replies_are_drawn_from_the_law_of_what_stands_before_them(target: Path, prompts: Path) -> None:
    """Guards against rows that see another row's past, their own former one, or a place too few."""
    model, given = read_target(target, torch.device("cpu")), read_prompts(prompts, target)
    torch.manual_seed(2)
    writer = Writer(model, given, rows=5, width=60, steps=130)
    with torch.no_grad():
        for _ in range(130):
            token, position = writer.token.clone(), writer.position.clone()
            writer.step()
        found = writer._forward(token, position)  # once more, of what was fed last
    for row, states in enumerate(found):
        fed = writer.trace[:, row]
        last = fed[int((fed & replies.START > 0).nonzero()[-1]) :]
        whole = torch.cat((torch.tensor(given.begin), last & (replies.LEARN - 1)))[None].long()
        torch.testing.assert_close(states, normed(model, model(whole)[0][0, -1]), atol=1e-4, rtol=1e-4)
    said = writer.trace & replies.LEARN > 0
    assert not (said & (writer.trace & replies.START > 0)).any()
    assert said.any(dim=0).all()


def test_held_out_prompts_are_asked_once_and_never_learnt_from(target: Path, prompts: Path) -> None:
    """Guards against figures measured on what the students have read."""
    model, given = read_target(target, torch.device("cpu")), read_prompts(prompts, target)
    writer = Writer(model, given, rows=4, width=44, steps=160)
    flat = writer.write(60, print)
    texts = replies.gathered([flat], given.begin, torch.device("cpu"))
    assert len(texts[True].lengths) == given.held == 3
    asked = {kind: {tuple(text) for text in _questions(some, given)} for kind, some in texts.items()}
    assert asked[True].isdisjoint(asked[False])
    tokens, said = texts[False].batch(torch.arange(5))
    assert (tokens[:, : len(given.begin)] == torch.tensor(given.begin)).all()
    ends = torch.tensor(given.ends)
    for row, learnt in zip(tokens, said, strict=True):
        places = learnt.nonzero()[:, 0]
        assert (places.diff() == 1).all()  # one reply, without a gap
        assert not torch.isin(row[places[1:]], ends).any()  # its end is learnt, and nothing after it


def _questions(texts: replies.Texts, given: replies.Prompts) -> list[list[int]]:
    tokens, said = texts.batch(torch.arange(len(texts.lengths)))
    firsts = said.int().argmax(dim=1) + 1
    return [row[len(given.begin) : first].tolist() for row, first in zip(tokens, firsts, strict=True)]


def test_the_loss_is_the_divergence_and_the_overlap_with_their_gradients() -> None:
    """Guards against a hand-made gradient that teaches something else than the loss it tells."""
    torch.manual_seed(0)
    states, goal, head = (torch.randn(size, dtype=torch.float64) for size in ((7, 8), (7, 8), (20, 8)))
    for share in (0.0, 0.6, 1.0):
        own = states.clone().requires_grad_()
        loss = agreement.Disagreement.of(own, goal, head, share)
        free = states.clone().requires_grad_()
        read, law = free @ head.T, goal @ head.T
        divergence = torch.nn.functional.kl_div(read.log_softmax(-1), law.softmax(-1), reduction="batchmean")
        sharp = [(each / agreement.SHARP).softmax(-1) for each in (read, law)]
        expected = (1 - share) * divergence + share * (1 - torch.minimum(*sharp).sum(-1).mean())
        torch.testing.assert_close(loss.double(), expected, atol=1e-5, rtol=1e-5)
        torch.autograd.backward([loss, expected])
        torch.testing.assert_close(own.grad, free.grad, atol=1e-5, rtol=1e-4)


def test_what_is_stored_is_what_was_rounded_and_what_bitsandbytes_reads(tmp_path: Path) -> None:
    """Guards against codes or scales in an order of our own."""
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(128, 192))
    fourbit.save({"a.weight": weight, "b.norm.weight": torch.ones(4)}, tmp_path)
    stored = load_file(tmp_path / "layers-1.safetensors")
    read = read_nf4(lambda part: stored[f"a.weight.{part}"], stored["a.weight"], (128, 192))
    with rounded([weight]):
        torch.testing.assert_close(read.dequantised().float(), weight.detach(), atol=2e-2, rtol=1e-2)
        assert torch.equal(fourbit.restore(tmp_path)["a.weight"], weight.detach())
    assert torch.equal(fourbit.restore(tmp_path)["b.norm.weight"], torch.ones(4))
    assert LEVELS == NF4
    packed, state = quantize_4bit(weight.detach(), blocksize=64, quant_type="nf4")
    assert (packed == stored["a.weight"]).float().mean() > 0.999  # scales are float16 numbers here
    torch.testing.assert_close(state.absmax, stored["a.weight.absmax"], atol=0, rtol=1e-3)
