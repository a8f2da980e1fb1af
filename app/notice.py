"""What stands above the composer when something needs saying: loading under way, or something went wrong."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QProgressBar, QVBoxLayout, QWidget

from app.log import wording
from app.look.announce import announce
from app.look.flow import FlowLayout
from app.look.label import Label, label
from app.look.quiet_button import QuietButton
from app.threads.failure import Failure, Remedy
from engine.events import Loading


class LoadingStrip(QWidget):
    """A sentence and a slim bar while a model loads."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = Label("Starting the engine…")
        self.label.setObjectName("status")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Loading")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(2, 0, 2, 0)
        rows.setSpacing(5)
        rows.addWidget(self.label)
        rows.addWidget(self.bar)

    def start(self) -> None:
        """Show that loading has begun."""
        self.label.setText("Starting the engine…")
        self.bar.setValue(0)
        self.show()

    def advance(self, loading: Loading) -> None:
        """Show how far loading is."""
        self.label.setText(wording.loading(loading))
        self.bar.setValue(round(1000 * loading.fraction))


REMEDIES: dict[Remedy, str] = {  # what each button says, in the order they stand
    "trim": "Leave out the oldest turns",
    "shorten": "Edit the message",
    "save again": "Save again",
    "make folder": "Make a new folder",
    "report": "Show the report…",
    "settings": "Open the settings…",
    "retry": "Retry",
    "new chat": "New chat",
    "get": "Get it…",
    "present": "Use the present model",
    "model": "Choose another model…",
    "folder": "Choose another folder…",
    "data folder": "Open the data folder",
}


class Alert(QFrame):
    """A failure as a sentence and a hint; hidden while there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self.sentence, self.hint = label("", "bannerSentence"), label("", "bannerHint")
        for each in (self.sentence, self.hint):
            each.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)  # there may be an address in it
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(16, 10, 16, 10)
        self.rows.setSpacing(2)
        self.rows.addWidget(self.sentence)
        self.rows.addWidget(self.hint)
        self.hide()

    def tell(self, failure: Failure | None) -> None:
        """Show ``failure`` and have screen readers say it at once; None clears it."""
        self.setVisible(failure is not None)
        if failure is None:
            return
        self.sentence.setText(failure.sentence)
        self.hint.setText(failure.hint)
        self.hint.setVisible(bool(failure.hint))
        if failure.calm != bool(self.property("calm")):
            self.setProperty("calm", failure.calm)
            self.style().polish(self)  # the sheet looks at properties only then
        announce(self, f"{failure.sentence} {failure.hint}".strip(), urgent=True)


class Banner(Alert):
    """An alert with a button for each thing that can be done about the failure, and one that dismisses it.

    ``remedy_chosen`` carries the Remedy whose button was pressed.
    """

    remedy_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons = {remedy: self._button(remedy, text) for remedy, text in REMEDIES.items()}
        self.dismiss = QuietButton("Dismiss", "quiet")
        self.dismiss.clicked.connect(self.hide)
        buttons = FlowLayout(8)
        buttons.setContentsMargins(0, 6, 0, 0)
        for button in (*self.buttons.values(), self.dismiss):
            buttons.addWidget(button)
        self.rows.setContentsMargins(16, 12, 16, 12)
        self.rows.addLayout(buttons)

    def tell(self, failure: Failure | None) -> None:
        """Show ``failure`` and the buttons of its remedies."""
        for remedy, button in self.buttons.items():
            button.setVisible(failure is not None and remedy in failure.remedies)
        super().tell(failure)

    def _button(self, remedy: Remedy, text: str) -> QuietButton:
        button = QuietButton(text)
        button.clicked.connect(lambda: self.remedy_chosen.emit(remedy))
        return button
