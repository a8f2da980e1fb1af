"""The starter family's recipe: what it reads, what counts, and what its checkpoints say."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import corpus
import dialogues
import llama
import nf4
import numpy as np
import pytest
import stories
import tokenizer as words
import torch
from learner import unpack
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.teaching.muon import Muon

TALK = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How many are 17 apples?"},
    {"role": "assistant", "content": "17 apples."},
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    chance = random.Random(0)
    return words.learn((stories.tell(chance).text for _ in range(300)), size=700)


@pytest.fixture(scope="module")
def checkpoint(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> tuple[llama.Llama, Path]:
    torch.manual_seed(3)
    model = llama.Llama(llama.Shape(2, 128, 2, 1, 192, exits=(1,)), tokenizer.get_vocab_size())
    for weight in model.linears():
        torch.nn.init.normal_(weight, std=0.05)
    folder = tmp_path_factory.mktemp("checkpoint")
    nf4.export(model, folder, tokenizer)
    return model, folder


def test_shelves_hold_what_the_template_renders(tokenizer: Tokenizer, checkpoint: tuple[llama.Llama, Path]) -> None:
    """Guards against training on another text than the chat template will ever produce."""
    shelf = corpus.shelve([corpus.Record("x", messages=TALK)], tokenizer)
    hub: Any = AutoTokenizer.from_pretrained(checkpoint[1])
    rendered = hub.apply_chat_template(list(TALK), return_dict=True)["input_ids"]
    assert (shelf.tokens & ~np.uint16(corpus.LEARN)).tolist() == rendered


def test_a_finished_turn_is_a_prefix_of_the_next(checkpoint: tuple[llama.Llama, Path]) -> None:
    """Guards against a template that rewrites history, after which no cache could be used again."""
    hub: Any = AutoTokenizer.from_pretrained(checkpoint[1])
    asked = hub.apply_chat_template(list(TALK[:2]), add_generation_prompt=True, tokenize=False)
    answered = hub.apply_chat_template(list(TALK), tokenize=False)
    further = hub.apply_chat_template([*TALK, {"role": "user", "content": " And 3?"}], tokenize=False)
    assert answered == asked + "17 apples." + words.END
    assert further.startswith(answered)
    with pytest.raises(Exception, match="system, user or assistant"):
        hub.apply_chat_template([{"role": "tool", "content": "x"}])


def test_only_replies_and_their_ends_are_learnt(tokenizer: Tokenizer) -> None:
    """Guards against a loss on questions, which would teach the model to ask instead of to answer and to stop."""
    shelf = corpus.shelve([corpus.Record("x", messages=TALK), corpus.Record("y", text="Once.")], tokenizer)
    rows = torch.from_numpy(shelf.document(0)[None].view(np.int16))
    batch = unpack(rows, replies_only=True)
    assert tokenizer.decode(batch.labels[batch.learn.bool()].tolist(), skip_special_tokens=False) == "17 apples.<|end|>"
    assert unpack(rows, replies_only=False).learn.all()
    assert (shelf.document(1)[1:] & corpus.LEARN).all()


def test_an_epoch_holds_every_document_once(tokenizer: Tokenizer) -> None:
    """Guards against rows that lose or repeat tokens where documents and rows meet."""
    records = [corpus.Record("x", text=f"Story {n}. " + "word " * n) for n in range(40)]
    shelf = corpus.shelve(records, tokenizer)
    rows = corpus.epoch({"x": shelf}, {"x": 1}, length=16, seed=5)
    flat = np.concatenate([rows[:, :-1].ravel(), rows[-1:, -1]])
    assert len(shelf.tokens) - len(flat) < 16
    begins = int((flat == tokenizer.token_to_id(words.BEGIN)).sum())
    assert begins >= 38  # all but those in the rest that fills no row
    assert (rows[:-1, -1] == rows[1:, 0]).all()
    assert len(corpus.epoch({"x": shelf}, {"x": 2.5}, 16, 0)) == pytest.approx(2.5 * len(rows), rel=0.15)


def test_what_is_held_out_is_never_trained_on() -> None:
    """Guards against figures measured on what the model has read."""
    train, held = corpus.split(corpus.Record("x", text=str(n)) for n in range(1000))
    texts = {record.text for record in train["x"]}
    assert len(held["x"]) == 5
    assert texts.isdisjoint(record.text for record in held["x"])
    assert len(texts) + len(held["x"]) == 1000


def test_transformers_reads_the_checkpoint_as_it_was_trained(checkpoint: tuple[llama.Llama, Path]) -> None:
    """Guards against a rotary convention, a weight name or a packing that only our own model understands."""
    model, folder = checkpoint
    tokens = torch.randint(0, 700, (1, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad(), nf4.worn(model.linears()):
        scale, head = model.norm.weight, model.embed_tokens.weight.bfloat16().float()
        model.embed_tokens.weight.copy_(head)
        own = [llama.logits(hidden, scale, head) for hidden in model(tokens)]
    loaded: Any = AutoModelForCausalLM.from_pretrained(folder)
    hub = loaded.dequantize().float()
    with torch.no_grad():
        out = hub(tokens, output_hidden_states=True)
        early = hub.lm_head(hub.model.norm(out.hidden_states[1]))
    assert hub.config.early_exits == [1]
    # worn() rounds all matrices as one, so the scales differ in their last digit
    torch.testing.assert_close(out.logits, own[1], atol=0.03, rtol=0.03)
    torch.testing.assert_close(early, own[0], atol=0.03, rtol=0.03)


def test_worn_weights_come_back_and_restore_reads_the_export(checkpoint: tuple[llama.Llama, Path]) -> None:
    """Guards against training that keeps the rounded weights, and against going on from garbage."""
    model, folder = checkpoint
    before = [weight.clone() for weight in model.linears()]
    with nf4.worn(model.linears()):
        assert not torch.equal(model.linears()[0], before[0])
    assert all(torch.equal(*pair) for pair in zip(model.linears(), before, strict=True))
    again = llama.Llama(model.shape, 700)
    nf4.restore(again, folder)
    for weight, own in zip(again.linears(), before, strict=True):
        torch.testing.assert_close(weight, nf4.rounded(own).float(), atol=0, rtol=0)


def test_muon_makes_steps_of_equal_singular_values() -> None:
    """Guards against a batched Newton-Schulz that mixes matrices or forgets to turn tall ones back."""
    torch.manual_seed(0)
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((64, 32), (32, 64), (64, 32))]
    optimiser = Muon(weights, decay=0)
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    optimiser.step(0.1)
    for weight in weights:
        values = torch.linalg.svdvals(weight.detach()) / (0.1 * max(1, weight.shape[0] / weight.shape[1]) ** 0.5)
        assert values.min() > 0.5
        assert values.max() < 1.5
        assert weight.grad is not None
        assert (weight.detach() * weight.grad).sum() < 0


def test_invented_talk_is_varied_and_never_human() -> None:
    """Guards against dialogues that repeat, or that claim a human life."""
    records = dialogues.invented(500)
    said = [message["content"] for record in records for message in record.messages if message["role"] == "assistant"]
    assert len(set(said)) > 400
    assert not [text for text in said if "{" in text.replace("{}", "") and "```" not in text]
    assert not [text for text in said if text.startswith(("I am a woman", "I am a man", "I was born"))]
    assert dialogues.invented(20) == dialogues.invented(20)


def test_short_training_is_stretched_to_the_context(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Guards against students that fall apart beyond the rows they were trained on."""
    model = llama.Llama(llama.Shape(1, 64, 1, 1, 64), tokenizer.get_vocab_size())
    nf4.export(model, tmp_path, tokenizer, length=llama.CONTEXT // 2)
    loaded: Any = AutoModelForCausalLM.from_pretrained(tmp_path)
    positions = loaded.config.rope_parameters
    assert (positions["rope_type"], positions["factor"]) == ("llama3", 2.0)
    assert loaded.config.max_position_embeddings == llama.CONTEXT
