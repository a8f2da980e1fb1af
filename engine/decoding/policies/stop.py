"""What a rule that ends a window early has to do."""

from __future__ import annotations

from typing import Protocol

from engine.decoding.laws import Laws


class Stop(Protocol):
    """A rule at work in one window, asked behind every token."""

    def after(self, law: Laws, token: int) -> bool:
        """Tell whether to stop after ``token``, which was drawn from the one ``law``."""
