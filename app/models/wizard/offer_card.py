"""One model set as a card: what it is good for, what it takes, and whether it fits."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QCheckBox, QFrame, QRadioButton, QVBoxLayout, QWidget

from app.look.flow import FlowLayout
from app.look.label import Label, plain_name
from app.models.library import Drafter, Offer, size
from app.models.page_parts import paragraph, small


class OfferCard(QFrame):
    """Shows ``offer``; ``choice`` is the radio button that picks it, and a click anywhere does too.

    ``under_way``: it is being downloaded or waits for its turn. ``drafter``: whether its drafter is wanted, None: if it
    is made for such a machine; ``changed`` tells that somebody has decided that.
    """

    changed = Signal()

    def __init__(
        self,
        offer: Offer,
        *,
        recommended: bool = False,
        under_way: bool = False,
        drafter: bool | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.offer = offer
        self.drafter = QCheckBox(self._with_drafter)
        self.drafter.setChecked(offer.drafter_pays and not offer.installed if drafter is None else drafter)
        self.drafter.toggled.connect(self._decide)
        self.choice = QRadioButton(plain_name(offer.title))
        self.choice.setObjectName("offer")
        self.choice.setAccessibleName(offer.title)
        self.choice.setAccessibleDescription(f"{offer.good_for} {offer.verdict.sentence} {self.facts}")
        self.choice.toggled.connect(self._mark)
        head = FlowLayout(10)
        head.addWidget(self.choice)
        if recommended:
            head.addWidget(_tag("Recommended", "tag"))
        for text, name in self._standing(under_way=under_way):
            head.addWidget(_tag(text, name))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(4)
        rows.addLayout(head)
        for label in (paragraph(offer.good_for), small(offer.verdict.sentence), small(self.facts)):
            label.setIndent(0)
            rows.addWidget(label)
        if offer.drafter is not None and not offer.drafter_there:
            said = self._of_drafter(offer.drafter)
            self.drafter.setAccessibleDescription(said)
            rows.addWidget(self.drafter)
            rows.addWidget(small(said))
        else:
            self.drafter.setParent(None)

    @property
    def controls(self) -> tuple[QWidget, ...]:
        """What of it the keyboard reaches, from the top."""
        return (self.choice,) if self.drafter.parent() is None else (self.choice, self.drafter)

    @property
    def wanted(self) -> Offer:
        """What is to be had of it: with its drafter where that was chosen, or is there."""
        return self.offer.with_drafter() if self.offer.drafter_there or self.drafter.isChecked() else self.offer

    @property
    def _with_drafter(self) -> str:
        drafter = self.offer.drafter
        if drafter is None:
            return ""
        return f"{'Add' if self.offer.installed else 'With'} its drafter, {size(drafter.download)} more to download"

    def _of_drafter(self, drafter: Drafter) -> str:
        """Say what a drafter is and what it may bring; nothing of it was measured here."""
        on_cpu = self.offer.verdict.device == "cpu"
        doubt = "on GPUs; on a processor nobody has measured it" if on_cpu else "not measured here"
        room = "" if on_cpu or self.offer.drafter_pays else ", and there may be no room for it now"
        said = f"{drafter.expected}, {doubt}" if drafter.published else drafter.expected
        return f"Made for this model, it guesses ahead: {said}{room} · {drafter.licence}"

    @property
    def facts(self) -> str:
        """Download, licence and sign-in in one line."""
        offer = self.offer
        rest = "more " if offer.incomplete else ""
        parts = [] if offer.installed else [f"{size(offer.download)} {rest}to download"]
        parts.append(", ".join(offer.licences))
        if offer.gated:
            parts.append("needs a sign-in and an accepted licence")
        return " · ".join(parts)

    def _standing(self, *, under_way: bool) -> tuple[tuple[str, str], ...]:
        """Return the tags that say whether it is there, and whether it fits: what is there need not fit."""
        verdict = self.offer.verdict
        fit = (verdict.word, f"fit-{verdict.answer}")
        if self.offer.installed:
            there = ("Installed", "fit-fits")
            return (there,) if verdict.answer == "fits" else (there, fit)
        return (("Being downloaded", "tag"), fit) if under_way else (fit,)

    def _decide(self) -> None:
        self.choice.setChecked(True)
        self.changed.emit()

    def _mark(self, chosen: bool) -> None:
        self.setProperty("chosen", chosen)
        self.style().polish(self)  # the sheet looks at properties only then

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose this one."""
        self.choice.setChecked(True)
        self.choice.setFocus()
        event.accept()


def _tag(text: str, name: str) -> Label:
    tag = Label(text)
    tag.setObjectName(name)
    return tag
