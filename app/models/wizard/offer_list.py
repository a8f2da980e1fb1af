"""The model sets on offer, one under the other, one of them chosen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QScrollArea, QVBoxLayout, QWidget

from app.models.library import Offer
from app.models.wizard.offer_card import OfferCard


class OfferList(QScrollArea):
    """Shows ``cards``; ``chosen`` carries the Offer of the one that was picked, as far as it is wanted."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[OfferCard] = []
        self._drafters: dict[str, bool] = {}  # what was decided about drafters, by offer
        self._group = QButtonGroup(self)
        self._group.buttonToggled.connect(self._toggled)
        body = QWidget()
        body.setObjectName("offers")
        self._stack = QVBoxLayout(body)
        self._stack.setContentsMargins(0, 0, 8, 0)
        self._stack.setSpacing(8)
        self._stack.addStretch()
        self.setObjectName("offers")
        self.setAccessibleName("Model sets")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(body)

    def fill(self, offers: Sequence[Offer], best: Offer | None, under_way: Collection[str], choose: str) -> None:
        """Show ``offers`` in place of what is shown; ``under_way`` are downloaded, ``choose`` is picked by name.

        The focus stays on its offer. Where they are those shown, judged anew, what is in sight stays there too.
        """
        focus, bar = self.window().focusWidget(), self.verticalScrollBar()
        focused = next((card.offer.name for card in self.cards if card.choice is focus), "")
        same, at = [card.offer.name for card in self.cards] == [offer.name for offer in offers], bar.value()
        for old in self.cards:
            self._group.removeButton(old.choice)
            old.hide()
            old.deleteLater()
        self.cards = [
            OfferCard(
                offer,
                recommended=offer is best,
                under_way=offer.name in under_way,
                drafter=self._drafters.get(offer.name),
            )
            for offer in offers
        ]
        for place, card in enumerate(self.cards):
            card.changed.connect(partial(self._decided, card))
            self._group.addButton(card.choice)
            self._stack.insertWidget(place, card)
        for card in self.cards:
            card.choice.setChecked(card.offer.name == choose)
            if card.offer.name == focused:
                card.choice.setFocus()
        # Once the cards have their places.
        QTimer.singleShot(0, self, (lambda: bar.setValue(at)) if same else self._bring_into_sight)

    def _bring_into_sight(self) -> None:
        chosen = next((card for card in self.cards if card.choice.isChecked()), None)
        if chosen is not None:
            self.ensureWidgetVisible(chosen)

    def _decided(self, card: OfferCard) -> None:
        self._drafters[card.offer.name] = card.drafter.isChecked()
        self.chosen.emit(card.wanted)

    def _toggled(self, choice: object, checked: bool) -> None:
        card = next((card for card in self.cards if card.choice is choice), None)
        if card is not None and checked:
            self.chosen.emit(card.wanted)
            self.ensureWidgetVisible(card)
