"""What is measured of lossy methods: shares of the tokens that are in the answers, by rule and place of the dial."""

from __future__ import annotations

from engine.bench.drift import drifts
from engine.config import PRESETS, ModelSet, Sampling
from engine.session import Session
from tests.engine.family import finish


def test_drift_over_the_dial(family: ModelSet) -> None:
    """At 0 every rule is exact, token for token; the figures are those of the answers that were given."""
    session, said = finish(Session.open(family, "cpu", "eager", weights="exact")), list[str]()
    asked = session, PRESETS["pyramid"], ("The quick brown fox?",), Sampling(temperature=5, top_p=1), 16, said.append
    found = drifts(*asked, ways=("trusted", "likely"), dials=(0, 1))
    exact, trusted, also, likely = found.rows
    assert (exact.share, exact.lag, also.share) == (0, 0, 0)
    assert (exact.tokens, exact.per_round, exact.kept) == (also.tokens, also.per_round, also.kept)
    assert all(0 <= row.share <= 1 and row.pace > 0 for row in (trusted, likely))
    assert said == ["trusted at 0", "trusted at 1", "likely at 0", "likely at 1"]
    assert len(found.table().splitlines()) == 2 + len(found.to_json()["rows"])
