"""What models are asked while they teach: the file that ships, and how it is made."""

from __future__ import annotations

import json
import lzma
import random
import re
from collections import Counter
from pathlib import Path

import asked
import corpus
import retrieved

from engine.teaching.command import read_prompts

SHIPPED = Path(__file__).parents[2] / "assets" / "teaching" / "prompts.jsonl.xz"
TALKS = {"writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"}  # MT-bench's
SPEC_BENCH = {*TALKS, "translation", "summarization", "qa", "math_reasoning", "rag"}


def test_what_ships_is_what_its_readme_says() -> None:
    """Guards against categories that are missing, shares from memory, and texts whose authors are not named."""
    with lzma.open(SHIPPED, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert [turns[0] for turns in read_prompts(None)] == [
        each["prompt"] if isinstance(each["prompt"], str) else each["prompt"][0] for each in lines
    ]
    counted = Counter(each["category"] for each in lines)
    talks = Counter(each["category"] for each in lines if isinstance(each["prompt"], list))
    assert set(counted) == SPEC_BENCH
    assert set(talks) == TALKS
    told = SHIPPED.with_name("README.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d*) \| ([\d.]+) % \|", told, re.MULTILINE)
    assert {name: int(count) for name, count, *_ in rows} == counted
    assert {name: int(two) for name, _, two, _ in rows if two} == talks
    assert {name: float(share) for name, *_, share in rows} == {
        name: round(100 * count / len(lines), 1) for name, count in counted.items()
    }
    licences = {(each["category"] == "rag", each.get("licence")) for each in lines}
    assert licences == {(True, "CC BY-SA 3.0"), (False, None)}
    assert all(name in told for name in ("CC0", "CC BY-SA 3.0", "Wikipedia", "databricks-dolly-15k"))
    assert sum("held" in each for each in lines) == len(lines) // asked.HELD_OUT
    assert SHIPPED.stat().st_size < 1e6


def test_one_of_the_texts_has_the_answer() -> None:
    """Guards against questions that none of the texts found answers."""
    told = "The {0} is a bird of the far {1}, and it lives on {2} that it finds in the ground there all the year round."
    birds = (("Dodo", "south", "nuts"), ("Auk", "north", "herrings"), ("Kiwi", "east", "worms"))
    articles = [corpus.Record("enwiki_2015", text=f"{each[0]}\n\n{told.format(*each)}") for each in birds]
    towns = [f"Town {n}\n\nTown{n} has {n} houses." + " It is old." * 9 for n in range(150)]
    others = [corpus.Record("enwiki_2015", text=each) for each in towns]
    questions = {"On what does the bird called Auk live?": "Herrings.", "What does the bird Kiwi like?": "Ostriches."}
    said = [
        corpus.Record("dolly15k_subset", ({"role": "user", "content": one}, {"role": "assistant", "content": other}))
        for one, other in questions.items()
    ]
    (prompt,) = retrieved.prompts([*articles, *others, *said], random.Random(1))
    assert "On what does the bird called Auk live?" in prompt
    assert "Auk: The Auk is a bird of the far north" in prompt
    assert 2 <= prompt.count("] ") <= 5


def test_what_is_marked_alike_is_the_same_in_both_turns() -> None:
    forms = asked.Forms(random.Random(1), {"passage": lambda: "A.", "sentence": lambda: "B."})
    for _ in range(40):
        first, second = forms.twice("reasoning")
        assert "{" not in first + second
        older = re.match(r"(\w+) is older than (\w+), and \2 is older than (\w+)\.", first)
        if older:
            assert len(set(older.groups())) == 3
            assert f"is older than {older[1]}." in second
