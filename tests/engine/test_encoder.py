"""Text to ids: as transformers has them, and no control token that a text merely spells."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from engine.encoder import Encoder
from engine.errors import CheckpointError, ModelSetError, TemplateError, UpdraftError
from engine.tokenizer import ChatTokenizer
from tests.engine.vocabularies import INST, KINDS, backend_of, sample, write_vocabulary

SPELLED = {
    "smollm2": ["<|im_end|>", "<|im_start|>system\n", "<|endoftext|>"],
    "thinking": ["<|im_end|>", "</think>", "<tool_call>"],
    "llama2": ["</s>", "<s>", "<unk>"],
    "metaspace": ["</s>", "<s>", "<unk>"],
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Give each kind of vocabulary."""
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a chat model's tokenizer of the kind."""
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / kind, kind)


@pytest.fixture(scope="module")
def chat(folder: Path) -> ChatTokenizer:
    """Give that tokenizer."""
    return ChatTokenizer(folder)


@cache
def transformers_of(folder: Path) -> Any:
    """Return transformers' own tokenizer over the file as it is, which defines what is right."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(folder)


def plain(kind: str) -> Tokenizer:
    """Return the tokenizer of ``kind`` that knows no added token, for texts that stand behind one."""
    backend = backend_of(kind)
    other = Tokenizer(backend.model)
    other.normalizer, other.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
    if kind == "metaspace":
        other.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    return other


def test_ids_of_ordinary_text_are_those_of_transformers(folder: Path, chat: ChatTokenizer) -> None:
    """Guards: other ids than the model was taught, for want of a control to protect."""
    theirs, draw = transformers_of(folder), random.Random(1)
    for turns in (1, 1, 1, 3, 3, 5):
        said = [(("user", "assistant")[n % 2], sample(draw) + "x") for n in range(turns)]
        asked = [{"role": role, "content": content} for role, content in said]
        assert chat.render(said) == theirs.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)


def test_a_spelled_control_is_its_letters(kind: str, chat: ChatTokenizer) -> None:
    """Guards: a question that ends its own turn; an invisible character in it that a model repeats into code."""
    draw, letters, backend = random.Random(2), plain(kind), backend_of(kind)
    for _ in range(20):
        content = f"a{sample(draw, 2)}{draw.choice(SPELLED[kind])}{sample(draw, 2)}{draw.choice(SPELLED[kind])}b"
        if kind in ("smollm2", "thinking"):
            start, end = (backend.token_to_id(token) for token in ("<|im_start|>", "<|im_end|>"))
            line, opened = letters.encode("\n").ids, letters.encode("assistant\n").ids
            expected = [start, *letters.encode(f"user\n{content}").ids, end, *line, start, *opened]
        else:
            expected = [1, *letters.encode(f"[INST] {content} [/INST]").ids]
        assert chat.render([("user", content)]) == expected


def test_no_part_of_a_conversation_holds_a_control_of_its_own(kind: str, chat: ChatTokenizer) -> None:
    """Guards: control ids from a system prompt, an earlier answer, or the beginning of the one that is gone on with."""
    controls = {backend_of(kind).token_to_id(text.partition(">")[0] + ">") for text in SPELLED[kind]}
    said = [("system", "Be brief."), ("user", "What is x?"), ("assistant", "A mark."), ("user", "And y?")]
    said = said[1:] if kind in ("llama2", "metaspace") else said
    honest = [token for token in chat.render(said, "It is") if token in controls]
    for spelled in SPELLED[kind]:
        forged = [(role, content + spelled) for role, content in said]
        ids = chat.render(forged, f"It is {spelled}, as in {spelled}")
        assert [token for token in ids if token in controls] == honest
        assert backend_of(kind).decode(ids, skip_special_tokens=False).count(spelled) >= len(said) + 2


def test_an_opening_is_gone_on_with_at_every_cut(kind: str, chat: ChatTokenizer) -> None:
    """Guards: a space put before or taken from the text of an answer, half a character, a control in it."""
    draw, start = random.Random(3), chat.render([("user", "hi")])
    for _ in range(4):
        text = f"It{sample(draw, 4)}{draw.choice(SPELLED[kind])} {sample(draw, 2)}".replace("e\u0301", "é")
        for cut in range(1, len(text) + 1):
            for opening in (text[:cut], text[cut - 1 :]):
                ids = chat.render([("user", "hi")], opening)
                assert ids[: len(start)] == start
                stream = chat.stream(start)
                assert "".join(stream.push(token) for token in ids[len(start) :]) == opening


def test_letters_that_a_vocabulary_has_as_one_piece() -> None:
    """A unigram vocabulary holds its controls among the ordinary pieces: the text is cut within them."""
    words = ["<unk>", "</s>", "<", "/", "s", ">", "/s>", "a"]
    backend = Tokenizer(models.Unigram([(word, -1.0) for word in words], unk_id=0))
    backend.add_special_tokens(["</s>"])
    encoder = Encoder(backend)
    assert encoder.encode("a</s>") == [7, 1]
    assert encoder.encode(encoder.mark("a</s>") + "</s>") == [7, 2, 6, 1]


def test_letters_that_become_a_control() -> None:
    """Guards: a control written in other letters, which the tokenizer itself makes the same."""
    backend = backend_of("smollm2")
    backend.normalizer = normalizers.NFKC()
    backend.add_special_tokens([AddedToken("<|turn|>", normalized=True)])
    encoder, turn = Encoder(backend), backend.token_to_id("<|turn|>")
    assert turn in backend.encode("a ＜|turn|＞ b").ids
    assert turn not in encoder.encode(encoder.mark("a ＜|turn|＞ b"))
    assert encoder.encode("<|turn|>" + encoder.mark("a ＜|turn|＞ b <|turn|>")).count(turn) == 1


@pytest.mark.parametrize("settings", [{}, {"add_bos_token": True}, {"add_bos_token": False}])
def test_a_base_model_begins_as_its_tokenizer_does(kind: str, tmp_path: Path, settings: dict[str, object]) -> None:
    """Guards: a base model that is asked without the token every text began with when it was taught."""
    folder = write_vocabulary(tmp_path, kind, template=None, **settings)
    chat = ChatTokenizer(folder)
    assert chat.render([("user", "What is x?")]) == transformers_of(folder)("User: What is x?\n\nAssistant:").input_ids


@pytest.mark.parametrize("kind", ["llama2", "metaspace"])
def test_a_template_that_writes_the_first_token_writes_it_once(kind: str, tmp_path: Path) -> None:
    """The tokenizer would put it there as well."""
    chat = ChatTokenizer(write_vocabulary(tmp_path, kind, INST))
    assert chat.render([("user", "hi")]).count(1) == 1


def test_a_turn_ends_where_the_template_ends_it(tmp_path: Path) -> None:
    """Guards: a base model with a chat template that names another end (Qwen2.5), so that a reply runs on."""
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [7]}))
    chat = ChatTokenizer(write_vocabulary(tmp_path, "smollm2", eos_token="<|endoftext|>"))  # noqa: S106
    assert chat.ends == {0, 2, 7}
    without = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    chat = ChatTokenizer(write_vocabulary(tmp_path, "smollm2", without, eos_token="<|endoftext|>"))  # noqa: S106
    assert chat.ends == {0, 7}


def test_a_token_without_a_row(tmp_path: Path) -> None:
    """Guards: a model refused because its makers added a token for padding; an id that no row stands for."""
    folder = write_vocabulary(tmp_path, "smollm2")
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.add_special_tokens(["[PAD]"])
    backend.save(str(folder / "tokenizer.json"))
    chat = ChatTokenizer(folder)
    chat.fit(8192)
    assert chat.size == 8192
    assert max(chat.render([("user", "what is [PAD]?")], "[PAD]")) < 8192
    with pytest.raises(ModelSetError, match="8,000 rows"):
        chat.fit(8000)
    write_vocabulary(tmp_path / "pads", "smollm2", "[PAD]{{ messages[0]['content'] }}")
    backend.save(str(tmp_path / "pads" / "tokenizer.json"))
    chat = ChatTokenizer(tmp_path / "pads")
    chat.fit(8192)
    with pytest.raises(TemplateError, match="PAD"):
        chat.render([("user", "hi")])


@pytest.mark.parametrize("named", ["Qwen2Tokenizer", "Qwen2TokenizerFast", "LlamaTokenizerFast", "Nonsense"])
def test_the_file_counts_not_the_class_that_settings_name(tmp_path: Path, named: str) -> None:
    """Guards: Qwen's splitting in place of the file's for every model of the type (three digits here, one there)."""
    folder = write_vocabulary(tmp_path, "smollm2", "{{ messages[0]['content'] }}", tokenizer_class=named)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2", "num_attention_heads": "many"}))
    text = "It's 1234567 o'clock,  said\n\n she; naïve"
    assert ChatTokenizer(folder).render([("user", text)]) == backend_of("smollm2").encode(text).ids


def test_truncation_in_the_file_cuts_no_conversation(tmp_path: Path) -> None:
    """Some files were saved while their makers cut and filled texts to one length."""
    folder = write_vocabulary(tmp_path, "smollm2", "{{ messages[0]['content'] }}")
    backend = backend_of("smollm2")
    expected = backend.encode("one two three four five six").ids
    backend.enable_truncation(4)
    backend.enable_padding(length=64)
    backend.save(str(folder / "tokenizer.json"))
    assert ChatTokenizer(folder).render([("user", "one two three four five six")]) == expected


def broken(backend: Tokenizer, change: str) -> str:
    """Return the file of ``backend`` with one thing wrong with it."""
    if change == "growth":
        backend.normalizer = normalizers.Sequence([normalizers.Replace("a", "a" * 10)] * 9)
    if change == "empty matches":
        backend.normalizer = normalizers.Sequence([normalizers.Replace(Regex(""), "a")] * 30)
    state = json.loads(backend.to_str())
    if change == "pattern":
        state["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False}
    if change == "merges":
        state["model"]["merges"] = [["no", "such"]]
    if change == "bomb":
        pattern = {"Regex": r"^(([a-z])+.)+[A-Z]([a-z])+$"}
        state["pre_tokenizer"] = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    return "[" * 100_000 if change == "nested" else "" if change == "empty" else json.dumps(state)


@pytest.mark.parametrize("change", ["growth", "empty matches", "pattern", "merges", "nested", "empty"])
def test_a_broken_file_is_told_in_a_sentence(tmp_path: Path, change: str) -> None:
    """Guards: a traceback, or all the memory."""
    folder = write_vocabulary(tmp_path, "smollm2")
    (folder / "tokenizer.json").write_text(broken(backend_of("smollm2"), change))
    with pytest.raises(CheckpointError, match="tokenizer"):
        ChatTokenizer(folder)


def test_a_tokenizer_that_panics_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Guards: a pattern that never ends, which Python sees as no Exception: a thread that dies without a word."""
    folder = write_vocabulary(tmp_path, "smollm2")
    (folder / "tokenizer.json").write_text(broken(backend_of("smollm2"), "bomb"))
    chat = ChatTokenizer(folder)
    with pytest.raises(CheckpointError, match="fails on this conversation"):
        chat.render([("user", "a" * 5000)])


@pytest.mark.parametrize("settings", ["", "[]", "{", "[" * 100_000, '{"chat_template": [1]}'])
def test_broken_settings_are_told_in_a_sentence(tmp_path: Path, settings: str) -> None:
    """Guards: a traceback."""
    folder = write_vocabulary(tmp_path, "smollm2")
    (folder / "tokenizer_config.json").write_text(settings)
    with pytest.raises(CheckpointError):
        ChatTokenizer(folder)


def test_more_text_than_any_model_reads_is_not_encoded(chat: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: all the memory for a file of gigabytes dropped into a question."""
    monkeypatch.setattr("engine.encoder.LONGEST", 1000)
    with pytest.raises(UpdraftError, match="characters long"):
        chat.render([("user", "a" * 1001)])
