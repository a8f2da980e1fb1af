"""The cards of all downloads that are under way or have stopped, one below the other."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout

from app.models.download_card import DownloadCard
from app.models.library import DownloadQueue, Progress


class DownloadCards(QVBoxLayout):
    """A column with a card for every job of ``downloads`` that is not done or cancelled.

    ``turned``: a job is in another state now.
    """

    turned = Signal()

    def __init__(self, downloads: DownloadQueue) -> None:
        super().__init__()
        self._downloads = downloads
        self.cards: dict[str, DownloadCard] = {}
        downloads.progressed.connect(self.show_progress)
        for job in downloads.jobs:
            self.show_progress(job)

    def show_progress(self, progress: Progress) -> None:
        """Add or take away the card of a job; a card that is there follows its job by itself."""
        card = self.cards.get(progress.job)
        turned = card is None or card.state != progress.state
        if progress.state in {"done", "cancelled"}:
            if card is not None:
                del self.cards[progress.job]
                self.removeWidget(card)
                card.hide()
                card.deleteLater()
        elif card is None:
            title = self._downloads.title(progress.job)
            self.cards[progress.job] = DownloadCard(self._downloads, progress.job, title, files=False)
            self.addWidget(self.cards[progress.job])
        if turned:
            self.turned.emit()
