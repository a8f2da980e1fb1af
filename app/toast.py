"""A short message that floats over the window for a while, with a button: to take back what it is about, or go on."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.look.announce import announce
from app.look.label import Label
from app.look.quiet_button import QuietButton

STAYS = 8_000  # ms; longer while the pointer or the keyboard is on it
GAP = 14  # pixels between the message and what is below


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
        anchor.installEventFilter(self)
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

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay above the anchor."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move) and self.isVisible():
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
