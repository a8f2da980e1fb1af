"""Takes files dropped anywhere on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.look.label import label


class FileDrop(QObject):
    """Makes ``target`` accept files; ``dropped`` carries their paths, ``hovered`` whether some are held over it."""

    dropped = Signal(object)  # list[Path]
    hovered = Signal(bool)

    def __init__(self, target: QWidget) -> None:
        super().__init__(target)
        target.setAcceptDrops(True)
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Accept drags of local files and ignore the rest."""
        if isinstance(event, QDropEvent) and local_files(event.mimeData()):
            event.acceptProposedAction()
            held = isinstance(event, QDragEnterEvent | QDragMoveEvent)
            self.hovered.emit(held)
            if not held:
                self.dropped.emit(local_files(event.mimeData()))
            return True
        if isinstance(event, QDragLeaveEvent):
            self.hovered.emit(False)
        return super().eventFilter(watched, event)


class DropSign(QFrame):
    """Covers ``window`` while files are held over it, and says that they can be dropped."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setObjectName("dropSign")
        words = label("Drop text files to attach them, or a model (a folder or a GGUF file) to use it", "dropWords")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        QVBoxLayout(self).addWidget(words, 0, Qt.AlignmentFlag.AlignCenter)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)  # the files are the window's
        self.hide()

    def show_over(self, held: bool) -> None:
        """Show or hide, as large as the window is now."""
        if held and self.isHidden():
            self.setGeometry(self._window.rect().adjusted(8, 8, -8, -8))
            self.raise_()
        self.setVisible(held)


def local_files(data: QMimeData) -> list[Path]:
    """Return the local files in ``data``."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
