"""A method as somebody wants it: which rule each judge gets, and what stays as it was."""

from __future__ import annotations

import pytest

from engine.config import PRESETS, TARGET, Lookup, Model, Preset, Stage
from engine.config.tailoring import WAYS, Kept, tailored

FALLING = Preset(
    "falling", "", "", (Stage(Lookup()), Stage(Model("draft"), trimmed=True, fallback=True), Stage(Model(TARGET)))
)
COPIES = PRESETS["lookup"]


@pytest.mark.parametrize("kept", list(WAYS))
def test_only_judges_get_a_rule(kept: Kept) -> None:
    """Guards: a method called lossy that is exact, as nothing has laws to compare with, and the other way round."""
    assert tailored(FALLING, kept=kept).lossless == (kept in ("preset", "exact"))
    assert tailored(FALLING, kept=kept).stages[1].acceptance.lossless, "it guesses"
    assert tailored(COPIES, kept=kept).lossless == (kept != "likely")
    assert tailored(PRESETS["pyramid"], kept=kept).lossless == (kept == "exact")
    assert tailored(PRESETS["auto"], kept=kept) == PRESETS["auto"], "which promises the model's own words"
    assert all(tailored(preset, kept=kept, tolerance=0).lossless for preset in PRESETS.values())


def test_laws_that_are_compared_speak_of_the_same_tokens() -> None:
    """Guards: a fuzzy rule that never keeps anything, as a draft vocabulary leaves tokens out that the judge has."""
    draft = tailored(PRESETS["draft"], kept="fuzzy")
    assert not any(stage.trimmed for stage in (*draft.stages, *tailored(FALLING, kept="fuzzy").stages))
    assert [stage.trimmed for stage in tailored(PRESETS["draft"], kept="likely").stages] == [
        stage.trimmed for stage in PRESETS["draft"].stages
    ]


def test_the_papers_settings() -> None:
    """As published: HiSpec's two and four tokens, Pyramid's 15 or 5 and 25; others have none and stay as they are."""

    def windows(name: str, **how: object) -> list[int]:
        return [stage.window.tokens for stage in tailored(PRESETS[name], **how).stages[:-1]]  # type: ignore[arg-type]

    assert windows("hispec", recipe="paper") == windows("hispec", recipe="paper-no-bonus") == [2, 4]
    assert windows("pyramid", recipe="paper") == [15, 25]
    assert windows("pyramid", recipe="paper", kept="assisted") == [5, 25]
    assert windows("hispec", recipe="paper", windows=(3, 9)) == [3, 9]
    bonus = [tailored(PRESETS["hispec"], recipe=recipe).stages[1].bonus for recipe in ("paper", "paper-no-bonus")]
    assert bonus == [True, False]
    assert tailored(PRESETS["draft"], recipe="paper") == PRESETS["draft"]
