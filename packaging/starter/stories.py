"""Short stories grown from the grammar in stories.json: who, where, what is missing, who helps, what is learnt."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# rules: choices by name, with {names} to be replaced; heroes: kind -> pronoun, "" where the name decides
GRAMMAR: dict[str, Any] = json.loads(Path(__file__).with_name("stories.json").read_text("utf-8"))
HEROES: dict[str, str] = GRAMMAR["heroes"]
NAMES: dict[str, str] = GRAMMAR["names"]
FORMS = {"he": ("he", "him", "his"), "she": ("she", "her", "her"), "it": ("it", "it", "its")}


@dataclass(frozen=True, slots=True)
class Story:
    """A finished story and what can be said about it."""

    kind: str
    name: str
    friend: str
    text: str
    gist: str
    sequel: str
    title: str


def tell(chance: random.Random) -> Story:
    """Grow a new story."""
    kind, friendkind = chance.sample(tuple(HEROES), 2)
    name, friend = _named(kind, chance), _named(friendkind, chance)
    while friend == name:
        friend = _named(friendkind, chance)
    he, him, his = FORMS[HEROES[kind] or NAMES[name]]
    known = {"kind": kind, "name": name, "he": he, "him": him, "his": his, "friend": friend, "friendname": friendkind}
    known |= {"Kind": kind.title(), "He": he.title(), "His": his.title(), "friendkind": with_article(friendkind)}
    plot = chance.choice(tuple(GRAMMAR["plots"]))
    text = "\n\n".join(_grow(part, known, chance) for part in GRAMMAR["plots"][plot])
    known["Trait"] = known["trait"].title()
    sequel, title = chance.choice(GRAMMAR["sequels"]), chance.choice(GRAMMAR["titles"])
    gist, sequel, title = (_grow(part, known, chance) for part in (GRAMMAR["gists"][plot], sequel, title))
    return Story(kind, name, friend, text, gist, sequel, title)


def with_article(noun: str) -> str:
    """Return "a fox" for "fox" and "an owl" for "owl"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _named(kind: str, chance: random.Random) -> str:
    return chance.choice([name for name, form in NAMES.items() if HEROES[kind] in ("", "it", form)])


def _grow(text: str, known: dict[str, str], chance: random.Random) -> str:
    """Replace every {rule} by one of its choices, the same one throughout a story."""
    while found := re.search(r"\{(\w+)\}", text):
        key = found.group(1)
        if key not in known:
            known[key] = _grow(chance.choice(GRAMMAR["rules"][key]), known, chance)
        text = text.replace("{" + key + "}", known[key])
    return re.sub(r"\ba (?=[aeiou])", "an ", text)
