"""Tokens of a converted file are those of the model's own tokenizer, in every kind that can be told apart."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from engine.library.faults import LibraryError
from engine.library.gguf.reading import open_gguf
from engine.library.gguf.vocabulary import vocabulary_of
from engine.tokenizer_files import read_tokenizer
from tests.engine.library.gguf.files import write
from tests.engine.library.gguf.test_conversion import converted
from tests.engine.library.gguf.words import TINY, sentencepiece, smollm
from tests.engine.vocabularies import backend_of, sample

SMOLLM = {  # by hand, from SmolLM2's own vocabulary: every digit by itself, then words over bytes
    "12345": [33, 34, 35, 36, 37],
    "in 2024, 7.5%": [254, 216, 34, 32, 34, 36, 28, 216, 39, 30, 37, 21],
    "def f(x):\n    return x + 1\n": [1604, 275, 24, 104, 727, 472, 1003, 1792, 1232, 216, 33, 198],
    "😀": [187, 249, 242, 218],
    "日本": [177, 241, 115, 177, 246, 122],
    "Привет": [155, 249, 156, 218, 7872, 155, 127, 6643, 156, 220],
    "½ ٣": [141, 138, 216, 164, 113],
    "<|im_start|>user\n9<|im_end|>": [1, 4093, 198, 41, 2],
}
# As the models' own tokenizer.json have it.
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}"
    r"\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def tokenizer_of(tmp_path: Path, tokenizer: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> Tokenizer:
    """Return the tokenizer that is made of a file with these values, through the file it is written to."""
    path = tmp_path / "tiny.gguf"
    write(path, tokenizer=tokenizer, values=values)
    vocabulary_of(open_gguf(path)).backend.save(str(tmp_path / "tokenizer.json"))
    return read_tokenizer(tmp_path).backend


def texts(count: int = 60) -> list[str]:
    """Return random texts of many kinds."""
    draw = random.Random(11)
    return [sample(draw) for _ in range(count)]


def test_smollm_is_as_by_hand(tmp_path: Path) -> None:
    """Digits taken together, which is what transformers makes of this file."""
    made = tokenizer_of(tmp_path, smollm())
    assert {text: made.encode(text).ids for text in SMOLLM} == SMOLLM


def test_smollm_is_the_models_own(tmp_path: Path) -> None:
    """A token, a merge or a mark of another number than in the tokenizer.json the file was made of."""
    made, own = tokenizer_of(tmp_path, smollm()), backend_of("smollm2")
    assert made.get_vocab() == own.get_vocab()
    for text in texts():
        assert made.encode(text).ids == own.encode(text).ids
        assert made.decode(made.encode(text).ids) == own.decode(own.encode(text).ids)


@pytest.mark.parametrize(
    ("pre", "pattern", "whole", "composed"),
    [
        ("qwen2", QWEN2, False, True),
        ("deepseek-r1-qwen", QWEN2, False, False),
        ("llama-bpe", LLAMA3, True, False),
        ("llama3", LLAMA3, True, False),
        ("tekken", TEKKEN, True, False),
        ("gpt-2", None, False, False),
    ],
)
def test_others_split_as_their_own(pre: str, pattern: str | None, whole: bool, composed: bool, tmp_path: Path) -> None:
    """Text cut into other words than the model was taught on: worse answers, and nobody knows why."""
    made = tokenizer_of(tmp_path, smollm(), {"tokenizer.ggml.pre": pre})
    own = backend_of("smollm2")
    splits: list[Any] = [] if pattern is None else [pre_tokenizers.Split(Regex(pattern), "isolated")]
    own.pre_tokenizer = pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(False, use_regex=not splits)])
    own.model.ignore_merges = whole
    if composed:
        own.normalizer = normalizers.NFC()
    for text in [*texts(), "a123456 HelloWORLD I'LL we're x=1/2//3\n\n\n"]:
        assert made.encode(text).ids == own.encode(text).ids


def test_a_word_that_is_a_token_is_taken_whole(tmp_path: Path) -> None:
    """Llama 3's tokens that no merge makes, never written or read."""
    tokens = [*TINY["tokenizer.ggml.tokens"]]
    tokens[263] = "xyz"
    kinds = [*TINY["tokenizer.ggml.token_type"]]
    kinds[263] = 1
    words = {**TINY, "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": kinds}
    assert tokenizer_of(tmp_path, words, {"tokenizer.ggml.pre": "llama-bpe"}).encode("xyz").ids == [263]
    assert len(tokenizer_of(tmp_path, words).encode("xyz").ids) == 3


@pytest.mark.parametrize("prefix", [True, False])
def test_sentencepiece_is_the_models_own(prefix: bool, tmp_path: Path) -> None:
    """Merges made of scores in another order, bytes of unknown characters lost, a space too many or too few."""
    made = tokenizer_of(tmp_path, sentencepiece(), {"tokenizer.ggml.add_space_prefix": prefix})
    own = backend_of("llama2")
    if not prefix:
        own.normalizer = normalizers.Replace(" ", "▁")
    assert made.get_vocab() == own.get_vocab()
    for text in texts():
        assert made.encode(text).ids == own.encode(text).ids
        if prefix:
            assert made.decode(made.encode(text).ids) == own.decode(own.encode(text).ids)


@pytest.mark.parametrize(
    ("pre", "asked", "begins"),
    [("qwen2", None, []), ("llama-bpe", None, [259]), ("llama-bpe", False, []), ("qwen2", True, [259])],
)
def test_a_text_begins_as_the_file_says(pre: str, asked: bool | None, begins: list[int], tmp_path: Path) -> None:
    """A first token left out or put twice, which costs answers their quality."""
    write(tmp_path / "tiny.gguf", values={"tokenizer.ggml.pre": pre, "tokenizer.ggml.add_bos_token": asked})
    converted(tmp_path / "tiny.gguf", tmp_path / "tiny")
    files = read_tokenizer(tmp_path / "tiny")
    assert files.begins == begins
    assert files.specials == {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
    assert files.template == TINY["tokenizer.chat_template"]


def test_marks_are_whole_and_rows_that_only_fill_are_none(tmp_path: Path) -> None:
    """<think> taken apart, or a row that pads the matrix offered as a token."""
    made = tokenizer_of(tmp_path, TINY)
    assert made.encode("<think>the").ids == [262, 257]
    assert len(made.get_vocab()) == 263
    specials = {id_ for id_, token in made.get_added_tokens_decoder().items() if token.special}
    assert specials == {259, 260, 261}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tokenizer.ggml.pre": "falcon"}, "in the way “falcon”"),
        ({"tokenizer.ggml.pre": None}, "does not say how its text is split"),
        ({"tokenizer.ggml.pre": "default"}, "does not say how its text is split"),
        ({"tokenizer.ggml.model": "t5"}, "a tokenizer of the kind “t5”"),
        ({"tokenizer.ggml.model": None}, "a tokenizer of the kind “None”"),
        ({"tokenizer.ggml.tokens": None}, "holds no tokens"),
        ({"tokenizer.ggml.merges": None}, "no merges"),
        ({"tokenizer.ggml.merges": ["t h", "q9 zz"]}, "tokenizer makes no sense|merges"),
        ({"tokenizer.ggml.token_type": [1, 1]}, "280 tokens of 2 kinds"),
    ],
)
def test_what_is_not_known_is_refused(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    """A guess at how text is split, a traceback, or a panic of the tokenizer's library."""
    with pytest.raises(LibraryError, match=words) as refused:
        tokenizer_of(tmp_path, TINY, values)
    assert refused.value.hint
    assert refused.value.sentence.count(". ") == 0


def test_older_files_of_qwen_need_not_say_it(tmp_path: Path) -> None:
    """Files from before there were names for ways of splitting, of families that have one way only."""
    path = tmp_path / "tiny.gguf"
    write(path, "qwen2", values={"tokenizer.ggml.pre": None})
    assert vocabulary_of(open_gguf(path)).backend.encode("the").ids == [257]
