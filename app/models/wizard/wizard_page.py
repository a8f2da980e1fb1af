"""The base of all pages of the wizard, and the plan they fill in together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtWidgets import QVBoxLayout, QWidget, QWizardPage

from app.look.scrolled import Scrolled
from app.models.library import Hardware, Offer
from app.models.page_parts import headline, note
from app.notices import Alert

Step = Literal["machine", "model", "licence", "folder", "download", "trial", "done"]
STEPS: dict[Step, str] = {
    "machine": "This machine",
    "model": "Choose a model",
    "licence": "Licence and sign-in",
    "folder": "Folder",
    "download": "Download and verify",
    "trial": "Try it",
    "done": "Done",
}
ORDER: tuple[Step, ...] = tuple(STEPS)


@dataclass
class Plan:
    """What has been decided so far. ``name`` is the model set to try, once it is installed.

    ``context`` is the length of a chat for which models must fit, ``length`` the one the user chose (0: none yet).
    ``asked`` is a model that was looked up and needs a sign-in first; ``loaded``: the trial has loaded the set.
    """

    offer: Offer | None = None
    hardware: Hardware | None = None
    context: int = 4096
    length: int = 0
    name: str = ""
    asked: str = ""
    loaded: bool = False


class WizardPage(QWizardPage):
    """One step, named ``step``; ``rows`` is where its parts go, ``alert`` what went wrong on it."""

    step: Step

    def __init__(self, plan: Plan, title: str, sentence: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan = plan
        self.setAccessibleName(STEPS[self.step])
        self.headline, self.sentence, self.alert = headline(title), note(sentence), Alert()
        area = Scrolled()
        self.rows = area.rows
        self.rows.setContentsMargins(28, 24, 28, 8)
        self.rows.setSpacing(12)
        for widget in (self.headline, self.sentence, self.alert):
            self.rows.addWidget(widget)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)

    def nextId(self) -> int:
        """The step that follows, by its place in ORDER."""
        return self.after()

    def after(self) -> int:
        """Return where Next leads: the next step, unless a page knows better."""
        at = ORDER.index(self.step)
        return at + 1 if at + 1 < len(ORDER) else -1
