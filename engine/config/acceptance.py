"""By which rule proposed tokens are kept, and one dial for how far a rule may leave the target's own law."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Rule = Literal["exact", "fuzzy", "likely", "trusted"]
# What can be asked of a whole chain; "assisted" is "fuzzy" for the target alone, as in PyramidSD's calmer variant.
Way = Literal["exact", "fuzzy", "assisted", "likely", "trusted"]
USUAL = 0.6  # of the dial

# What a rule tolerates at the dial's end: of a judge in the middle, and of the target.
LOOSEST = MappingProxyType({"exact": (0.0, 0.0), "fuzzy": (0.4, 0.5), "likely": (2.0, 2.0), "trusted": (0.5, 0.5)})


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Which proposed tokens a judge keeps: those that it would write itself, and by a rule that is LOSSY also others.

    ``exact``: no others, so the reply is what it would be without drafts; all levels share their random numbers (arXiv
    2408.07978). ``fuzzy``: while judge and proposer diverge by at most ``tau`` nats (PyramidSD, arXiv 2510.12966).
    ``likely``: while the running average of the judge's surprise is at most ``tau`` nats (Consultant Decoding, arXiv
    2506.02391). ``trusted``: as long as the proposer's likeliest token leads the next by at least 1 - ``tau`` (the
    margin of TriSpec, arXiv 2601.23180). See engine.decoding.acceptance.
    """

    rule: Rule = "exact"
    tau: float = 0.0

    @property
    def lossless(self) -> bool:
        """True when what is kept is the judge's own."""
        return self.rule == "exact"

    @property
    def compares(self) -> bool:
        """True when it asks for the proposer's laws."""
        return self.rule in ("fuzzy", "trusted")

    def at(self, dial: float, *, top: bool) -> Acceptance:
        """Return this rule as loose as ``dial`` says: 0 is exact, 1 what its paper tolerates at most.

        ``top``: the target judges. A judge in the middle is a little stricter, as PyramidSD found best.
        """
        tau = dial * LOOSEST[self.rule][top]
        return Acceptance(self.rule, round(tau, 6)) if tau else Acceptance()


def rule_of(way: Way, *, top: bool) -> Rule:
    """Return the rule of a judge, the target or one in the middle, where a chain keeps tokens in this ``way``."""
    if way == "fuzzy":
        return "fuzzy"
    if not top:
        return "exact"  # what reaches the target is what the model in the middle would have written
    return "fuzzy" if way == "assisted" else way
