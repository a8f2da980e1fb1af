"""The kernel for NF4 and groups on a real GPU: right, the same for any number of tokens, and safe to capture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.model.kernels import attend, available, nf4_linear, rms_norm, rotate
from engine.model.kernels.backend import dequantised, random_groups, random_weight
from engine.model.kernels.groups import unpacked
from engine.model.kernels.nf4 import multiply
from engine.model.kernels.plan import Tuning
from engine.model.rotary import rotated

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
GPU = torch.device("cuda", 0)
SHAPES = [
    (16, 64),  # one tile, one block
    (17, 128),  # a row too many
    (48, 4096),
    (1000, 896),  # Qwen2.5 0.5B: a chunk and a half of K
    (896, 4864),
    (6144, 4096),
    (4096, 14336),  # K split over CTAs
    (1040, 11008),
    (12289, 512),
]


@dataclass(frozen=True)
class Weight:
    packed: Tensor
    scales: Tensor
    code: Tensor
    dense: Tensor

    def times(self, x: Tensor, **options: Any) -> Tensor:
        blocksize = 32 if self.scales.dtype == torch.float16 else 64
        return nf4_linear(x, self.packed, self.scales, self.code, blocksize=blocksize, **options)


Weights = Callable[[int, int], Weight]  # rows, columns -> a random one
Tokens = Callable[[int, int], Tensor]  # count, columns -> bf16 [count, columns]


@pytest.fixture
def draw() -> torch.Generator:
    return torch.Generator(GPU).manual_seed(torch.seed() % 2**31)


@pytest.fixture(params=[random_weight, random_groups], ids=["nf4", "groups"])
def weight(request: pytest.FixtureRequest, draw: torch.Generator) -> Weights:
    def make(rows: int, columns: int) -> Weight:
        packed, scales, code = request.param(rows, columns, GPU, draw)
        made = Weight(packed, scales, code, dequantised(packed, scales, code, columns))
        torch.cuda.synchronize()
        return made

    return make


@pytest.fixture
def tokens(draw: torch.Generator) -> Tokens:
    return lambda count, columns: torch.randn(count, columns, generator=draw, device=GPU).bfloat16()


def relative(y: Tensor, exact: Tensor) -> float:
    return float((y.float() - exact).norm() / exact.norm())


def poison() -> None:
    """Leave NaN in the memory that the next results will be given."""
    blocks = [torch.full((1 << n,), torch.nan, device=GPU) for n in range(4, 22) for _ in range(3)]
    del blocks


def test_our_kernel_is_used() -> None:
    """A self-test that fails would let every test below pass on bitsandbytes' kernel."""
    assert available(GPU).name == "updraft", available(GPU).reason


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 33])
def test_product_is_right(shape: tuple[int, int], count: int, weight: Weights, tokens: Tokens) -> None:
    """A wrong fragment, swizzle, tail or unwritten output shows against the dequantised product."""
    made, x = weight(*shape), tokens(count, shape[1])
    poison()
    assert relative(made.times(x), x.float() @ made.dense.T) < 5e-3


@pytest.mark.parametrize("lean", [0, 30])
@pytest.mark.parametrize("shape", [(48, 576), (1000, 896), (4096, 14336)], ids=str)
def test_minimums_are_added(shape: tuple[int, int], lean: float, draw: torch.Generator, tokens: Tokens) -> None:
    """Groups far from zero, whose codes take back most of what their minimums add, also where activations lean."""
    (packed, scales, code), x = random_groups(*shape, GPU, draw), tokens(16, shape[1]) + lean
    exact = x.double() @ dequantised(packed, scales, code, shape[1]).double().T
    torch.cuda.synchronize()
    for count in (1, 8, 16):
        y = nf4_linear(x[:count], packed, scales, code, blocksize=32)
        assert relative(y, exact[:count]) < 3e-3
    scales.view(-1, 2)[:, 1] = 0
    torch.cuda.synchronize()
    assert relative(nf4_linear(x, packed, scales, code, blocksize=32), exact) > 0.1


@pytest.mark.parametrize("shape", [(7, 64), (1000, 896), (5000, 14336)], ids=str)
def test_groups_are_unpacked(shape: tuple[int, int], draw: torch.Generator, tokens: Tokens) -> None:
    """Prompts are multiplied by what this makes: a lane's bytes at another place, a tail of the grid left out."""
    packed, scales, code = random_groups(*shape, GPU, draw)
    exact, x = dequantised(packed, scales, code, shape[1]), tokens(100, shape[1])
    poison()
    torch.testing.assert_close(unpacked(packed, scales, shape, torch.bfloat16).float(), exact, rtol=2**-7, atol=1e-6)
    poison()
    assert relative(nf4_linear(x, packed, scales, code, blocksize=32), x.float() @ exact.T) < 5e-3


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_token_does_not_depend_on_its_company(shape: tuple[int, int], weight: Weights, tokens: Tokens) -> None:
    """Verifying several tokens must give each the bits decoding it alone gives, or greedy replies drift."""
    made, x = weight(*shape), tokens(16, shape[1])
    alone = torch.cat([made.times(x[i : i + 1]) for i in range(16)])
    for count in range(1, 17):
        assert torch.equal(made.times(x[:count]), alone[:count])


@pytest.mark.parametrize("shape", [(4096, 4096), (4096, 14336), (1008, 8640), (28672, 4096)], ids=str)
@pytest.mark.parametrize("gated", [False, True])
def test_every_run_gives_the_same_bits(shape: tuple[int, int], gated: bool, weight: Weights, tokens: Tokens) -> None:
    """A race between warps or CTAs shows as a result that moves, or as a run that never ends."""
    made, x = weight(*shape), tokens(16, shape[1])
    first = made.times(x, gated=gated)
    for _ in range(300):
        assert torch.equal(made.times(x, gated=gated), first)


@pytest.mark.parametrize("warps", [8, 16])
@pytest.mark.parametrize("table_stride", [128, 256])
@pytest.mark.parametrize("shape", [(272, 4096), (48, 2048), (176, 14336)], ids=str)
def test_every_build_is_right(
    shape: tuple[int, int], table_stride: int, warps: int, weight: Weights, tokens: Tokens
) -> None:
    """Smaller GPUs run other builds than this one does by itself; they must not be found wrong there."""
    made, x = weight(*shape), tokens(16, shape[1])
    choice = Tuning(warps, ctas=1, min_ctas=1, stages=2, table_stride=table_stride, ahead=0)
    exact = x.float() @ made.dense.T
    for count in (1, 8, 16):
        y = multiply(x[:count], made.packed, made.scales, made.code, choice=choice)
        assert relative(y, exact[:count]) < 5e-3


@pytest.mark.parametrize("shape", [(640, 4096), (88, 512), (1792, 14336)], ids=str)
@pytest.mark.parametrize("count", [1, 8, 16])
def test_epilogues(shape: tuple[int, int], count: int, weight: Weights, tokens: Tokens) -> None:
    """Bias, residual and the gated product are rounded once, at the end; tails of the halves stay apart."""
    made, x = weight(*shape), tokens(count, shape[1])
    bias, residual = tokens(1, shape[0])[0], tokens(count, shape[0])
    exact = x.float() @ made.dense.T + bias.float()
    assert relative(made.times(x, bias=bias, residual=residual), exact + residual.float()) < 5e-3
    gate, up = exact.chunk(2, dim=-1)
    poison()
    assert relative(made.times(x, bias=bias, gated=True), functional.silu(gate) * up) < 5e-3


def test_graph_replays_with_new_input(weight: Weights, tokens: Tokens) -> None:
    """A chain captured with overlapping launches must see what the kernel ahead wrote, not what lay there before."""
    up, down = weight(28672, 4096), weight(4096, 14336)
    x = tokens(8, 4096)

    def chain() -> Tensor:
        gated = up.times(x, gated=True, ahead=down.packed)
        y: Tensor = down.times((gated / 64).bfloat16(), residual=x, ahead=up.packed)
        return y

    chain()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = chain()
    for _ in range(3):
        x.copy_(tokens(8, 4096))
        graph.replay()
        assert torch.equal(y, chain())


def test_direct_chain_sees_the_kernel_ahead(weight: Weights, tokens: Tokens) -> None:
    """Products that feed one another with nothing between them overlap most: a missing wait shows here."""
    one, two = weight(4096, 4096), weight(4096, 4096)
    x = tokens(8, 4096)
    half = two.times(one.times(x))
    torch.cuda.synchronize()
    slow = one.times(x)
    torch.cuda.synchronize()
    assert torch.equal(two.times(slow), half)


@pytest.mark.parametrize("shape", [(640, 4096), (1792, 14336)], ids=str)
def test_idle_product_is_left_out(shape: tuple[int, int], weight: Weights, tokens: Tokens) -> None:
    """A chain that has stopped must cost nothing and harm nothing: no write, no counter left half way, no late copy."""
    made, x = weight(*shape), tokens(9, shape[1])
    flag = torch.zeros(1, device=GPU, dtype=torch.int32)
    for gated in (False, True):
        whole = made.times(x, gated=gated)
        for resting in (1, 0, 1, 0):
            flag.fill_(resting)
            y = left_over(lambda: made.times(x, gated=gated, idle=flag), whole)  # noqa: B023 - called at once
            assert torch.equal(y, torch.full_like(y, 7) if resting else whole)


def test_idle_is_what_the_kernel_ahead_says(weight: Weights, tokens: Tokens) -> None:
    """The flag is looked at early to spare copies; that guess must decide nothing, right or wrong."""
    made, x = weight(4096, 14336), tokens(8, 14336)
    whole = made.times(x)
    ahead, ones = torch.ones(1, 8, device=GPU).bfloat16(), torch.ones(8, device=GPU).bfloat16()
    y = torch.zeros_like(whole)

    def chain() -> None:
        flag = rms_norm(ahead, ones, 1e-5).view(torch.int32)[0, :1]  # not zero for ones, zero for zeros
        y.copy_(made.times(x, idle=flag))

    chain()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        chain()
    for resting in (0, 1, 0, 0, 1, 1, 0):
        ahead.fill_(resting)
        graph.replay()
        assert resting or torch.equal(y, whole)


def left_over(run: Callable[[], Tensor], like: Tensor) -> Tensor:
    """Run with the memory of the result full of sevens."""
    old = torch.full_like(like, 7)
    address = old.data_ptr()
    del old
    y = run()
    assert y.data_ptr() == address
    return y


def test_idle_in_between(tokens: Tokens) -> None:
    """Norm, rotation and attention of a chain that has stopped must leave the cache and their results alone."""
    flag = torch.ones(1, device=GPU, dtype=torch.int32)
    at = torch.tensor([5], device=GPU, dtype=torch.int32)
    x, ones = tokens(3, 64), tokens(1, 64)[0]
    assert (left_over(lambda: rms_norm(x, ones, 1e-5, idle=flag), x) == 7).all()
    qkv, turns = tokens(3, 8 * 64), tokens(64, 64)
    cache = torch.full((2, 2, 64, 64), 7.0, device=GPU).bfloat16()
    keys, values = cache
    query = tokens(3, 4 * 64).view(3, 4, 64)
    assert (left_over(lambda: rotate(qkv, turns, turns, at, keys, values, idle=flag), query) == 7).all()
    assert (cache == 7).all()
    assert (left_over(lambda: attend(query, keys, values, at, idle=flag), query) == 7).all()
    cache.copy_(tokens(256, 64).view_as(cache))
    assert torch.equal(attend(query, keys, values, at, idle=flag * 0), attend(query, keys, values, at))


def test_other_stream(weight: Weights, tokens: Tokens) -> None:
    """A launch must go to torch's current stream, or it runs ahead of its input."""
    made, stream = weight(4096, 4096), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        x = tokens(8, 4096)
        torch.cuda._sleep(20_000_000)  # type: ignore[no-untyped-call]
        x.mul_(2)
        y = made.times(x)
    stream.synchronize()
    assert torch.equal(y, made.times(x))


# What goes around the products.


@pytest.mark.parametrize("width", [64, 2048, 4096, 5120])
def test_rms_norm(width: int, tokens: Tokens) -> None:
    """Another order of rounding, or a tail of the row left out of the mean, shows against torch in float32."""
    x, weight = tokens(5, width) * 3, tokens(1, width)[0]
    exact = functional.rms_norm(x.float(), (width,), weight.float(), 1e-5)
    assert relative(rms_norm(x, weight, 1e-5), exact) < 3e-3
    assert torch.equal(rms_norm(x[2:3], weight, 1e-5), rms_norm(x, weight, 1e-5)[2:3])
    beside = torch.zeros(len(x), 2 * width, device=x.device, dtype=x.dtype)
    rms_norm(x, weight, 1e-5, out=beside[:, width:])
    assert torch.equal(beside[:, width:], rms_norm(x, weight, 1e-5))
    assert not beside[:, :width].any()


@pytest.mark.parametrize("head_dim", [64, 128])
@pytest.mark.parametrize("normed", [False, True])
def test_rotate_writes_the_cache(head_dim: int, normed: bool, tokens: Tokens) -> None:
    """Heads mixed up, a position off by one or a sign of the rotation shows against the transformer's own code."""
    heads, kv_heads, count, start = 6, 2, 5, 11
    qkv = tokens(count, (heads + 2 * kv_heads) * head_dim)
    cosine, sine = tokens(32, head_dim), tokens(32, head_dim)
    norms = (tokens(1, head_dim)[0], tokens(1, head_dim)[0]) if normed else None
    keys, values = (torch.full((kv_heads, 32, head_dim), 7.0, device=GPU).bfloat16() for _ in "kv")
    at = torch.tensor([start], device=GPU, dtype=torch.int32)
    query = rotate(qkv, cosine, sine, at, keys, values, norms, 1e-6)

    q, k, v = qkv.float().view(count, -1, head_dim).tensor_split((-2 * kv_heads, -kv_heads), dim=1)
    if norms:
        q, k = (functional.rms_norm(x, (head_dim,), w.float(), 1e-6) for x, w in zip((q, k), norms, strict=True))
    here = slice(start, start + count)
    turn = (cosine[here, None].float(), sine[here, None].float())
    assert relative(query, rotated(q, *turn)) < 3e-3
    assert relative(keys[:, here], rotated(k, *turn).transpose(0, 1)) < 3e-3
    assert torch.equal(values[:, here].float(), v.transpose(0, 1))
    untouched = torch.ones(32, dtype=torch.bool, device=GPU)
    untouched[here] = False
    assert (keys[:, untouched] == 7).all()
    assert (values[:, untouched] == 7).all()


@pytest.mark.parametrize("room", [256, 4096, 20_000])
@pytest.mark.parametrize(("heads", "kv_heads", "head_dim"), [(32, 8, 128), (8, 4, 64), (14, 2, 64)])
@pytest.mark.parametrize("window", [None, 100])
def test_attention(room: int, heads: int, kv_heads: int, head_dim: int, window: int | None, tokens: Tokens) -> None:
    """Masks, spans, groups and the running maximum against torch; each token alone gives the same bits."""
    count = 16
    query = tokens(count, heads * head_dim).view(count, heads, head_dim) * 2
    keys, values = (tokens(kv_heads * room, head_dim).view(kv_heads, room, head_dim) for _ in "kv")
    for start in (0, 120, room // 2 - 5, room - count):
        at = torch.tensor([start], device=GPU, dtype=torch.int32)
        there = torch.arange(start + count, device=GPU)
        here = torch.arange(start, start + count, device=GPU)[:, None]
        mask = there <= here
        if window:
            mask &= there > here - window
        exact = functional.scaled_dot_product_attention(
            query.float().transpose(0, 1).unsqueeze(0),
            keys[None, :, : start + count].float(),
            values[None, :, : start + count].float(),
            attn_mask=mask,
            enable_gqa=True,
        )[0].transpose(0, 1)
        poison()
        together = attend(query, keys, values, at, window)
        assert relative(together, exact) < 8e-3
        for i in (0, 1, 7, 15):
            alone = attend(query[i : i + 1], keys, values, at + i, window)
            assert torch.equal(alone, together[i : i + 1])


def test_attention_of_many_tokens(tokens: Tokens) -> None:
    """A prompt's chunk goes in turns; a turn that forgot its offset would look from the wrong position."""
    query = tokens(40, 8 * 64).view(40, 8, 64)
    keys, values = (tokens(2 * 256, 64).view(2, 256, 64) for _ in "kv")
    at = torch.tensor([100], device=GPU, dtype=torch.int32)
    alone = torch.cat([attend(query[i : i + 1], keys, values, at + i) for i in range(40)])
    assert torch.equal(attend(query, keys, values, at), alone)


def test_attention_sees_what_rotation_has_just_written(tokens: Tokens) -> None:
    """Older positions are read while the kernel ahead runs; new ones read then would be those of another reply."""
    qkv, turns = tokens(8, 12 * 128), tokens(512, 128)
    keys, values = (tokens(2 * 512, 128).view(2, 512, 128) for _ in "kv")
    at = torch.tensor([250], device=GPU, dtype=torch.int32)

    def chain() -> Tensor:
        return attend(rotate(qkv, turns, turns, at, keys, values), keys, values, at)

    chain()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = chain()
    for start in (250, 255, 120, 384, 0):
        at.fill_(start)
        qkv.copy_(tokens(8, 12 * 128))
        graph.replay()
        query = rotate(qkv, turns, turns, at, keys, values)
        torch.cuda.synchronize()
        assert torch.equal(y, attend(query, keys, values, at))
