"""Notices over and above the composer: a model that loads, a failure with its buttons, a message with Undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.log import wording
from app.look.announce import announce
from app.look.flow import FlowLayout
from app.look.label import Label, label
from app.look.quiet_button import QuietButton
from app.threads.failure import Failure, Remedy
from engine.events import Loading

STAYS = 8_000  # ms; longer while the pointer or the keyboard is on it
GAP = 14  # pixels between the message and what is below


class LoadingStrip(QWidget):
    """A sentence and a slim bar while a model loads; the sentence alone where one is unloaded for a while."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = Label("Starting the engine…")
        self.label.setObjectName("status")
        self.label.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Loading")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(2, 0, 2, 0)
        rows.setSpacing(5)
        rows.addWidget(self.label)
        rows.addWidget(self.bar)

    def start(self, sentence: str = "Starting the engine…") -> None:
        """Show that loading has begun."""
        self.label.setText(sentence)
        self.bar.setValue(0)
        self.bar.show()
        self.show()

    def say(self, sentence: str) -> None:
        """Show ``sentence``, and have screen readers say it."""
        self.label.setText(sentence)
        self.bar.hide()
        self.show()
        announce(self, sentence)

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
ANSWERED: frozenset[Remedy] = frozenset({"report", "retry", "get", "present"})  # which close the banner


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

    ``remedy_chosen`` carries the Remedy whose button was pressed; see ``set_remedies`` for what that does.
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

    def set_remedies(self, remedies: Mapping[Remedy, Callable[[], object]]) -> None:
        """Let each button do what ``remedies`` has for it at the time it is pressed."""
        self.remedy_chosen.connect(lambda remedy: remedies[remedy]())

    def _button(self, remedy: Remedy, text: str) -> QuietButton:
        button = QuietButton(text)
        button.clicked.connect(lambda: self._choose(remedy))
        return button

    def _choose(self, remedy: Remedy) -> None:
        if remedy in ANSWERED:
            self.hide()
        self.remedy_chosen.emit(remedy)


class Toast(QFrame):
    """Floats over ``parent``, right above ``anchor``. A new message takes the place of the old one."""

    def __init__(self, parent: QWidget, anchor: QWidget) -> None:
        super().__init__(parent)
        self._under, self._anchor = parent, anchor
        self.setObjectName("toast")
        self.label = Label()
        self.undo = QuietButton("Undo", "toastUndo")
        self.undo.clicked.connect(self._press)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 8, 8)
        row.setSpacing(14)
        row.addWidget(self.label)
        row.addWidget(self.undo)
        self._undo: Callable[[], object] | None = None
        self._offer: Callable[[], object] | None = None
        self._timer = QTimer(self, singleShot=True, interval=STAYS)
        self._timer.timeout.connect(self._leave)
        self.hide()

    def tell(self, text: str, undo: Callable[[], object]) -> None:
        """Show ``text``; the button, or ``take_back``, calls ``undo`` once."""
        self._undo, self._offer = undo, None
        self._show(text, "Undo", "Undo (Ctrl+Z)", f"{text} Press Ctrl+Z to undo.")

    def offer(self, text: str, title: str, act: Callable[[], object]) -> None:
        """Show ``text``; the button, called ``title``, calls ``act`` once. Nothing of it is undone with Ctrl+Z."""
        self._undo, self._offer = None, act
        self._show(text, title, "", text)

    def _show(self, text: str, title: str, tip: str, said: str) -> None:
        self.label.setText(text)
        self.undo.setText(title)
        self.undo.setAccessibleName(title)
        self.undo.setToolTip(tip)
        self.undo.setAccessibleDescription(text)
        self._anchor.installEventFilter(self)
        self.show()
        self.raise_()
        self._place()
        self._timer.start()
        announce(self, said)

    def _press(self) -> None:
        offer, self._offer = self._offer, None
        if offer is None:
            self.take_back()
        else:
            self.hide()
            offer()

    def take_back(self) -> bool:
        """Undo what the message is about; False if there is nothing to undo any more."""
        undo, self._undo = self._undo, None
        if undo is None:
            return False
        self.hide()
        undo()
        return True

    def hideEvent(self, event: QHideEvent) -> None:
        """Watch the anchor no longer."""
        super().hideEvent(event)
        self._anchor.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay above the anchor."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._place()
        return super().eventFilter(watched, event)

    def _leave(self) -> None:
        if self.underMouse() or self.undo.hasFocus():
            self._timer.start()
        else:
            self._undo = self._offer = None
            self.hide()

    def _place(self) -> None:
        self.adjustSize()
        top = self._anchor.mapTo(self._under, QPoint(self._anchor.width() // 2, 0))
        left = min(max(top.x() - self.width() // 2, 0), self._under.width() - self.width())
        self.move(left, top.y() - self.height() - GAP)
