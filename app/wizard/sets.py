"""Second page: which model set, from the catalogue, from anywhere on the Hub, or from a folder."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.library import Errand, ModelLibrary, Offer, Step, Survey, Trouble
from app.look.choosing import choose_folder
from app.wizard.labels import announce, button, note
from app.wizard.offers import OfferCard
from app.wizard.offline import OfflineNote, said
from app.wizard.page import ORDER, Page, Plan

CONTEXTS = (2048, 4096, 8192, 16_384, 32_768)


class SetsPage(Page):
    """Cards with the fit verdict, the best first; a field for any repository, and a button for a folder."""

    step = "sets"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(plan, "Choose a model", "")
        self._library = library
        self.cards: list[OfferCard] = []
        self._extra: list[Offer] = []
        self._group = QButtonGroup(self)
        self._group.buttonToggled.connect(self._choose)
        self._look_up: Errand | None = None
        self._import: Errand | None = None
        self._known: set[str] | None = None  # the offers before an import, whose own is to be chosen
        self.sentence.hide()
        self.context = self._make_context()
        self.address, self.ask_hub = self._make_search()
        self.folder = button("Import a folder…")
        self.folder.clicked.connect(self._ask_folder)
        self.area, self._stack = self._make_area()
        self.offline = OfflineNote(library)
        library.offline_changed.connect(self._network_changed)
        self._lay_out()

    def _network_changed(self) -> None:
        if self.isVisible():
            self.initializePage()
            self.completeChanged.emit()

    def _lay_out(self) -> None:
        context = QHBoxLayout()
        label = QLabel("&Length of a conversation")
        label.setBuddy(self.context)
        context.addWidget(label)
        context.addWidget(self.context)
        context.addStretch()
        search = QHBoxLayout()
        search.setSpacing(8)
        search.addWidget(self.address, 1)
        search.addWidget(self.ask_hub)
        search.addWidget(self.folder)
        self.status, self.halt = note(), button("Stop", "quiet")
        self.halt.clicked.connect(self._stop)
        told = QHBoxLayout()
        told.setSpacing(8)
        told.addWidget(self.status, 1)
        told.addWidget(self.halt)
        for widget in (self.status, self.halt):
            widget.hide()
        self.rows.addWidget(self.offline)
        self.rows.addLayout(context)
        self.rows.addWidget(self.area, 1)
        self.rows.addLayout(told)
        self.rows.addLayout(search)

    def initializePage(self) -> None:
        """Judge every set on what is free now."""
        for widget in (self.address, self.ask_hub):
            widget.setDisabled(self._library.offline)
        self.address.setToolTip(said(self._library) if self._library.offline else "")
        self.alert.tell(None)
        errand = self._library.survey(self.plan.context)
        errand.finished.connect(self._show)
        errand.failed.connect(self._complain)

    def isComplete(self) -> bool:
        """True when there is something to go on with: a set that is installed or may be fetched."""
        offer = self.plan.offer
        return bool(offer and (offer.installed or not self._library.offline))

    def after(self) -> int:
        """Skip what is not needed: for an installed set all up to the trial, else the licence of an open one."""
        offer = self.plan.offer
        if offer is not None and offer.installed:
            return ORDER.index("try")
        return ORDER.index("access" if offer is not None and offer.gated else "place")

    def look_up(self) -> None:
        """Ask the Hub about the repository typed or pasted."""
        text = self.address.text().strip()
        if not text or self._look_up is not None:
            return
        self.alert.tell(None)
        self._say("Asking the Hub what that is…")
        self.ask_hub.setEnabled(False)
        self._look_up = self._library.inspect(text, self.plan.context)
        self._look_up.finished.connect(self._found)
        self._look_up.failed.connect(self._complain)
        self._look_up.over.connect(self._looked_up)

    def take_in(self, source: Path) -> None:
        """Import the checkpoint in ``source`` into the library, and choose it."""
        self.alert.tell(None)
        self._say(f"Importing {source.name}…")
        self.folder.setEnabled(False)
        self.halt.show()
        self._import = self._library.take_in(source)
        self._import.stepped.connect(self._step)
        self._import.finished.connect(self._taken_in)
        self._import.stopped.connect(self._import_stopped)
        self._import.failed.connect(self._complain)
        self._import.over.connect(self._folder_free)

    def _show(self, survey: Survey) -> None:
        self.plan.hardware = survey.hardware
        wanted, best = self._new_in(survey) or self.plan.offer, survey.best
        for old in self.cards:
            self._group.removeButton(old.choice)
            old.hide()
            old.deleteLater()
        known = {offer.name for offer in survey.offers}
        extra = [offer for offer in self._extra if offer.name not in known]
        self.cards = [OfferCard(offer, recommended=offer is best) for offer in (*extra, *survey.offers)]
        for at, card in enumerate(self.cards):
            self._group.addButton(card.choice)
            self._stack.insertWidget(at, card)
        name = wanted.name if wanted else best.name if best else ""
        for card in self.cards:
            card.choice.setChecked(card.offer.name == name)
        self.completeChanged.emit()

    def _new_in(self, survey: Survey) -> Offer | None:
        """Return what an import has brought, once."""
        known, self._known = self._known, None
        return None if known is None else next((offer for offer in survey.offers if offer.name not in known), None)

    def _found(self, offer: Offer) -> None:
        self._extra = [offer, *(known for known in self._extra if known.name != offer.name)]
        self.plan.offer = offer
        self.initializePage()
        self.area.verticalScrollBar().setValue(0)
        announce(self, f"Found {offer.title}. {offer.verdict.sentence}")

    def _looked_up(self) -> None:
        self._look_up = None
        self.ask_hub.setEnabled(not self._library.offline)
        self.status.hide()

    def _step(self, step: Step) -> None:
        share = 100 * step.done // max(1, step.total)
        self._say(f"Importing {step.path}: {share} %")

    def _stop(self) -> None:
        if self._import is not None:
            self._import.stop()

    def _folder_free(self) -> None:
        self._import = None
        self.folder.setEnabled(True)
        self.halt.hide()

    def _import_stopped(self) -> None:
        self._say("The import was stopped; nothing was kept of it.")

    def _taken_in(self, steps: tuple[Step, ...]) -> None:
        self._say(imported(steps))
        self._known = {card.offer.name for card in self.cards}
        self.initializePage()

    def _choose(self, choice: object, checked: bool) -> None:
        card = next((card for card in self.cards if card.choice is choice), None)
        if card is not None and checked:
            self.plan.offer = card.offer
            self.plan.name = card.offer.name
            self.area.ensureWidgetVisible(card)
            self.completeChanged.emit()

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.show()
        announce(self, text)

    def _complain(self, trouble: Trouble) -> None:
        self.status.hide()
        self.alert.tell(trouble)

    def _set_context(self, index: int) -> None:
        self.plan.context = CONTEXTS[index]
        self.initializePage()

    def _ask_folder(self) -> None:
        folder = choose_folder(self, "Import a model folder")
        if folder is not None:
            self.take_in(folder)

    def _make_context(self) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName("Length of a conversation")
        for tokens in CONTEXTS:
            box.addItem(f"{tokens:,} tokens")
        box.setCurrentIndex(CONTEXTS.index(self.plan.context))
        box.activated.connect(self._set_context)
        return box

    def _make_search(self) -> tuple[QLineEdit, QPushButton]:
        field = QLineEdit()
        field.setPlaceholderText("Any other: owner/name, or its address")
        field.setAccessibleName("Model on the Hub")
        find = button("Look up")
        field.returnPressed.connect(self.look_up)
        find.clicked.connect(self.look_up)
        return field, find

    def _make_area(self) -> tuple[QScrollArea, QVBoxLayout]:
        body = QWidget()
        body.setObjectName("offers")
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 8, 0)
        rows.setSpacing(8)
        rows.addStretch()
        area = QScrollArea()
        area.setObjectName("offers")
        area.setAccessibleName("Model sets")
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(body)
        return area, rows


def imported(steps: tuple[Step, ...]) -> str:
    """Return that an import is done, and how far its files could be held against what they should be."""
    unknown = {step.path for step in steps if not step.compared}
    if not unknown:
        return "Imported. Every file is what its checksum says."
    if any(step.compared for step in steps):
        return "Imported. Every file that came with a checksum is what it says."
    return "Imported. The folder holds no checksums to compare with; they are noted now, for later."
