"""The last page: says which model is ready and where to find it."""

from __future__ import annotations

from app.models.library import ModelLibrary
from app.models.page_parts import paragraph
from app.models.wizard.wizard_page import Plan, WizardPage


class DonePage(WizardPage):
    """Says where the model is found."""

    step = "done"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(plan, "Done", "")
        self._library = library
        self.lines = [paragraph() for _ in range(3)]
        for line in self.lines:
            self.rows.addWidget(line)
        self.rows.addStretch()
        self.setFinalPage(True)

    def initializePage(self) -> None:
        """Name the model."""
        offer = self.plan.offer
        title = offer.title if offer else self.plan.name
        if self.plan.loaded:
            self.sentence.setText(f"{title} is loaded and ready to chat.")
            where = "You find it in the model picker, beside the starter."
        else:
            self.sentence.setText(f"{title} is not in use: it has not answered yet.")
            where = "The model you had before stays in use. Once the new one is complete, the model picker lists both."
        texts = (
            where,
            "Model > Models… shows sizes, checks files, deletes and moves models.",
            "No network is needed from here on: chatting opens no connection.",
        )
        for line, text in zip(self.lines, texts, strict=True):
            line.setText(text)
