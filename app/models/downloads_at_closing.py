"""What happens to a download when the window closes: asked each time, or chosen beforehand."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSettings, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QComboBox, QHBoxLayout, QMainWindow, QMessageBox, QWidget

from app.look.box import Box
from app.look.label import Label
from app.models.library import DownloadQueue

KEPT = "downloads/closing"  # in the settings
CHOICES = {"": "Ask", "leave": "Keep downloading", "pause": "Pause it"}


class DownloadsAtClosing(QObject):
    """Asks before ``window`` closes whether a download goes on without it. ``settings`` may hold the answer.

    ``leave_running`` is True where it goes on.
    """

    def __init__(self, window: QMainWindow, downloads: DownloadQueue, settings: QSettings) -> None:
        super().__init__(window)
        self._window, self._downloads, self._settings = window, downloads, settings
        self.leave_running = False
        self._answered = False
        self.question: QMessageBox | None = None  # while it is open
        window.installEventFilter(self)

    @property
    def choice(self) -> str:
        """The answer that is given without asking, one of CHOICES."""
        kept = str(self._settings.value(KEPT, ""))
        return kept if kept in CHOICES else ""

    def choose(self, answer: str) -> None:
        """Give ``answer``, one of CHOICES, from now on."""
        self._settings.setValue(KEPT, answer)

    def end(self) -> None:
        """Ask no more."""
        self._window.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the window open while the question is."""
        if watched is self._window and isinstance(event, QCloseEvent) and not self._may_close():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _may_close(self) -> bool:
        if self._answered or not self._downloads.under_way:
            return True
        if self.choice:
            self.leave_running = self.choice == "leave"
            return True
        if self.question is None:
            self._ask()
        return False

    def _ask(self) -> None:
        more = "Should it go on without the window, or pause until Updraft is opened again?"
        box = Box("Download", "A model is being downloaded.", more, self._window)
        always = QCheckBox("Do the same next time (it can be changed in Models)")
        box.setCheckBox(always)
        leave = box.addButton("Keep downloading", QMessageBox.ButtonRole.AcceptRole)
        pause = box.addButton("Pause", QMessageBox.ButtonRole.AcceptRole)
        box.setEscapeButton(box.addButton("Stay", QMessageBox.ButtonRole.RejectRole))
        box.setDefaultButton(leave)
        answers: dict[QAbstractButton, str] = {leave: "leave", pause: "pause"}
        box.finished.connect(lambda _: self._answer(answers.get(box.clickedButton(), ""), always.isChecked()))
        self.question = box
        box.open()

    def _answer(self, answer: str, always: bool) -> None:
        self.question = None
        if not answer:
            return
        self.leave_running, self._answered = answer == "leave", True
        if always:
            self.choose(answer)
        self._window.close()


class ClosingChoice(QWidget):
    """A field for the answer that is given without asking; ``chosen`` carries another one of CHOICES."""

    chosen = Signal(str)

    def __init__(self, now: str) -> None:
        super().__init__()
        label, self.box = Label("If a download is under way when the &window closes"), QComboBox()
        label.setObjectName("small")
        label.setWordWrap(True)
        label.setBuddy(self.box)
        self.box.setAccessibleName("If a download is under way when the window closes")
        for answer, text in CHOICES.items():
            self.box.addItem(text, answer)
        self.box.activated.connect(lambda at: self.chosen.emit(self.box.itemData(at)))
        self.box.setCurrentIndex(max(0, self.box.findData(now)))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(label, 1)
        row.addWidget(self.box)
        row.addStretch(1)
