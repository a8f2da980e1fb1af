"""What stands above the composer when something needs saying: loading under way, or something went wrong."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QProgressBar, QVBoxLayout, QWidget

from app.log import wording
from app.look.announce import announce
from app.look.flow import FlowLayout
from app.look.label import Label
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


class Banner(QFrame):
    """A failure as a sentence, a hint, and a button for each thing that can be done about it.

    ``remedy_chosen`` carries the Remedy whose button was pressed.
    """

    remedy_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self.sentence = _wrapped("bannerSentence")
        self.hint = _wrapped("bannerHint")
        self.buttons = {remedy: self._button(remedy, text) for remedy, text in REMEDIES.items()}
        self.dismiss = QuietButton("Dismiss", "quiet")
        self.dismiss.clicked.connect(self.hide)
        buttons = FlowLayout(8)
        buttons.setContentsMargins(0, 6, 0, 0)
        for button in (*self.buttons.values(), self.dismiss):
            buttons.addWidget(button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(2)
        rows.addWidget(self.sentence)
        rows.addWidget(self.hint)
        rows.addLayout(buttons)
        self.hide()

    def tell(self, failure: Failure) -> None:
        """Show ``failure`` and the buttons of its remedies, and say it to screen readers."""
        self.sentence.setText(failure.sentence)
        self.hint.setText(failure.hint)
        self.hint.setVisible(bool(failure.hint))
        for remedy, button in self.buttons.items():
            button.setVisible(remedy in failure.remedies)
        if failure.calm != bool(self.property("calm")):
            self.setProperty("calm", failure.calm)
            self.style().polish(self)  # the sheet looks at properties only then
        self.show()
        announce(self, f"{failure.sentence} {failure.hint}".strip(), urgent=True)

    def _button(self, remedy: Remedy, text: str) -> QuietButton:
        button = QuietButton(text)
        button.clicked.connect(lambda: self.remedy_chosen.emit(remedy))
        return button


def _wrapped(name: str) -> Label:
    label = Label()
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
