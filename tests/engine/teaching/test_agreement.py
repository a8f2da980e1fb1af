"""The loss drafters learn by has the gradient it says, and what they are judged by is what the names mean."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.teaching import agreement
from engine.teaching.agreement import SHARP, Disagreement, Goal, judged, shared_noise

STEPS, RUNS, SLOTS, WIDTH, VOCABULARY = 2, 3, 2, 8, 20
FEW = torch.tensor([1, 4, 5, 9, 10, 17])


def given() -> tuple[Tensor, Tensor, Goal, Tensor]:
    torch.manual_seed(0)
    goal = Goal(torch.randn(RUNS, STEPS + SLOTS - 1, WIDTH), torch.randn(VOCABULARY, WIDTH), FEW)
    states = torch.randn(STEPS, RUNS, SLOTS, WIDTH, requires_grad=True)
    table = torch.randn(len(FEW), WIDTH, requires_grad=True)
    return states, table, goal, torch.rand(STEPS, RUNS, SLOTS)


def laws(states: Tensor, table: Tensor, goal: Goal, warmth: float) -> tuple[Tensor, Tensor]:
    """Return both laws (steps, runs, slots, V), the target's in full."""
    whole = (goal.states @ goal.head.T / warmth).softmax(-1)
    p = torch.stack([whole[:, step : step + SLOTS] for step in range(STEPS)])
    q = torch.zeros_like(p).index_copy(-1, FEW, (states @ table.T / warmth).softmax(-1))
    return p, q


def test_the_loss_has_the_gradient_that_differentiating_it_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Guards against a slope of another loss, and against runs left out where there is more than one chunk."""
    monkeypatch.setattr(agreement, "CHUNK", 2 * (STEPS + SLOTS - 1) * VOCABULARY)
    for share in (0.0, 0.6):
        states, table, goal, weight = given()
        loss, overlaps = Disagreement.of(states, table, goal, weight, share)
        torch.autograd.backward(loss)
        found = states.grad, table.grad
        states, table, goal, weight = given()
        p, q = laws(states, table, goal, 1.0)
        apart = (p[..., FEW] * (p[..., FEW].log() - q[..., FEW].log())).sum(-1)
        shared = torch.minimum(*laws(states, table, goal, SHARP)).sum(-1)
        plain = ((((1 - share) * apart + share * (1 - shared)) * weight).sum()) / weight.sum()
        torch.autograd.backward(plain)
        torch.testing.assert_close(loss, plain)
        torch.testing.assert_close(overlaps, shared.detach())
        torch.testing.assert_close(found, (states.grad, table.grad), atol=1e-5, rtol=1e-4)


def test_draws_that_share_their_noise_agree_as_often_as_is_said() -> None:
    """Guards against a formula that forgets the tokens the drafter has no head for."""
    torch.manual_seed(1)
    p, q = (torch.randn(2, 6) * 2).softmax(-1)
    noise = torch.empty(200_000, 6).exponential_()
    q = torch.where(torch.arange(6) < 4, q, 0)
    q = q / q.sum()
    alike = ((p / noise).argmax(-1) == (q / noise).argmax(-1)).float().mean()
    assert abs(float(shared_noise(p[:4], q[:4], p[4:].sum())) - float(alike)) < 0.01


def test_draws_are_reckoned_for_the_likeliest_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a law of a whole vocabulary judged by what is left of it."""
    torch.manual_seed(1)
    logits, astray = 4 * torch.randn(400), torch.randn(400)
    p, q = logits.softmax(-1), (logits + astray).softmax(-1)
    whole = shared_noise(p, q, torch.tensor(0.0))
    monkeypatch.setattr(agreement, "LISTED", 200)
    listed = shared_noise(p, q, torch.tensor(0.0))
    assert 0 < whole - listed < 1e-3 * whole


def test_what_is_kept_is_what_drafting_would_keep() -> None:
    """Guards against chances of guesses whose forerunners were not kept."""
    states, table, goal, _ = given()
    states = states.detach()
    p, q = laws(states, table.detach(), goal, SHARP)
    valid = torch.ones(STEPS, RUNS, SLOTS, dtype=torch.bool)
    found, count = torch.zeros(STEPS), 4000
    tokens = torch.zeros(STEPS)
    for _ in range(count // 500):
        drawn = torch.multinomial(p.flatten(0, -2), 500, replacement=True).T.view(500, STEPS, RUNS, SLOTS)
        for said in drawn[:20]:
            told = judged(states, table.detach(), goal, valid, said)
            tokens += torch.tensor(told["tokens"])
            found += torch.tensor(told["overlap"])
    tokens, found = tokens / (20 * count // 500), found / (20 * count // 500)
    shared = torch.minimum(p, q).sum(-1)
    torch.testing.assert_close(found, shared.mean((1, 2)), atol=1e-3, rtol=0)
    exact = 1 + torch.stack((shared[0].mean(), (shared[0] + shared[0] * shared[1]).mean()))
    torch.testing.assert_close(tokens, exact, atol=0.05, rtol=0)
    assert abs(torch.tensor(told["hit@2"])[0] - p[0].gather(-1, q[0].topk(2).indices).sum(-1).mean()) < 1e-3
    assert abs(torch.tensor(told["greedy"])[1] - (p[1].argmax(-1) == q[1].argmax(-1)).float().mean()) < 1e-3
