"""One model set as a card: what it is good for, what it takes, and whether it fits."""

from __future__ import annotations

from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QLabel, QRadioButton, QVBoxLayout, QWidget

from app.library import Offer, size
from app.look.flow import FlowLayout
from app.wizard.labels import paragraph, small

WORDS = {"fits": "Fits", "shorter": "Fits with less context", "no": "Does not fit"}


class OfferCard(QFrame):
    """Shows ``offer``; ``choice`` is the radio button that picks it, and a click anywhere does too."""

    def __init__(self, offer: Offer, *, recommended: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.offer = offer
        self.choice = QRadioButton(offer.title)
        self.choice.setObjectName("offer")
        self.choice.setAccessibleName(offer.title)
        self.choice.setAccessibleDescription(f"{offer.good_for} {offer.verdict.sentence} {self.facts}")
        head = FlowLayout(10)
        head.addWidget(self.choice)
        if recommended:
            head.addWidget(_tag("Recommended", "tag"))
        head.addWidget(_tag("Installed" if offer.installed else WORDS[offer.verdict.answer], f"fit-{self._state}"))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(4)
        rows.addLayout(head)
        for label in (paragraph(offer.good_for), small(offer.verdict.sentence), small(self.facts)):
            label.setIndent(0)
            rows.addWidget(label)

    @property
    def facts(self) -> str:
        """Download, licence and sign-in in one line."""
        offer = self.offer
        parts = [] if offer.installed else [f"{size(offer.download)} to download"]
        parts.append(", ".join(offer.licences))
        if offer.gated:
            parts.append("needs a sign-in and an accepted licence")
        return " · ".join(parts)

    @property
    def _state(self) -> str:
        return "fits" if self.offer.installed else self.offer.verdict.answer

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose this one."""
        self.choice.setChecked(True)
        self.choice.setFocus()
        event.accept()


def _tag(text: str, name: str) -> QLabel:
    tag = QLabel(text)
    tag.setObjectName(name)
    return tag
