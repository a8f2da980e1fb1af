"""What drafters' layers are made of, each reading a context of true rows and a few rows of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a drafter must know of its target, and the ``few`` tokens it has a head for."""

    width: int
    heads: int
    kv_heads: int
    head: int  # width of one attention head
    mlp: int
    vocabulary: int
    few: int
    taps: tuple[int, ...]  # layers of the target whose inputs are read
    depth: int  # layers of the target
    theta: float = 10_000.0
    epsilon: float = 1e-5
    context: int = 2048

    def norm(self, width: int | None = None) -> nn.RMSNorm:
        """Return a norm of states, or of ``width``."""
        return nn.RMSNorm(width or self.width, eps=self.epsilon)

    def features(self) -> nn.Linear:
        """Return what makes one state of all taps, at first the last tap alone."""
        count = len(self.taps)
        found = nn.Linear(count * self.width, self.width, bias=False)
        nn.init.normal_(found.weight, std=0.2 * (count * self.width) ** -0.5)
        with torch.no_grad():
            found.weight[:, -self.width :] += torch.eye(self.width)
        return found


class Attention(nn.Module):
    """Grouped-query attention of rows that see rows of the context and a few of their own."""

    def __init__(self, sizes: Sizes, reads: int, *, norms: bool) -> None:
        """``reads``: width of what is read; ``norms``: queries and keys are normed head by head, as in Qwen3."""
        super().__init__()
        self.head, self.theta = sizes.head, sizes.theta
        self.q_proj = nn.Linear(reads, sizes.heads * sizes.head, bias=False)
        self.k_proj = nn.Linear(reads, sizes.kv_heads * sizes.head, bias=False)
        self.v_proj = nn.Linear(reads, sizes.kv_heads * sizes.head, bias=False)
        self.o_proj = nn.Linear(sizes.heads * sizes.head, sizes.width, bias=False)
        if norms:
            self.q_norm, self.k_norm = sizes.norm(sizes.head), sizes.norm(sizes.head)
        nn.init.zeros_(self.o_proj.weight)  # a layer starts as the identity
        self.norms = norms

    def query(self, x: Tensor, positions: Tensor) -> Tensor:
        """Return the queries (..., n, heads, head) of ``x`` (..., n, reads)."""
        found = self.q_proj(x).unflatten(-1, (-1, self.head))
        return turned(self.q_norm(found.float()) if self.norms else found, positions, self.theta)

    def keyed(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keys and values (..., n, kv_heads, head) of ``x``."""
        key, value = (part(x).unflatten(-1, (-1, self.head)) for part in (self.k_proj, self.v_proj))
        return turned(self.k_norm(key.float()) if self.norms else key, positions, self.theta), value

    def forward(
        self, query: Tensor, context: tuple[Tensor, Tensor], seen: Tensor, own: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Return what rows make of the rows they see, (batch, anchors, rows, width).

        ``query`` (batch, anchors, rows, heads, head); ``context``: keys and values (batch, time, kv_heads, head), which
        of them each anchor has ``seen`` (batch, anchors, time); ``own``: those all rows of an anchor see besides,
        (batch, anchors, some, kv_heads, head).
        """
        batch, anchors, rows, heads, head = query.shape
        (keys, values), (own_keys, own_values) = context, own
        time, groups = keys.shape[1:3]
        grouped = query.to(values.dtype).view(batch, anchors, rows, groups, heads // groups, head)
        far = grouped.permute(0, 3, 4, 1, 2, 5).reshape(batch, groups, -1, head) @ keys.to(values.dtype).permute(
            0, 2, 3, 1
        )
        far = far.view(batch, groups, -1, anchors, rows, time).masked_fill(~seen[:, None, None, :, None], -torch.inf)
        near = grouped.permute(0, 1, 3, 4, 2, 5).reshape(batch, anchors, groups, -1, head)
        near = near @ own_keys.to(values.dtype).permute(0, 1, 3, 4, 2)
        near = near.view(batch, anchors, groups, heads // groups, rows, -1).permute(0, 2, 3, 1, 4, 5)
        shares = (torch.cat((far, near), -1).float() * head**-0.5).softmax(-1).to(values.dtype)
        of_far, of_near = shares.split((time, near.shape[-1]), -1)
        mixed = of_far.reshape(batch, groups, -1, time) @ values.permute(0, 2, 1, 3)
        mixed = mixed.view(batch, groups, -1, anchors, rows, head).permute(0, 3, 4, 1, 2, 5)
        of_near = of_near.permute(0, 3, 1, 2, 4, 5).reshape(batch, anchors, groups, -1, near.shape[-1])
        nearer = (of_near @ own_values.permute(0, 1, 3, 2, 4)).view(batch, anchors, groups, -1, rows, head)
        out: Tensor = self.o_proj((mixed + nearer.permute(0, 1, 4, 2, 3, 5)).flatten(-3))
        return out


class Gated(nn.Module):
    """The feed-forward part: SiLU gate times up, then down."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(sizes.width, sizes.mlp, bias=False)
        self.up_proj = nn.Linear(sizes.width, sizes.mlp, bias=False)
        self.down_proj = nn.Linear(sizes.mlp, sizes.width, bias=False)
        nn.init.zeros_(self.down_proj.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (..., width) to the same shape."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(hidden)) * self.up_proj(hidden))
        return out


def turned(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Turn heads (..., n, heads, head) by their ``positions`` (..., n), halves paired as in the Hub's Llama."""
    half = x.shape[-1] // 2
    speeds = theta ** (-torch.arange(half, device=x.device) / half)
    angle = (positions[..., None] * speeds)[..., None, :]
    cos, sin = angle.cos(), angle.sin()
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


def picked(rows: Tensor, places: Tensor) -> Tensor:
    """Return ``rows`` (batch, time, width) at ``places`` (batch, some), those past the end from the last row."""
    at = places.clamp(0, rows.shape[1] - 1)
    return rows.gather(1, at[..., None].expand(-1, -1, rows.shape[-1]))
