"""Claims against plain decoding: what the check says of them is arithmetic that must be right side up."""

from __future__ import annotations

import json

import pytest

from engine.bench.paces import ANSWERS, Claim, Claims, check_claims
from engine.config import PRESETS, ModelSet, Sampling
from engine.session import Session
from tests.engine.family import finish


def test_a_claim_is_judged_by_the_plain_answers_around_it() -> None:
    """An answer twice as fast that claims 2.2 is within 15 %, one that claims 3 is not; silence is no claim."""
    told = (Claim(80.0, 40.0, 2.2, ""), Claim(80.0, 40.0, 3.0, ""), Claim(80.0, 40.0, None, "busy"))
    claims = Claims("SmolLM2", "Lookup", told)
    assert claims.verdict() == (
        "Lookup: 2 claims in 3 answers, 1 of them within 15% of what was measured; half are within 30%, all within 50%."
    )
    assert "busy" in claims.table()
    assert "      2.00      2.20" in claims.table()
    assert "no claim in 1 answers" in Claims("SmolLM2", "Lookup", told[2:]).verdict()


def test_answers_take_turns(family: ModelSet) -> None:
    """Ten answers, each with two plain ones of the same run around it; every claim is the reply's own."""
    session = finish(Session.open(family, "cpu"))
    claims = check_claims(session, PRESETS["lookup"], Sampling(temperature=0), 5, lambda _: None)
    assert len(claims.claims) == ANSWERS
    assert all(claim.own > 0 and claim.plain > 0 for claim in claims.claims)
    assert json.loads(json.dumps(claims.to_json()))["claims"][0]["own"] == pytest.approx(claims.claims[0].own)
