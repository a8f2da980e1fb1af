"""Stops once a drafter is no longer sure that all it has written stands (Kangaroo, arXiv 2404.18911).

Kangaroo asks of each token alone; the next one is only worth a pass if all before it stand, so their product is asked
here, of the plain law: at low temperatures, and greedy, the law with settings applied always looks sure.
"""

from __future__ import annotations

from engine.decoding.laws import Laws


class Confidence:
    """Stops where the probabilities of a window's tokens, by the plain law, multiply to less than ``least``."""

    def __init__(self, least: float) -> None:
        self.least, self.sure = least, 1.0

    def after(self, law: Laws, token: int) -> bool:
        """See Stop."""
        if law.logits is None:
            self.sure *= float(law.probs[0, token])
        else:
            self.sure *= float((law.logits[0, token] - law.logits[0].logsumexp(0)).exp())
        return self.sure < self.least
