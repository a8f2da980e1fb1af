"""A question as a bubble on the right, as wide as its text; a long one is folded and can be unfolded."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.ink.text_view import TextView
from app.look.quiet_button import QuietButton

SHARE = 0.82  # of the column, at most
FOLDED = 12  # lines shown of a question that is folded, of about LETTERS letters each
LETTERS = 80
LONGEST = 50_000  # characters that are laid out: a megabyte in one word takes Qt half a minute
REST = "\n… The rest is not shown here; Copy takes all of it."


class Question(QWidget):
    """One question. Its text is shown as typed, never as markup."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all = text if len(text) <= LONGEST else f"{text[:LONGEST]}{REST}"
        self._beginning = beginning(text)
        self._whole = False
        self.text = TextView()
        self.text.setAccessibleName("Question")
        self.fold = QuietButton(style="turnAction")
        self.fold.clicked.connect(lambda: self.show_all(whole=not self._whole))
        self._bubble = QFrame()
        self._bubble.setObjectName("bubble")
        inside = QVBoxLayout(self._bubble)
        inside.setContentsMargins(14, 10, 14, 10)
        inside.addWidget(self.text)
        inside.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch()
        row.addWidget(self._bubble)
        self.fold.setVisible(self._beginning != self._all)
        self.show_all(whole=False)

    def show_all(self, *, whole: bool) -> None:
        """Show the ``whole`` question, or of a long one only its beginning."""
        self._whole = whole
        said = "Show less" if whole else "Show all"
        self.fold.setText(said)
        self.fold.setAccessibleName(f"{said} of the question")
        shown = self._all if whole else self._beginning
        if self.text.toPlainText() != shown:
            self.text.setPlainText(shown)
            self._fit(self.size())

    def show_edited(self, *, edited: bool) -> None:
        """Mark the question while it is being edited, or no longer."""
        if edited != bool(self._bubble.property("edited")):
            self._bubble.setProperty("edited", edited)
            self._bubble.style().polish(self._bubble)  # the sheet looks at properties only then

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the bubble the width of its longest line, up to a share of the column."""
        super().resizeEvent(event)
        self._fit(event.size())

    def _fit(self, size: QSize) -> None:
        document = self.text.document().clone(self)
        document.setTextWidth(-1)
        wanted = max(round(document.idealWidth()), self.fold.sizeHint().width() if self.fold.isVisibleTo(self) else 0)
        document.deleteLater()
        self._bubble.setFixedWidth(min(wanted + 2 * 14 + 4, round(SHARE * size.width())))


def beginning(text: str) -> str:
    """Return what is shown of ``text`` while it is folded: all of one that is hardly longer than that."""
    lines = text[: 2 * FOLDED * LETTERS].split("\n")
    rows, taken = 0, list[str]()
    for line in lines:
        rows += 1 + len(line) // LETTERS
        if rows > FOLDED and taken:
            break
        taken.append(line[: FOLDED * LETTERS])
    cut = "\n".join(taken)
    return text if len(cut) + 3 * LETTERS >= len(text) and text.count("\n") <= len(taken) + 3 else f"{cut.rstrip()} …"
