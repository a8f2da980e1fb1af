"""Labels of the panel: short text in a style of the sheet, and a tool tip that explains it."""

from __future__ import annotations

from app.look.label import Label, plain_tip
from app.look.typeface import tabular


class CaptionLabel(Label):
    """Shows ``text`` in the style ``name``; ``tip`` says in a sentence what it is and what a figure in it means."""

    def __init__(self, text: str, name: str, tip: str, *, figures: bool = False, wrapped: bool = False) -> None:
        super().__init__(text)
        self.setObjectName(name)
        self.setToolTip(plain_tip(tip))
        self.setWordWrap(wrapped)
        if figures:
            self.setFont(tabular(self.font()))
