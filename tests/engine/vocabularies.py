"""Vocabularies of the kinds that models have, and text that is hard on them.

``smollm2`` is SmolLM2's own, cut short (see data/README.md). Llama 2's is not free to be passed on: the two kinds with
byte fallback are learned here from a few sentences, with all its settings, so that most scripts fall to bytes.
"""

from __future__ import annotations

import json
import lzma
import random
from functools import cache
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INST = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ bos_token }}[INST] {{ m['content'] | trim }} [/INST]"
    "{% else %} {{ m['content'] | trim }} {{ eos_token }}{% endif %}{% endfor %}"
)
KINDS = ("smollm2", "thinking", "llama2", "metaspace")
SNIPPETS = [
    "The quick brown fox, jumps over 12 lazy dogs. ",
    "naïve café — “¿qué?” ",
    "日本語のテキスト、漢字。",
    "ཀ龘𒀀 ",
    "😀👩‍👩‍👧 🇫🇷",
    "مرحبا بالعالم ",
    "Привет, мир! ",
    "e\u0301 ",
    "def f(x):\n\tif x:\n        return {'a': x[0]}\n",
    "  two  spaces ",
    "\n\n",
    "1234567.89",
    "<b>&amp;</b> ",
    "a",
    " ",
    "ﷺ",
]


def sample(draw: random.Random, length: int = 6) -> str:
    """Return a random text of up to ``length`` snippets."""
    return "".join(draw.choices(SNIPPETS, k=draw.randint(1, length)))


@cache
def _smollm2() -> str:
    path = Path(__file__).parent / "data" / "smollm2-first-8192.json.xz"
    return lzma.decompress(path.read_bytes()).decode()


@cache
def _llama2() -> str:
    """Learn a small vocabulary with Llama 2's settings: a space put before, bytes for what is not known."""
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    texts = [SNIPPETS[0], SNIPPETS[8], "It is a story of the other one, and they say that her half-way word was read."]
    learner.train_from_iterator(texts * 3, trainers.BpeTrainer(vocab_size=300, show_progress=False))
    learned = json.loads(learner.to_str())["model"]
    words = sorted(learned["vocab"], key=learned["vocab"].__getitem__)
    known = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    model = models.BPE(
        {word: n for n, word in enumerate(dict.fromkeys(known))},
        [(a, b) for a, b in learned["merges"]],
        unk_token=known[0],
        fuse_unk=True,
        byte_fallback=True,
    )
    backend = Tokenizer(model)
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    backend.add_special_tokens([AddedToken(word, normalized=False) for word in known[:3]])
    return str(backend.to_str())


def backend_of(kind: str) -> Tokenizer:
    """Return the tokenizer of ``kind``, one of KINDS."""
    if kind in ("smollm2", "thinking"):
        backend = Tokenizer.from_str(_smollm2())
        if kind == "thinking":  # as Qwen3: composed characters, its own splitting, marks that are no special tokens
            backend.normalizer = normalizers.NFC()
            words = Regex(
                r"(?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            )
            backend.pre_tokenizer = pre_tokenizers.Sequence(
                [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
            )
            backend.add_tokens([AddedToken(word, normalized=False) for word in ("<think>", "</think>", "<tool_call>")])
        return backend
    backend = Tokenizer.from_str(_llama2())
    if kind == "metaspace":  # as newer ones of the kind: the space at the beginning of the whole text alone
        backend.normalizer = None
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        backend.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
    return backend


def write_vocabulary(folder: Path, kind: str, template: str | None = "", **settings: object) -> Path:
    """Write the tokenizer of ``kind`` into ``folder``; ``template`` None: as a base model's. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    backend_of(kind).save(str(folder / "tokenizer.json"))
    bytelevel = kind in ("smollm2", "thinking")
    named: dict[str, object] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    named |= {"eos_token": "<|im_end|>"} if bytelevel else {"bos_token": "<s>", "eos_token": "</s>"}
    if template is not None:
        named["chat_template"] = template or (CHATML if bytelevel else INST)
    (folder / "tokenizer_config.json").write_text(json.dumps({**named, **settings}))
    return folder
