"""Asks before the window closes where something that was written could not be saved."""

from __future__ import annotations

from PySide6.QtCore import QDeadlineTimer
from PySide6.QtWidgets import QMessageBox, QWidget

from app.conversations.archive import Archive
from app.conversations.current import CurrentChat
from app.look.box import Box

SETTLE = 500  # ms for which closing waits to hear whether the disk takes the last words


class Closing:
    """Decides whether the window ``over`` may close. ``silent``: until when it does so without asking.

    ``given_up``: somebody agreed that what the disk refuses is lost.
    """

    def __init__(self, current: CurrentChat, archive: Archive, over: QWidget) -> None:
        self._current, self._archive, self._over = current, archive, over
        self.silent = QDeadlineTimer(0)  # nobody may be there to answer
        self.given_up = False

    def allowed(self) -> bool:
        """Return True if nothing would be lost; else ask."""
        self._current.keep_draft()
        if not self.silent.hasExpired() or (self._archive.settle(SETTLE) and not self._archive.unsaved):
            return True
        sentence, more = "Some of what was written could not be saved.", "It is lost when Updraft closes."
        box = Box("Updraft", sentence, more, self._over, QMessageBox.Icon.Warning)
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.addButton("Close anyway", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        self.given_up = box.clickedButton() is not stay
        return self.given_up
