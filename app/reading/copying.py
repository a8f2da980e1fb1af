"""The Copy buttons at the top right of code blocks."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QTextBlock
from PySide6.QtWidgets import QPushButton, QWidget

from app.ink.marks import OUTSIDE_PROPERTY
from app.reading.decoration import code_box
from app.reading.formats import BAR, CONTINUED, KIND, LANGUAGE
from app.reading.inline import BREAK

THANKS = 1500  # ms


class CopyButton(QPushButton):
    """Copies the current code of its block and says so for a moment."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("Copy", parent)
        self.setObjectName("copyCode")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._block = QTextBlock()
        self.clicked.connect(self._copy)

    def belong_to(self, block: QTextBlock) -> None:
        """Attach the button to ``block``."""
        self._block = block
        language = str(block.blockFormat().property(LANGUAGE) or "")
        self.setAccessibleName(f"Copy {language} code" if language else "Copy code")

    def place(self) -> None:
        """Move to the top right corner of the code, and show."""
        box = code_box(self._block)
        self.adjustSize()
        self.move(round(box.right()) - self.width() - 4, round(box.top()) + (BAR - self.height()) // 2 + 1)
        self.show()

    def _copy(self) -> None:
        pieces, block = [_code_of(self._block)], self._block.next()
        while block.isValid() and (block.blockFormat().property(CONTINUED) or not block.text()):
            pieces += [_code_of(block)] if block.text() else []
            block = block.next()
        QGuiApplication.clipboard().setText("\n".join(pieces))
        self.setText("Copied")
        QTimer.singleShot(THANKS, self, lambda: self.setText("Copy"))


class CopyButtons:
    """Manages the buttons on ``viewport``, in the order of their code blocks; reuses those of code being written."""

    def __init__(self, viewport: QWidget) -> None:
        self._viewport = viewport
        self.all: list[CopyButton] = []
        self.firm = 0  # how many belong to code that is complete
        self._spare: list[CopyButton] = []

    def free(self, count: int) -> None:
        """Keep the first ``count`` buttons; offer the others for reuse until ``sweep``."""
        self._spare[:0] = self.all[count:]
        del self.all[count:]
        self.firm = min(self.firm, count)

    def add(self, block: QTextBlock) -> None:
        """Give every code block from ``block`` on its button."""
        while block.isValid():
            form = block.blockFormat()
            if form.property(KIND) == "code" and not form.property(CONTINUED):
                button = self._spare.pop(0) if self._spare else CopyButton(self._viewport)
                button.belong_to(block)
                self.all.append(button)
            block = block.next()

    def place(self, first: int) -> None:
        """Move the buttons from ``first`` on to their corners."""
        for button in self.all[first:]:
            button.place()

    def sweep(self) -> None:
        """Delete the buttons that no code needs any more."""
        for button in self._spare:
            button.hide()
            button.deleteLater()
        self._spare = []


def _code_of(block: QTextBlock) -> str:
    """Return the code in ``block`` exactly, without the draft that may follow it."""
    pieces, fragments = list[str](), block.begin()
    while not fragments.atEnd():
        if not fragments.fragment().charFormat().hasProperty(OUTSIDE_PROPERTY):
            pieces.append(fragments.fragment().text())
        fragments += 1
    return "".join(pieces).replace(BREAK, "\n")
