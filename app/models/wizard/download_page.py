"""The fifth page: downloads the chosen set and verifies every file."""

from __future__ import annotations

from dataclasses import replace

from app.models.download_card import DownloadCard
from app.models.library import ModelLibrary, Progress
from app.models.offline_note import OfflineNote
from app.models.page_parts import button, row_of
from app.models.wizard.wizard_page import ORDER, Plan, WizardPage


class DownloadPage(WizardPage):
    """Queues the chosen set and shows its job; Next opens when every file was verified."""

    step = "download"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(
            plan,
            "Download and verify",
            "You can close this window meanwhile: the download goes on, and Model > Models… shows it. Every file "
            "is compared with the checksum that Hugging Face (the Hub) gives for it.",
        )
        self._library = library
        self.job: DownloadCard | None = None
        self.sign_in = button("Sign in…")
        self.sign_in.clicked.connect(self._sign_in)
        self.sign_in.hide()
        self.rows.addLayout(row_of(self.sign_in))
        self.rows.addWidget(OfflineNote(library))
        library.downloads.progressed.connect(self._hear)

    def initializePage(self) -> None:
        """Begin, or go on with, the download of the chosen set."""
        offer = self.plan.offer
        if offer is None:
            return
        if self.job is None or self.job.name != offer.name or self.job.state == "done":  # it may be gone since
            if self.job is not None:
                self.rows.removeWidget(self.job)
                self.job.hide()
                self.job.deleteLater()
            self.job = DownloadCard(self._library.downloads, offer.name, offer.title)
            self.job.ended.connect(lambda _: self.completeChanged.emit())
            self.job.again.connect(self._get)
            self.rows.addWidget(self.job, 1)
        self._get()

    def _get(self) -> None:
        if self.plan.offer is not None:
            self.alert.tell(self._library.downloads.get(self.plan.offer))
        self.completeChanged.emit()

    def _hear(self, progress: Progress) -> None:
        """Offer the sign-in to a job that ended because it needs one."""
        if self.job is not None and progress.job == self.job.name:
            self.sign_in.setVisible(progress.kind in {"signin", "licence"})

    def _sign_in(self) -> None:
        """Go to the page for it; any model of the set may be the one that asks."""
        offer = self.plan.offer
        if offer is not None:
            wizard = self.wizard()
            while wizard.currentId() > ORDER.index("model"):
                wizard.back()
            self.plan.offer = replace(offer, gated=offer.repositories)
            wizard.next()

    def isComplete(self) -> bool:
        """True once everything is there and verified."""
        return self.job is not None and self.job.state == "done"
