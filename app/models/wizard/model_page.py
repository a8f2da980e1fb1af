"""The second page: choose a model set from the catalogue, from anywhere on the Hub, or from a folder."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.look.announce import announce
from app.look.choosing import choose_file, choose_folder
from app.look.label import Label
from app.models.confirm import confirm
from app.models.importing import GGUF_KINDS, GGUF_TITLE, imported
from app.models.library import ModelLibrary, Offer, Step, Survey, Task, size
from app.models.offline_note import OfflineNote, said
from app.models.page_parts import button, note, paragraph, row_of
from app.models.wizard.hub_search import HubSearch
from app.models.wizard.length_box import LengthBox
from app.models.wizard.offer_card import OfferCard
from app.models.wizard.offer_list import OfferList
from app.models.wizard.wizard_page import ORDER, Plan, WizardPage
from app.threads.failure import Failure

CHOOSE = "Choose one to go on; with “Skip for now” the starter stays."


class ModelPage(WizardPage):
    """Cards with the fit verdict, the best first; a field for any repository, and a button for a folder."""

    step = "model"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(
            plan,
            "Choose a model",
            "Most of these are families: a large model that answers, and smaller ones that guess ahead for it, which "
            "makes it quicker. The larger the first, the better it answers.",
        )
        self._library = library
        self._extra: list[Offer] = []
        self._import: Task | None = None
        self._source = ""
        self._known: set[str] | None = None  # the offers before an import, whose own is to be chosen
        self._unfit: set[str] = set()  # what is to be had although it does not fit
        self._verdict = ""  # on all of them together
        self._survey: Task | None = None  # the latest
        self._jobs: set[str] = set()  # what was being downloaded then
        self.none, self.context = paragraph(), LengthBox(plan.context)
        self.search = HubSearch(library, plan)
        self.address, self.ask_hub = self.search.field, self.search.go
        self.folder, self.file = button("Import a folder…"), button("Import a GGUF file…")
        self.sign_in = button("Sign in…")
        self.status, self.halt = note(), button("Stop", "quiet")
        self.area = OfferList()
        self.offline = OfflineNote(library)
        self._lay_out()
        self._connect()

    def _connect(self) -> None:
        self.area.chosen.connect(self._choose)
        self.context.chosen.connect(self._set_context)
        self.folder.clicked.connect(self._ask_folder)
        self.file.clicked.connect(self._ask_file)
        self.sign_in.clicked.connect(self._ask_access)
        self.halt.clicked.connect(self._stop)
        self.search.began.connect(self._looking)
        self.search.ended.connect(lambda: self.halt.setVisible(self._import is not None))
        self.search.found.connect(self._found)
        self.search.failed.connect(self._not_found)
        self._library.offline_changed.connect(self._network_changed)
        self._library.downloads.progressed.connect(self._job_moved)

    def _network_changed(self) -> None:
        if self.isVisible():
            self.initializePage()
            self.completeChanged.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """Update the cards when coming back to this page: Qt calls initializePage only when going forward."""
        super().showEvent(event)
        self._job_moved()

    def _job_moved(self) -> None:
        """Update the cards when a download began or ended: they show that, and less or more memory is free."""
        if self.isVisible() and self._jobs != self._library.downloads.names_under_way:
            self._judge()

    def _lay_out(self) -> None:
        context, find, told = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        label = Label("&Length of a conversation")
        label.setBuddy(self.context)
        context.addWidget(label)
        context.addWidget(self.context)
        context.addStretch()
        find.setSpacing(8)
        find.addWidget(self.search, 1)
        told.setSpacing(8)
        told.addWidget(self.status, 1)
        told.addWidget(self.halt)
        for widget in (self.status, self.halt, self.sign_in, self.none):
            widget.hide()
        self.rows.addLayout(row_of(self.sign_in))
        self.rows.addWidget(self.offline)
        self.rows.addLayout(context)
        self.rows.addWidget(self.none)
        self.rows.addWidget(self.area, 1)
        self.rows.addLayout(told)
        self.rows.addLayout(find)
        self.rows.addLayout(row_of(self.folder, self.file))

    @property
    def cards(self) -> list[OfferCard]:
        """What is on offer, from the top."""
        return self.area.cards

    def initializePage(self) -> None:
        """Judge every set on what is free now."""
        self.plan.asked = ""
        self.search.setDisabled(self._library.offline)
        self.address.setToolTip(said(self._library) if self._library.offline else "")
        self._clear()
        self._judge()

    def isComplete(self) -> bool:
        """True when there is something to go on with: a set that is installed or may be fetched."""
        offer = self.plan.offer
        return bool(offer and (offer.installed or not self._library.offline))

    def validatePage(self) -> bool:
        """Ask before something is downloaded that this machine cannot hold."""
        offer = self.plan.offer
        if self.plan.asked or offer is None or offer.installed or offer.verdict.answer != "no":
            return True
        if offer.name in self._unfit:
            return True
        more = f"{offer.verdict.sentence} You can download it ({size(offer.download)}), but not load it here now."
        sentence, act = f"{offer.title} does not fit.", partial(self._have_all_the_same, offer)
        confirm(self, sentence, more, yes="Download it all the same", no="Choose another", act=act)
        return False

    def after(self) -> int:
        """Skip pages that are not needed: up to the trial for an installed set, the licence for an open one."""
        offer = self.plan.offer
        if offer is not None and offer.installed and not self.plan.asked:
            return ORDER.index("trial")
        gated = self.plan.asked or (offer is not None and offer.gated)
        return ORDER.index("licence" if gated else "folder")

    def add(self, offer: Offer) -> None:
        """Show ``offer`` before the catalogue's, and choose it."""
        self._extra = [offer, *(known for known in self._extra if known.name != offer.name)]
        self.plan.offer = offer
        self._judge()

    def take_in(self, source: Path) -> None:
        """Import the checkpoint folder or GGUF file ``source`` into the library, and choose it."""
        self._clear()
        self._source = source.name
        self._say(f"Importing {source.name}…")
        self.folder.setEnabled(False)
        self.file.setEnabled(False)
        self.halt.show()
        self._import = self._library.take_in(source)
        self._import.stepped.connect(self._step)
        self._import.finished.connect(self._taken_in)
        self._import.stopped.connect(self._import_stopped)
        self._import.failed.connect(self._complain)
        self._import.over.connect(self._folder_free)

    def _judge(self) -> None:
        if self._survey is not None:  # what that finds is out of date
            self._survey.finished.disconnect(self._show)
        self._jobs = self._library.downloads.names_under_way
        self._survey = self._library.survey(self.plan.context)
        self._survey.finished.connect(self._show)
        self._survey.failed.connect(self._complain)

    def _show(self, survey: Survey) -> None:
        self.plan.hardware = survey.hardware
        wanted, best = self._new_in(survey) or self.plan.offer, survey.best
        known = {offer.name for offer in survey.offers}
        offers = (*(offer for offer in self._extra if offer.name not in known), *survey.offers)
        self.plan.offer = None  # what was chosen may be gone; what is there is chosen anew
        self.area.fill(offers, best, self._jobs, wanted.name if wanted else best.name if best else "")
        self._verdict = survey.sentence
        self._explain()
        self._order_tabs()
        self.completeChanged.emit()

    def _order_tabs(self) -> None:
        """Let Tab come to the choices first, as they are read."""
        choices = [control for card in self.cards for control in card.controls]
        below = self.halt, self.address, self.ask_hub, self.folder, self.file
        for before, after in pairwise((self.context, *choices, *below)):
            QWidget.setTabOrder(before, after)

    def _explain(self) -> None:
        """Say why Next is closed, and what is wrong with all of them."""
        text = f"{self._verdict} {'' if self.plan.offer else CHOOSE}".strip()
        self.none.setText(text)
        self.none.setVisible(bool(text))

    def _new_in(self, survey: Survey) -> Offer | None:
        """Return what an import has brought, once."""
        known, self._known = self._known, None
        return None if known is None else next((offer for offer in survey.offers if offer.name not in known), None)

    def _have_all_the_same(self, offer: Offer) -> None:
        self._unfit.add(offer.name)
        self.wizard().next()

    def _ask_access(self) -> None:
        """Go to the page on which one signs in for the model that was looked up."""
        self.plan.asked = self.search.text
        self.wizard().next()

    def _looking(self) -> None:
        self._clear()
        self._say("Asking Hugging Face (the Hub) what that is…")
        self.halt.show()

    def _found(self, offer: Offer) -> None:
        self._clear()
        self._say(f"Found {offer.title}: it is chosen above.")
        self.add(offer)

    def _not_found(self, failure: Failure) -> None:
        self._complain(failure)
        if failure.kind in {"signin", "licence"}:
            self.sign_in.show()
        elif failure.kind == "missing":  # it may be a private one
            self._library.signed_in().finished.connect(self._offer_sign_in)

    def _offer_sign_in(self, signed_in: bool) -> None:
        self.sign_in.setVisible(not signed_in and self.alert.isVisible())

    def _step(self, step: Step) -> None:
        share = 100 * step.done // max(1, step.total)
        told = f"Importing {step.path or self._source}: {share} %"
        if told != self.status.text():
            self._say(told)

    def _stop(self) -> None:
        self.address.setFocus()  # the button goes
        if self._import is not None:
            self._import.stop()
        else:
            self.search.stop()
            self._say("Stopped. Nothing was looked up.")

    def _folder_free(self) -> None:
        self._import = None
        self.folder.setEnabled(True)
        self.file.setEnabled(True)
        self.halt.hide()

    def _import_stopped(self) -> None:
        self._say("The import was stopped; nothing was kept of it.")

    def _taken_in(self, steps: tuple[Step, ...]) -> None:
        self._say(imported(steps))
        self._known = {card.offer.name for card in self.cards}
        self._judge()

    def _choose(self, offer: Offer) -> None:
        self.plan.offer, self.plan.name = offer, offer.name
        self._explain()
        self.completeChanged.emit()

    def _clear(self) -> None:
        """Clear the messages about earlier attempts."""
        self.alert.tell(None)
        self.sign_in.hide()
        self.status.hide()

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.show()
        announce(self, text)

    def _complain(self, failure: Failure) -> None:
        self._clear()
        self.alert.tell(failure)

    def _set_context(self, tokens: int) -> None:
        self.plan.context = self.plan.length = tokens
        self._judge()

    def _ask_file(self) -> None:
        if (file := choose_file(self, GGUF_TITLE, GGUF_KINDS)) is not None:
            self.take_in(file)

    def _ask_folder(self) -> None:
        if (folder := choose_folder(self, "Import a model folder")) is not None:
            self.take_in(folder)
