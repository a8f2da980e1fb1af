"""DFlash and DSpark at work: every row's logits, drafts behind rejections of every length, whole replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from engine.architecture.holding import Holding
from engine.config import PRESETS, TARGET, Block, ModelSet, Preset, Sampling, Stage, Window
from engine.decoding.chain import build
from engine.decoding.facts import Drafted
from engine.decoding.frequent import frequent_tokens
from engine.decoding.hierarchy import Drafter
from engine.decoding.laws import Sampler
from engine.decoding.sources import Home, making
from engine.decoding.sources.block import BlockReader
from engine.decoding.tape import Tape
from engine.decoding.trunk import Trunk
from engine.events import Event, Finished, Round
from engine.model import Transformer, load
from engine.model.drafters.block import BlockDrafter
from engine.model.packed import Packed
from engine.model.packing import refusal
from engine.session import Session
from tests.engine.drafters import MASK, ROWS, TAPS, Layout, block_config, write_block, write_knowing
from tests.engine.family import finish

GREEDY, WARM = Sampling(temperature=0), Sampling(temperature=0.8, top_p=0.9, seed=3)
KINDS: dict[str, tuple[Layout, bool, int | None]] = {
    "z-lab DFlash": ("z-lab", False, None),
    "DeepSpec DFlash": ("deepspec", False, None),
    "DSpark": ("deepspec", True, None),
    "speculators DFlash": ("speculators", False, None),
    "speculators DSpark of 100 tokens": ("speculators", True, 100),
}
TEXT = [7, 20, 33, 4, 250, 11, 92, 61, 140, 5, 77, 8, 201, 99, 14, 3]


def preset(window: int = ROWS, confidence: float | None = 0.0) -> Preset:
    stages = Stage(Block(confidence), Window(window)), *PRESETS["plain"].stages
    return Preset("block", "DSpark", "A block.", stages)


@pytest.fixture(scope="module")
def target(family: ModelSet) -> Transformer:
    return finish(load(family.target, torch.device("cpu")))


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, target: Transformer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout, dspark, spoken = KINDS[request.param]
    folder = tmp_path_factory.mktemp("block")
    write_block(folder, target.vocabulary, layout, dspark=dspark, spoken=spoken)
    return folder


def drafter_of(folder: Path, target: Transformer) -> BlockDrafter:
    home = Home({TARGET: target}, Holding("cpu", "exact"), 256)
    drafter = making(Block()).load(folder, home)
    assert isinstance(drafter, BlockDrafter)
    return drafter


def chain_of(folder: Path, target: Transformer, sampling: Sampling, window: int = ROWS) -> Drafter:
    own = {"block": drafter_of(folder, target)}
    return build(preset(window), {TARGET: Trunk(target)}, Sampler(sampling), target.vocabulary, own=own)


def reader_of(chain: Drafter) -> BlockReader:
    reader = chain.below.reader  # type: ignore[union-attr]
    assert isinstance(reader, BlockReader)
    return reader


# An independent reading of the papers, one row after another.


def norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight


def turned(x: Tensor, position: int) -> Tensor:
    """Rotate one head [16] by its position, theta 500."""
    angles = position * 500.0 ** (-torch.arange(0, 16, 2) / 16)
    a, b = x[:8], x[8:]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()])


def reference_states(tensors: dict[str, Tensor], features: Tensor, embedded: Tensor) -> Tensor:
    """Return the normed states of a block ``embedded`` [n, 32] behind ``features`` [m, 32 * taps] of all before it."""
    context = norm(features @ tensors["fc.weight"].T, tensors["hidden_norm.weight"])
    hidden, m = embedded, len(features)
    for index in range(2):
        t = {name.removeprefix(f"layers.{index}."): each for name, each in tensors.items()}
        seen = torch.cat([context, norm(hidden, t["input_layernorm.weight"])])
        keys = (seen @ t["self_attn.k_proj.weight"].T).view(-1, 2, 16)
        values = (seen @ t["self_attn.v_proj.weight"].T).view(-1, 2, 16)
        queries = (seen[m:] @ t["self_attn.q_proj.weight"].T).view(-1, 4, 16)
        rows = []
        for i in range(len(hidden)):
            heads = []
            for head in range(4):
                query = turned(norm(queries[i, head], t["self_attn.q_norm.weight"]), m + i)
                scores = torch.stack(
                    [
                        query @ turned(norm(keys[j, head // 2], t["self_attn.k_norm.weight"]), j) / 4
                        for j in range(len(seen))
                    ]
                )
                heads.append(scores.softmax(0) @ values[:, head // 2])
            rows.append(torch.cat(heads))
        hidden = hidden + torch.stack(rows) @ t["self_attn.o_proj.weight"].T
        normed = norm(hidden, t["post_attention_layernorm.weight"])
        gated = functional.silu(normed @ t["mlp.gate_proj.weight"].T) * (normed @ t["mlp.up_proj.weight"].T)
        hidden = hidden + gated @ t["mlp.down_proj.weight"].T
    return norm(hidden, tensors["norm.weight"])


def features_of(target: Transformer, tape: Sequence[int]) -> Tensor:
    states, cache, at, found = target.embed(torch.tensor(tape)), target.new_cache(), 0, []
    for depth in TAPS:
        states, at = target.run(states, range(at, depth), cache), depth
        found.append(states)
    return torch.cat(found, dim=1)


def reference_logits(folder: Path, target: Transformer, tape: Sequence[int], drafted: Sequence[int]) -> Tensor:
    """Return the plain logits of every drafted token, the Markov head's share included: [n, vocabulary]."""
    tensors = load_file(folder / "model.safetensors")
    anchored = "dflash_config" not in (config := (folder / "config.json").read_text()) and '"dflash"' not in config
    embedded = target.embed(torch.tensor([tape[-1]] + [MASK] * (ROWS - 1)))
    states = reference_states(tensors, features_of(target, tape[:-1]), embedded)[0 if anchored else 1 :]
    own = "d2t" in tensors
    logits = states @ (tensors["lm_head.weight"] if own else target.embedding).T  # the family's heads are tied
    if "markov_head.markov_w1.weight" in tensors:
        before = torch.tensor([tape[-1], *drafted])[: len(logits)]
        rows = tensors["markov_head.markov_w1.weight"].bfloat16().float()[before]
        logits = logits[: len(rows)] + rows @ tensors["markov_head.markov_w2.weight"].T
    if own:
        tokens = torch.arange(len(tensors["d2t"])) + tensors["d2t"]
        logits = torch.full((len(logits), target.vocabulary), -torch.inf).index_copy(1, tokens, logits)
    return logits


@torch.inference_mode()
def test_every_row_is_as_the_papers_say(folder: Path, target: Transformer) -> None:
    """Logits of all rows, in every layout, behind a prompt read in chunks and behind rounds of the target."""
    chain = chain_of(folder, target, GREEDY)
    reader, tape = reader_of(chain), Tape(TEXT[:9])
    for upto in (3, 5, 8):
        chain.prefill(tape, upto)
    for _ in range(3):
        before = list(tape)
        reader.guess(tape)
        logits = []
        while (law := reader.law(tape)) is not None:
            assert law.logits is not None
            logits.append(law.logits[0])
            tape.append(int(law.logits[0].argmax()))
        drafted = tape[len(before) :]
        assert len(drafted) == reader.drafter.shape.tokens
        assert torch.allclose(torch.stack(logits), reference_logits(folder, target, before, drafted), atol=2e-4)
        tape[:] = before
        [*chain.draft(tape)]


def drafts(chain: Drafter, tape: Tape) -> tuple[int, ...]:
    """Return what the chain's bottom proposes behind ``tape``, which stays."""
    assert chain.below is not None
    length = len(tape)
    (fact,) = chain.below.draft(tape)
    del tape[length:]
    assert isinstance(fact, Drafted)
    return fact.tokens


@pytest.mark.parametrize("folder", ["z-lab DFlash", "speculators DSpark of 100 tokens"], indirect=True)
@pytest.mark.parametrize("window", [2, ROWS])
def test_rejections_of_every_length_leave_no_trace(folder: Path, target: Transformer, window: int) -> None:
    """Behind each, the drafts are those of a drafter that starts afresh on the same tape."""
    chain, tape = chain_of(folder, target, WARM, window), Tape(TEXT[:4])
    chain.prefill(tape, 3)
    for kept in (*range(window + 1), 0):
        proposed, mark = drafts(chain, tape), len(tape)
        wrong = [(token + 1) % 250 for token in proposed]
        tape += [*proposed[:kept], *wrong[kept:]]
        chain.reader.laws(tape, mark, len(proposed) + 1)  # type: ignore[attr-defined] # the target reads all of them
        del tape[mark + min(kept, len(proposed)) :]
        chain.rewind(len(tape))
        tape.append(TEXT[kept])
        fresh, again = chain_of(folder, target, WARM, window), Tape(tape)
        fresh.prefill(again, len(again) - 1)
        assert drafts(chain, tape) == drafts(fresh, again)


def ask(session: Session, words: str, wanted: Preset, sampling: Sampling) -> list[Event]:
    return [*session.reply([("user", words)], preset=wanted, sampling=sampling, max_tokens=12)]


def text(events: Sequence[Event]) -> str:
    assert isinstance(events[-1], Finished)
    return events[-1].text


@pytest.mark.parametrize("folder", ["DSpark"], indirect=True)
def test_replies_are_plain_ones(family: ModelSet, folder: Path) -> None:
    """Greedy and drawn, behind another method, with a level between, and stopped by confidence."""
    models = ModelSet("Block", {**family.models, "block": folder})
    session, plain = (finish(Session.open(models, "cpu", "eager", threads=1)) for _ in range(2))
    session._loaded.runner.chunk = 5
    over = replace(preset(3), stages=(preset(3).stages[0], *PRESETS["hsd"].stages[1:]))
    for words, wanted, sampling in (
        ("The quick brown", preset(), GREEDY),
        ("The quick", PRESETS["hispec"], GREEDY),
        ("The quick brown fox", preset(), WARM),
        ("The quick brown fox", over, WARM),
        ("The lazy dog", preset(confidence=None), GREEDY),
    ):
        events = ask(session, words, wanted, sampling)
        assert text(events) == text(ask(plain, words, PRESETS["plain"], sampling))
    rounds = [event for event in ask(session, "A block", preset(), GREEDY) if isinstance(event, Round)]
    passes = [made for each in rounds for made in each.passes if made.level == 0]
    assert len(passes) == len(rounds), "one pass a block"
    assert max(made.tokens for made in passes) == ROWS


@pytest.mark.parametrize("folder", ["z-lab DFlash", "speculators DSpark of 100 tokens"], indirect=True)
def test_recorded_it_drafts_the_same(family: ModelSet, folder: Path) -> None:
    """Rounds and replies as operation by operation, from one reply to the next, drawn and greedy."""
    models = ModelSet("Block", {**family.models, "block": folder})
    recorded, eager = (
        finish(Session.open(models, "cpu", how, weights="exact", threads=1)) for how in ("graphs", "eager")
    )
    for words, wanted, sampling in (
        ("The quick brown", preset(), GREEDY),
        ("The quick brown fox", PRESETS["plain"], WARM),
        ("The quick brown fox", preset(4, confidence=0.6), WARM),
    ):
        told = [rounds(ask(session, words, wanted, sampling)) for session in (recorded, eager)]
        assert told[0] == told[1]
    assert recorded.how == "graphs"


def test_recorded_it_drafts_the_same_where_much_stands(family: ModelSet, target: Transformer, tmp_path: Path) -> None:
    """A round that settles several tokens leaves as many to take in: from rings as from taps."""
    plain = finish(Session.open(family, "cpu", "eager", weights="exact", threads=1))
    known = [
        [
            token.id
            for event in ask(plain, words, PRESETS["plain"], WARM)
            if isinstance(event, Round)
            for token in event.settled
        ]
        for words in ("The quick", "The lazy dog")
    ]
    write_knowing(tmp_path, block_config("deepspec", target.vocabulary, dspark=True) | {"markov_rank": 64}, known)
    models = ModelSet("Block", {**family.models, "block": tmp_path})
    recorded, eager = (
        finish(Session.open(models, "cpu", how, weights="exact", threads=1)) for how in ("graphs", "eager")
    )
    settled: list[int] = []
    for words in ("The quick", "The lazy dog"):
        events = ask(recorded, words, preset(), WARM)
        assert rounds(events) == rounds(ask(eager, words, preset(), WARM))
        settled += [len(event.settled) for event in events if isinstance(event, Round)]
    assert max(settled) > 2, settled


def rounds(events: Sequence[Event]) -> list[object]:
    """Return what was proposed and what stood, round by round, and the drafter's passes behind it."""
    return [
        (
            [(token.id, token.level, token.ghost) for token in each.tokens],
            [made.tokens for made in each.passes if made.level == 0],
        )
        for each in events
        if isinstance(each, Round)
    ]


def first_laws(chain: Drafter, tokens: Sequence[int]) -> Tensor:
    """Return the plain logits of a block behind ``tokens``, the same drafted in each case: [n, vocabulary]."""
    reader, tape, logits = reader_of(chain), Tape(tokens), []
    chain.prefill(tape, len(tape) - 1)
    reader.guess(tape)
    while (law := reader.law(tape)) is not None:
        assert law.logits is not None
        logits.append(law.logits[0])
        tape.append(50)
    return torch.stack(logits)


def test_trimmed_and_packed(family: ModelSet, target: Transformer, tmp_path: Path) -> None:
    """For frequent tokens alone the logits are those of the whole head; packed to 8 bits they are near."""
    write_block(tmp_path, target.vocabulary)
    whole = first_laws(chain_of(tmp_path, target, GREEDY), TEXT)

    frequent = frequent_tokens(family.target, target, target.vocabulary, frozenset())
    assert frequent is not None
    method = replace(preset(), stages=(replace(preset().stages[0], trimmed=True), *preset().stages[1:]))
    trunk, own = Trunk(target, frequent), {"block": drafter_of(tmp_path, target)}
    chain = build(method, {TARGET: trunk}, Sampler(GREEDY), target.vocabulary, own=own)
    trimmed, tokens = first_laws(chain, TEXT), frequent.tokens
    assert torch.allclose(trimmed[:, tokens], whole[:, tokens], atol=1e-4)
    assert int((trimmed > -torch.inf).sum()) == ROWS * len(tokens)

    if refusal():
        pytest.skip(refusal())
    home = Home({TARGET: target}, Holding("cpu", "8 bits"), 256)
    packed = making(Block()).load(tmp_path, home)
    assert isinstance(packed, BlockDrafter)
    assert isinstance(packed.weights.layers[0].qkv, Packed)
    logits = first_laws(
        build(preset(), {TARGET: Trunk(target)}, Sampler(GREEDY), target.vocabulary, own={"block": packed}), TEXT
    )
    assert float((logits - whole).norm() / whole.norm()) < 0.05


def test_what_it_takes_is_counted(target: Transformer, tmp_path: Path) -> None:
    """The bytes that are asked for before loading are those of the tensors loaded, and of keys and values."""
    write_block(tmp_path, target.vocabulary, "speculators", spoken=100)
    home = Home({TARGET: target}, Holding("cpu", "exact"), 64)
    drafter, tensors = drafter_of(tmp_path, target), load_file(tmp_path / "model.safetensors")
    loaded = sum(tensors[name].numel() for name in drafter.shape.tensors())
    rows = tensors["markov_head.markov_w1.weight"].numel()
    past = 2 * 2 * 2 * 16 * (64 + ROWS) + 2 * 64 * 16
    assert making(Block()).memory(tmp_path, home) == 4 * (loaded + past) - 2 * rows
    assert "embed_tokens.weight" not in drafter.shape.tensors()
