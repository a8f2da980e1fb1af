"""Stops after a token that was drawn from too even a law (SVIP, arXiv 2411.18462)."""

from __future__ import annotations

from dataclasses import dataclass

from engine.decoding.laws import Laws


@dataclass(frozen=True, slots=True)
class Entropy:
    """Stops where the law, sampling settings applied, has more than ``most`` nats; a greedy law has none."""

    most: float

    def after(self, law: Laws, token: int) -> bool:  # noqa: ARG002 - whichever was drawn
        """See Stop."""
        p = law.probs[0]
        return float(-(p * p.clamp(min=1e-38).log()).sum()) > self.most
