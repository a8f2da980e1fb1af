"""Thoughts in whatever marks a model has: one spelling behind the engine, the model's own before it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from engine.config import ModelSet
from engine.reply import SettledText
from engine.thoughts import Marks, Unified, answer_of
from engine.tokenizer import ChatTokenizer

SPELLINGS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("<|think|>", "<|/think|>"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|think_start|>", "<|think_end|>"),
    ("◁think▷", "◁/think▷"),
    ("<reasoning>", "</reasoning>"),
]


@pytest.mark.parametrize(("opening", "closing"), SPELLINGS)
@pytest.mark.parametrize("where", ["vocabulary", "template"])
def test_marks_are_found_by_what_they_are(opening: str, closing: str, where: str) -> None:
    """Guards: thought and answer run together because a model spells its marks otherwise."""
    noise = ["<|im_start|>", "<|im_end|>", "[INST]", "[/INST]", "<tool_call>", "</tool_call>"]
    template = "{% set r = message['reasoning_content'] %}{% if loop.index0 > ns.think %}x{% endif %}"
    if where == "vocabulary":
        marks = Marks.found([*noise, closing, opening], template)
    else:
        marks = Marks.found(noise, f"{template}{{{{ '{opening}\\n' + r + '\\n{closing}' }}}}")
    assert marks.pairs[0] == (opening, closing)
    assert set(marks.pairs) == {(opening, closing), ("<think>", "</think>")}


def unified(text: str, pieces: Sequence[str], marks: Marks, **more: object) -> str:
    thoughts = Unified(marks, **more)  # type: ignore[arg-type]
    assert "".join(pieces) == text
    return "".join(thoughts.push(piece) for piece in pieces) + thoughts.flush()


def cut(text: str, draw: random.Random) -> list[str]:
    """Cut ``text`` at random places, as tokens do."""
    places = sorted({0, len(text), *(draw.randrange(len(text) + 1) for _ in range(draw.randrange(1, 12)))})
    return [text[a:b] for a, b in pairwise(places)]


@pytest.mark.parametrize(("opening", "closing"), SPELLINGS)
def test_every_cut_gives_the_same_text(opening: str, closing: str) -> None:
    """Guards: a mark that is missed, or doubled, because it came in pieces. Random texts, random cuts."""
    draw = random.Random(opening)
    marks = Marks.found([opening, closing], "")
    alphabet = ["a", " ", "\n", "<", "[", "|", "/", ">", "]", "think", "é", "😀", opening[:3], closing[:4]]
    for _ in range(60):
        thought, answer = ("".join(draw.choices(alphabet, k=draw.randrange(12))) for _ in range(2))
        if any(close in thought for close in ("</think>", closing)):
            continue
        space = draw.choice(["", "\n", "  "])
        text = f"{space}{opening}{thought}{closing}{answer}"
        assert unified(text, cut(text, draw), marks) == f"{space}<think>{thought}</think>{answer}"
        rest = f"{thought}{closing}{answer}"
        assert unified(rest, cut(rest, draw), marks, opened=True) == f"<think>\n{thought}</think>{answer}"
        assert unified(rest, cut(rest, draw), marks, before="<think>Hm, ") == f"{thought}</think>{answer}"
        unclosed = f"{opening}{thought}{closing[:-1]}"
        assert unified(unclosed, cut(unclosed, draw), marks) == f"<think>{thought}{closing[:-1]}"
        plain = f"x{text}"  # marks in the midst of an answer are what it says
        assert unified(plain, cut(plain, draw), marks) == plain
        assert unified(text, cut(text, draw), marks, before="Said. ") == text


def test_nothing_is_lost_of_a_text_that_only_begins_like_a_mark() -> None:
    """Guards: an answer "<th" that vanishes because it was held back."""
    marks = Marks.found(["[THINK]", "[/THINK]"], "")
    for text in ("<", "<th", "[THI", "\n[", "<thin air>", "[THING]", ""):
        assert unified(text, list(text), marks) == text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", "Yes."),
        ("\n<think>Hm.</think>Yes.", "Yes."),
        ("<think>\nHm", ""),
        ("Hm.\n</think>\n\nYes.", "Yes."),
        ("Write </think> to end it.", "Write </think> to end it."),
        ("Yes. <think>", "Yes. <think>"),
        ("", ""),
    ],
)
def test_an_answer_without_its_thoughts(text: str, answer: str) -> None:
    """Guards: old thoughts sent again, or an answer about tags cut short."""
    assert answer_of(text) == answer


@pytest.fixture(params=[True, False], ids=["special", "plain"])
def thinker(family: ModelSet, tmp_path: Path, request: pytest.FixtureRequest) -> ChatTokenizer:
    """Give the tiny tokenizer with [THINK] and [/THINK], special tokens or plain ones."""
    folder = tmp_path / "thinker"
    shutil.copytree(family.target, folder)
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    (backend.add_special_tokens if request.param else backend.add_tokens)(["[THINK]", "[/THINK]"])
    backend.save(str(folder / "tokenizer.json"))
    return ChatTokenizer(folder, "Thinker")


def written(tokenizer: ChatTokenizer, ids: Sequence[int], prompt: str = "", before: str = "") -> str:
    start = tokenizer.render([("user", "2 + 2?")])
    thoughts = tokenizer.unified(tokenizer.template.render([("user", prompt)]), before)
    text = SettledText(tokenizer.stream(start), (), thoughts)
    texts = text.push(ids)
    texts[-1] += text.release()
    assert "".join(texts) == text.final
    return text.final


def test_thoughts_in_special_tokens_are_not_swallowed(thinker: ChatTokenizer) -> None:
    """Guards: "User wants a sum It is 4."""
    backend = thinker._backend
    ids = backend.encode("[THINK]User wants a sum[/THINK]It is 4.").ids
    assert written(thinker, ids) == "<think>User wants a sum</think>It is 4."


def test_an_answer_is_gone_on_with_in_the_models_own_marks(thinker: ChatTokenizer) -> None:
    """Guards: a continued thought that begins with letters where the model wrote a token."""
    backend = thinker._backend
    prompt = thinker.render([("user", "2 + 2?")])
    whole = thinker.render([("user", "2 + 2?")], "<think>A sum</think>It is")
    assert whole[: len(prompt)] == prompt
    assert whole[len(prompt) :] == backend.encode("[THINK]A sum[/THINK]It is").ids
    ids = backend.encode(" one.[/THINK]4.").ids
    assert written(thinker, ids, before="<think>A sum, a simple") == " one.</think>4."


def test_old_thoughts_are_not_sent_again(thinker: ChatTokenizer) -> None:
    """Guards: a context filled with thoughts, where the template does not cut them."""
    first, last = ("user", "2 + 2?"), ("user", "Why? <think>No.</think>")
    said = [first, ("assistant", "<think>\nHm.\n</think>\n\n4."), last]
    assert thinker.render(said) == thinker.render([first, ("assistant", "4."), last])


def test_a_prompt_that_opens_the_thought(family: ModelSet, tmp_path: Path) -> None:
    """Guards: thoughts shown as the answer until they end, because the template wrote their opening mark itself."""
    folder = tmp_path / "opened"
    shutil.copytree(family.target, folder)
    template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|><think>\n"
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = ChatTokenizer(folder)
    backend = tokenizer._backend
    ids = backend.encode("A sum.\n</think>\n\nIt is 4.").ids
    assert written(tokenizer, ids) == "<think>\nA sum.\n</think>\n\nIt is 4."
    prompt = tokenizer.render([("user", "2 + 2?")])
    whole = tokenizer.render([("user", "2 + 2?")], "<think>\nA sum")
    assert whole == prompt + backend.encode("A sum").ids
