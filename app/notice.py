"""What stands above the composer when something needs saying: loading under way, or something went wrong."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.exchange import Failure
from app.speculation import wording
from engine.events import Loading


class LoadingStrip(QWidget):
    """A sentence and a slim bar while a model loads."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = QLabel("Starting the engine…")
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


class Banner(QFrame):
    """A failure as a sentence, a hint, and buttons for what can be done about it."""

    retry_wanted = Signal()
    folder_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self.sentence = _wrapped("bannerSentence")
        self.hint = _wrapped("bannerHint")
        self.retry = _button("Retry", self.retry_wanted)
        self.folder = _button("Choose another folder…", self.folder_wanted)
        self.dismiss = QPushButton("Dismiss")
        self.dismiss.setAccessibleName("Dismiss")
        self.dismiss.setObjectName("quiet")
        self.dismiss.clicked.connect(self.hide)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(0, 6, 0, 0)
        buttons.setSpacing(8)
        for button in (self.retry, self.folder, self.dismiss):
            buttons.addWidget(button)
        buttons.addStretch()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(2)
        rows.addWidget(self.sentence)
        rows.addWidget(self.hint)
        rows.addLayout(buttons)
        self.hide()

    def tell(self, failure: Failure, *, choosable: bool) -> None:
        """Show ``failure``; ``choosable``: another model folder could help."""
        self.sentence.setText(failure.sentence)
        self.hint.setText(failure.hint)
        self.hint.setVisible(bool(failure.hint))
        self.folder.setVisible(choosable)
        self.show()


def _wrapped(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _button(text: str, signal: object) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(text.rstrip("…"))
    button.clicked.connect(signal)
    return button
