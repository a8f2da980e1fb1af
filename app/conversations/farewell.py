"""Keeps the program open until everything is written, and says so if that takes long."""

from __future__ import annotations

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout

from app.conversations.archive import Archive
from app.conversations.running_exports import Exports
from app.look.label import label
from app.look.room import make_room
from app.threads.failure import Failure

SAVING = 1000  # ms the last things may take to be written before it is said
_BY_ITSELF = "Updraft closes by itself as soon as this is done."


class Farewell(QDialog):
    """Waits after the window is closed until ``exports`` and ``archive`` are done; the person can leave earlier.

    ``anyway`` means the person has agreed to lose what the disk refuses.
    """

    def __init__(self, archive: Archive, exports: Exports, *, anyway: bool = False) -> None:
        super().__init__()
        self._archive, self._exports, self._anyway = archive, exports, anyway
        self._failed: list[Failure] = []  # of exports
        self._loop = QEventLoop(self)
        self._late = QTimer(self, singleShot=True, interval=SAVING)
        self._late.timeout.connect(self.come_forward)
        self._furnish()
        exports.ended.connect(self._exported)
        exports.idle.connect(self._end_archive)
        archive.troubled.connect(self._refused)
        archive.mended.connect(self._end_archive)
        archive.left.connect(self._archive_left)

    def wait(self) -> None:
        """Return once all is written, or when the person or ``leave`` ends the wait; the archive knows which."""
        if not self._exports.names:
            self._end_archive()
        else:
            self._say_exports()
        if self._exports.names or self._archive.running:
            self._late.start()
            self._loop.exec()
        self._late.stop()
        self.hide()
        self.deleteLater()

    def come_forward(self) -> None:
        """Show the dialog in front."""
        self.show()
        self.raise_()
        self.activateWindow()

    def leave(self) -> None:
        """Stop waiting for the exports or, if none is left, for anything."""
        if self._exports.names:
            self._exports.give_up()
            self._end_archive()
        else:
            self._loop.quit()

    def reject(self) -> None:
        """Ignore Escape, which decides nothing here."""

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ignore the frame's close button, which decides nothing here."""
        event.ignore()

    def _furnish(self) -> None:
        self.setWindowTitle("Updraft")
        make_room(self, 460, 150)
        self.sentence, self.hint = label("", ""), label("", "small")
        self.again, self.away = QPushButton("Try again"), QPushButton()
        self.again.clicked.connect(self._end_archive)
        self.away.clicked.connect(self.leave)
        self.away.setAutoDefault(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # else a key already on its way would press the button
        self.setFocus()
        self.again.hide()
        buttons, rows = QHBoxLayout(), QVBoxLayout(self)
        buttons.addStretch()
        buttons.addWidget(self.again)
        buttons.addWidget(self.away)
        rows.setContentsMargins(22, 20, 22, 16)
        rows.setSpacing(8)
        rows.addWidget(self.sentence)
        rows.addWidget(self.hint)
        rows.addStretch()
        rows.addLayout(buttons)

    def _end_archive(self) -> None:
        lost = "If you close it now, what you wrote last may be lost."
        self._say("Still saving your chats…", f"{_BY_ITSELF} {lost}", "Close without saving")
        self._archive.leave(anyway=self._anyway)

    def _archive_left(self) -> None:
        """Finish, unless something must be shown to the person."""
        if self._failed:
            self._say(self._failed[0].sentence, self._failed[0].hint, "Close")
            self.come_forward()
        else:
            self._loop.quit()

    def _exported(self, failure: Failure | None) -> None:
        self._failed += [] if failure is None else [failure]
        if self._exports.names:
            self._say_exports()

    def _say_exports(self) -> None:
        names = self._exports.names
        what, it = (
            (f"“{names[0]}”", "this file") if len(names) == 1 else (f"{len(names)} exported files", "these files")
        )
        hint = f"{_BY_ITSELF} If you close it now, {it} will be missing; your chats are safe."
        self._say(f"Still writing {what}…", hint, "Close without exporting")

    def _refused(self, failure: Failure) -> None:
        """Say why something cannot be saved; try again now and then, and when the person asks to."""
        if not self._anyway:
            hint = f"{failure.sentence} {failure.hint}"
            self._say("Some of what you wrote is not saved yet.", hint, "Close without saving", again=True)
            self.come_forward()

    def _say(self, sentence: str, hint: str, away: str, *, again: bool = False) -> None:
        self.sentence.setText(sentence)
        self.hint.setText(hint)
        self.away.setText(away)
        self.again.setVisible(again)
        self.setAccessibleName(sentence)
