"""A short message that floats over the window for a while, with a button that takes back what it tells of."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

STAYS = 8_000  # ms; longer while the pointer or the keyboard is on it
GAP = 14  # pixels between the message and what is below


class Toast(QFrame):
    """Floats over ``parent``, right above ``anchor``. A new message takes the place of the old one."""

    def __init__(self, parent: QWidget, anchor: QWidget) -> None:
        super().__init__(parent)
        self._under, self._anchor = parent, anchor
        self.setObjectName("toast")
        self.label = QLabel()
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.undo = QPushButton("Undo")
        self.undo.setObjectName("toastUndo")
        self.undo.setAccessibleName("Undo")
        self.undo.setToolTip("Undo (Ctrl+Z)")
        # A click makes it go away, which must not take the keyboard along.
        self.undo.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.undo.clicked.connect(self.take_back)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 8, 8)
        row.setSpacing(14)
        row.addWidget(self.label)
        row.addWidget(self.undo)
        self._undo: Callable[[], object] | None = None
        self._timer = QTimer(self, singleShot=True, interval=STAYS)
        self._timer.timeout.connect(self._leave)
        anchor.installEventFilter(self)
        self.hide()

    def tell(self, text: str, undo: Callable[[], object]) -> None:
        """Show ``text``; the button, or ``take_back``, calls ``undo`` once."""
        self._undo = undo
        self.label.setText(text)
        self.undo.setAccessibleDescription(text)
        self.show()
        self.raise_()
        self._place()
        self._timer.start()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, f"{text} Press Ctrl+Z to undo."))

    def take_back(self) -> bool:
        """Undo what is told of; False if there is nothing to undo any more."""
        undo, self._undo = self._undo, None
        self.hide()
        if undo is None:
            return False
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
            self._undo = None
            self.hide()

    def _place(self) -> None:
        self.adjustSize()
        top = self._anchor.mapTo(self._under, QPoint(self._anchor.width() // 2, 0))
        left = min(max(top.x() - self.width() // 2, 0), self._under.width() - self.width())
        self.move(left, top.y() - self.height() - GAP)
