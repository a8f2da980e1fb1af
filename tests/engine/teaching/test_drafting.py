"""What drafters learn is what they do: a draft in training is a draft token by token."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from engine.teaching.block import Block, Layer
from engine.teaching.head import Head
from engine.teaching.layer import Attention, Sizes, turned

SIZES = Sizes(16, 4, 2, 4, 24, vocabulary=40, few=12, taps=(2, 4, 5), depth=8, theta=100.0)
TIME, STEPS = 11, 4


def stirred(module: torch.nn.Module) -> None:
    """Give every weight a part in the outcome."""
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn_like(weight) * 0.4 + (weight.ndim == 1))


def text() -> tuple[Tensor, Tensor]:
    """Return features and embeddings of two texts."""
    torch.manual_seed(4)
    return torch.randn(2, TIME, 16 * len(SIZES.taps)), torch.randn(2, TIME, 16)


def attended(attention: Attention, x: Tensor, y: Tensor, at: Tensor, seen: Tensor) -> Tensor:
    """Return what rows that read ``y`` make of the rows ``x`` [n, reads] at positions ``at``, by the textbook."""

    def heads(part: torch.nn.Linear, given: Tensor) -> Tensor:
        found: Tensor = part(given).unflatten(-1, (-1, attention.head))
        return found

    query, key = heads(attention.q_proj, y), heads(attention.k_proj, x)
    if attention.norms:
        query, key = attention.q_norm(query), attention.k_norm(key)
    query, key = (turned(each, at[len(at) - len(each) :], attention.theta) for each in (query, key))
    key, value = (each.repeat_interleave(2, dim=1) for each in (key, heads(attention.v_proj, x)))
    query, key, value = (each.transpose(0, 1) for each in (query, key, value))
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen)
    out: Tensor = attention.o_proj(mixed.transpose(0, 1).flatten(1))
    return out


@torch.no_grad()
def test_head_drafts_in_training_as_it_drafts_token_by_token() -> None:
    """Guards against a test at training time that sees what nobody has yet, or another row's steps."""
    head = Head(SIZES, torch.arange(12) * 3)
    stirred(head)
    features, embedded = text()
    anchors = torch.tensor([[0, 3, 4], [5, 1, 6]])
    found = head(features, embedded, anchors, STEPS)
    layer = head.midlayer
    for row in range(2):
        for slot, anchor in enumerate(anchors[row].tolist()):
            rows = head.fc(features[row, : anchor + 1])  # true rows, up to the anchor
            for step in range(STEPS):
                x = layer.read(embedded[row, 1 : len(rows) + 1], rows)
                at = torch.arange(len(rows))
                hidden = rows + attended(layer.self_attn, x, x, at, at <= at[:, None])
                hidden = (hidden + layer.mlp(layer.post_attention_layernorm(hidden)))[-1:]
                torch.testing.assert_close(found[step, row, slot], head.norm(hidden)[0], atol=1e-5, rtol=1e-4)
                rows = torch.cat((rows, hidden))  # what was made is what is read next


@torch.no_grad()
def test_block_guesses_in_training_as_behind_a_text_that_ends_there() -> None:
    """Guards against a block that sees its anchor's feature, what comes behind, or another anchor's rows."""
    block = Block(SIZES, torch.arange(12) * 3, layers=2, block=3, mask=7, rank=4)
    stirred(block)
    features, embedded = text()
    tokens, masked = torch.arange(2 * TIME).view(2, TIME), torch.randn(16)
    anchors = torch.tensor([[1, 6], [8, 3]])
    found = block(features, embedded, anchors, masked, tokens)
    for row in range(2):
        for slot, anchor in enumerate(anchors[row].tolist()):
            context = block.hidden_norm(block.fc(features[row, :anchor]))
            hidden = torch.stack((embedded[row, anchor], masked, masked))
            at = torch.arange(anchor + 3)
            for layer in block.layers:
                assert isinstance(layer, Layer)
                x = layer.input_layernorm(hidden)
                seen = torch.ones(3, anchor + 3, dtype=torch.bool)
                hidden = hidden + attended(layer.self_attn, torch.cat((context, x)), x, at, seen)
                hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
            last = block.markov_head.markov_w1.weight[tokens[row, anchor : anchor + 3]]
            torch.testing.assert_close(
                found[:, row, slot], torch.cat((block.norm(hidden), last), -1), atol=1e-5, rtol=1e-4
            )
    logits = found @ block.table().T
    parts = found.split((16, 4), -1)
    torch.testing.assert_close(logits, block.lm_head(parts[0]) + block.markov_head.markov_w2(parts[1]))
