"""The wizard: a rail of steps on the left, a page on the right, and a way out on every one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget, QWizard

from app.look.label import Label
from app.look.room import make_room
from app.models.library import ModelLibrary
from app.models.page_parts import small
from app.models.wizard.done_page import DonePage
from app.models.wizard.download_page import DownloadPage
from app.models.wizard.folder_page import FolderPage
from app.models.wizard.licence_page import LicencePage
from app.models.wizard.machine_page import MachinePage
from app.models.wizard.model_page import ModelPage
from app.models.wizard.trial_page import TrialPage
from app.models.wizard.wizard_page import ORDER, STEPS, Plan, WizardPage
from app.talk.chat import Chat

RULER = 2  # pixels
PAGES = 2  # times the width of the steps that pages have at least beside them
SKIP = "All of this can be skipped, and taken up again from the Model menu."


class Wizard(QWizard):
    """Leads from this machine to a first reply. Leaving it leaves a download running.

    ``length_chosen`` carries the chosen length of a chat, once the user goes on from the page of models.
    """

    left = Signal()
    length_chosen = Signal(int)

    def __init__(self, library: ModelLibrary, chat: Chat, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan = Plan()
        self.setWindowTitle("Get a model")
        self.setWizardStyle(QWizard.WizardStyle.ClassicStyle)
        self.setOption(QWizard.WizardOption.NoBackButtonOnStartPage)
        self.setOption(QWizard.WizardOption.NoCancelButtonOnLastPage)
        self.machine_page, self.model_page = MachinePage(library, self.plan), ModelPage(library, self.plan)
        self.licence_page, self.folder_page = LicencePage(library, self.plan), FolderPage(library, self.plan)
        self.download_page = DownloadPage(library, self.plan)
        self.trial_page, self.done_page = TrialPage(library, self.plan, chat), DonePage(library, self.plan)
        pages: tuple[WizardPage, ...] = (
            self.machine_page,
            self.model_page,
            self.licence_page,
            self.folder_page,
            self.download_page,
            self.trial_page,
            self.done_page,
        )
        for at, page in enumerate(pages):
            self.setPage(at, page)
        self.rail = Rail()
        self.setSideWidget(self.rail)
        self._name_buttons()
        self.currentIdChanged.connect(self._arrive)
        self.licence_page.found.connect(self.model_page.add)
        for page in pages:
            page.completeChanged.connect(self._offer_next)
        self.finished.connect(self.trial_page.trial.clear)
        self.finished.connect(self.licence_page.stop)
        self.finished.connect(self.left)
        make_room(self, 900, 640)

    def showEvent(self, event: QShowEvent) -> None:
        """Hide Qt's ruler, which is laid out by now; it takes its colours from neither sheet nor palette."""
        super().showEvent(event)
        for widget in self.findChildren(QWidget):
            if type(widget) is QWidget and widget.maximumHeight() == RULER:
                widget.setFixedHeight(0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the steps out where they would take the pages' room."""
        super().resizeEvent(event)
        self.rail.setVisible(self.width() > (1 + PAGES) * self.rail.sizeHint().width())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave Enter in a text field to the field: there it looks up or signs in, and must not turn the page too."""
        typed = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if typed and self.focusWidget() in {self.model_page.address, self.licence_page.token}:
            event.accept()
            return
        super().keyPressEvent(event)

    def _name_buttons(self) -> None:
        kind = QWizard.WizardButton
        names = {
            kind.BackButton: "&Back",
            kind.NextButton: "&Next",
            kind.FinishButton: "&Start chatting",
            kind.CancelButton: "&Skip for now",
        }
        for which, text in names.items():
            self.setButtonText(which, text)
            self.button(which).setAccessibleName(text.replace("&", ""))
        for which in (kind.NextButton, kind.FinishButton):
            self.button(which).setProperty("accent", True)
            _polish(self.button(which))

    def _arrive(self, at: int) -> None:
        if at < 0:
            return
        self.rail.show_step(at)
        self.currentPage().setFocus()  # no control of it has the keyboard by chance
        self._offer_next()
        if self.plan.length and at > ORDER.index("model"):
            self.length_chosen.emit(self.plan.length)
        leaving = "&Close" if ORDER[at] in {"download", "trial"} else "&Skip for now"
        self.setButtonText(QWizard.WizardButton.CancelButton, leaving)
        self.button(QWizard.WizardButton.CancelButton).setAccessibleName(leaving.replace("&", ""))

    def _offer_next(self) -> None:
        """Give the keyboard to Next as soon as it opens, unless somebody is at work with it."""
        holder, button = self.focusWidget(), self.button(QWizard.WizardButton.NextButton)
        if button.isEnabled() and (holder is None or holder.focusPolicy() is Qt.FocusPolicy.NoFocus):
            button.setFocus()


class Rail(QFrame):
    """The steps by name, the present one marked."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(20, 26, 16, 20)
        rows.addStrut(174)
        rows.setSpacing(12)
        self.steps = [Label(f"{number}   {text}") for number, text in enumerate(STEPS.values(), 1)]
        for label in self.steps:
            rows.addWidget(label)
        rows.addStretch()
        skip = small(SKIP)
        skip.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # as wide as the steps need
        rows.addWidget(skip)

    def show_step(self, at: int) -> None:
        """Mark step ``at``."""
        for number, label in enumerate(self.steps):
            label.setObjectName("railNow" if number == at else "railStep")
            _polish(label)


def _polish(widget: QWidget) -> None:
    """Have the sheet look at ``widget`` again, whose name or property is another now."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
