"""The tokenizer of a GGUF file as a tokenizer.json: its tokens, its merges, and how text is split before they apply.

A file names its way of splitting under tokenizer.ggml.pre. The patterns are those of the models' own tokenizer.json;
llama.cpp has the same, written for its own engine (src/llama-vocab.cpp).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.library.faults import LibraryError
from engine.library.gguf.reading import Gguf

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN, CONTROL, USER, UNUSED, BYTE = 2, 3, 4, 5, 6  # kinds of tokens; 1 is an ordinary one
NAMED = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
_SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3, QWEN2 = _WORDS % "{1,3}" + _SPACES, _WORDS % "" + _SPACES
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _SPACES
)


@dataclass(frozen=True, slots=True)
class Splitting:
    """How text is cut into words, each of which is merged by itself.

    ``pattern``: what a word is, None for GPT-2's own. ``digits``: each digit is a word. ``whole``: a word that is a
    token is taken whole, whatever the merges say. ``begins``: a text begins with the bos token unless the file denies
    it. ``composed``: characters are composed first (NFC).
    """

    pattern: str | None = None
    digits: bool = False
    whole: bool = False
    begins: bool = False
    composed: bool = False


_LLAMA3 = Splitting(LLAMA3, whole=True, begins=True)
SPLITTINGS = {
    "smollm": Splitting(digits=True),
    "gpt-2": Splitting(),
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "qwen2": Splitting(QWEN2, composed=True),
    "deepseek-r1-qwen": Splitting(QWEN2),
    "tekken": Splitting(TEKKEN, whole=True, begins=True),
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``backend`` as tokenizer.json has it; ``settings`` are tokenizer_config.json's; ``template``: "" for none."""

    backend: Tokenizer
    settings: dict[str, Any]
    template: str


def vocabulary_of(gguf: Gguf) -> Vocabulary:
    """Return the file's tokenizer; raises LibraryError where it has none, or one of a kind that is not known here."""
    tokens = gguf.value("tokenizer.ggml.tokens")
    if not isinstance(tokens, list) or not tokens:
        raise gguf.damaged("it holds no tokens")
    kinds = gguf.value("tokenizer.ggml.token_type") or [1] * len(tokens)
    if len(kinds) != len(tokens):
        raise gguf.damaged(f"it has {len(tokens):,} tokens of {len(kinds):,} kinds")
    named = {f"{name}_token": text for name, key in NAMED.items() if (text := _named(gguf, tokens, key))}
    try:
        backend, begins = _bare(gguf, tokens, kinds, named)
        _add(backend, tokens, kinds)
        _post_process(gguf, backend, named, begins)
    except LibraryError:
        raise
    except Exception as error:  # the tokenizer's library raises no class of its own
        raise gguf.damaged(f"its tokenizer makes no sense ({error})") from error
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **named}
    template = gguf.value("tokenizer.chat_template")
    return Vocabulary(backend, settings, template if isinstance(template, str) else "")


def _bare(gguf: Gguf, tokens: list[str], kinds: list[int], named: dict[str, str]) -> tuple[Tokenizer, bool]:
    """Return the tokenizer without its added tokens, and whether a text begins with bos unless the file denies it."""
    kind = gguf.value("tokenizer.ggml.model")
    if kind == "gpt2":
        return _byte_level(gguf, tokens, kinds)
    if kind == "llama":
        return _sentencepiece(gguf, tokens, kinds, named.get("unk_token")), True
    raise gguf.refused(f"has a tokenizer of the kind “{kind!s:.40}”, which Updraft cannot make")


def _named(gguf: Gguf, tokens: list[str], key: str) -> str:
    id_ = gguf.value(f"tokenizer.ggml.{key}_token_id")
    return tokens[id_] if isinstance(id_, int) and 0 <= id_ < len(tokens) else ""


def _splitting(gguf: Gguf) -> Splitting:
    """Return how the file's text is split; older ones do not say it, and some families have only one way."""
    pre = gguf.value("tokenizer.ggml.pre")
    if pre in (None, "default"):
        pre = gguf.traits.splitting
    if not pre:
        raise gguf.refused(
            "does not say how its text is split into words", "It is an old file: choose a newer one of the same model."
        )
    if pre not in SPLITTINGS:
        raise gguf.refused(
            f"splits its text in the way “{pre!s:.40}”, which Updraft does not have",
            "Choose another model, or the same one in safetensors format, which has its own tokenizer.json.",
        )
    return SPLITTINGS[pre]


def _byte_level(gguf: Gguf, tokens: list[str], kinds: list[int]) -> tuple[Tokenizer, bool]:
    """Return a tokenizer over bytes, as GPT-2's, and whether a text begins with bos where the file does not say."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    splitting = _splitting(gguf)
    vocabulary = {token: id_ for id_, token in enumerate(tokens) if not _padding(token, id_, kinds[id_])}
    merges = [(first, second) for first, _, second in (pair.partition(" ") for pair in _merges(gguf))]
    backend = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=splitting.whole))
    own = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=splitting.pattern is None)
    before: list[Any] = [pre_tokenizers.Digits(individual_digits=True)] if splitting.digits else []
    if splitting.pattern is not None:
        before.append(pre_tokenizers.Split(Regex(splitting.pattern), "isolated"))
    backend.pre_tokenizer = pre_tokenizers.Sequence([*before, own])
    backend.decoder = decoders.ByteLevel()
    if splitting.composed:
        backend.normalizer = normalizers.NFC()
    return backend, splitting.begins


def _padding(token: str, id_: int, kind: int) -> bool:
    """Tell whether a token only fills a row that no text ever has."""
    return kind == UNUSED and token == f"[PAD{id_}]"


def _merges(gguf: Gguf) -> list[str]:
    merges = gguf.value("tokenizer.ggml.merges")
    if not isinstance(merges, list) or not all(isinstance(pair, str) for pair in merges):
        raise gguf.damaged("it holds no merges of its tokens")
    return merges


def _sentencepiece(gguf: Gguf, tokens: list[str], kinds: list[int], unknown: str | None) -> Tokenizer:
    """Return a tokenizer over characters as Llama 2's: a mark for each space, bytes for what is not known.

    The file has a score for each token instead of merges: of all pairs that make a token, the best token goes first.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers

    vocabulary = {token: id_ for id_, token in enumerate(tokens) if not _padding(token, id_, kinds[id_])}
    scores = gguf.value("tokenizer.ggml.scores") or []
    if len(scores) != len(tokens):
        raise gguf.damaged(f"it has {len(tokens):,} tokens and {len(scores):,} scores")
    whole = {token: id_ for token, id_ in vocabulary.items() if kinds[id_] not in (UNKNOWN, CONTROL, BYTE)}
    pairs = sorted(_pairs(whole), key=lambda pair: (-scores[vocabulary["".join(pair)]], *map(vocabulary.get, pair)))
    model = models.BPE(vocabulary, pairs, unk_token=unknown, fuse_unk=True, byte_fallback=True)
    backend = Tokenizer(model)
    prefix = gguf.value("tokenizer.ggml.add_space_prefix") is not False
    space: list[Any] = [normalizers.Prepend("▁")] if prefix else []
    backend.normalizer = normalizers.Sequence([*space, normalizers.Replace(" ", "▁")])
    strip: list[Any] = [decoders.Strip(" ", 1, 0)] if prefix else []
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip],
    )
    return backend


def _pairs(vocabulary: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Give every pair of tokens that make a third."""
    for token in vocabulary:
        for cut in range(1, len(token)):
            if token[:cut] in vocabulary and token[cut:] in vocabulary:
                yield token[:cut], token[cut:]


def _add(backend: Tokenizer, tokens: list[str], kinds: list[int]) -> None:
    """Take control tokens, and those the makers added, whole wherever a text spells them."""
    from tokenizers import AddedToken

    for id_, (token, kind) in enumerate(zip(tokens, kinds, strict=True)):
        if kind in (UNKNOWN, CONTROL) and token:
            backend.add_special_tokens([AddedToken(token, normalized=False, special=True)])
        elif kind == USER and token:
            backend.add_tokens([AddedToken(token, normalized=False, special=False)])
        if token and backend.token_to_id(token) not in (id_, None):
            raise ValueError(f"two tokens are spelled {token!r}")


def _post_process(gguf: Gguf, backend: Tokenizer, named: dict[str, str], begins: bool) -> None:
    """Put the tokens around a text that the file asks for."""
    from tokenizers import processors

    def wanted(name: str, default: bool) -> str:
        asked = gguf.value(f"tokenizer.ggml.add_{name}_token")
        token = named.get(f"{name}_token", "")
        return token if (default if asked is None else asked) is True else ""

    bos, eos = wanted("bos", begins), wanted("eos", False)
    around = [(token, backend.token_to_id(token)) for token in dict.fromkeys((bos, eos)) if token]
    if around:
        single = " ".join(part for part in (bos, "$A", eos) if part)
        backend.post_processor = processors.TemplateProcessing(single=single, special_tokens=around)
