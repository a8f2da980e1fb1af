"""Shows what is new in each version, from the changelog that comes with Updraft."""

from __future__ import annotations

from markdown_it import MarkdownIt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from app.look.assets import asset
from app.look.room import make_room

# Headings in the boldest type that Inter comes in here: Qt would smear that for a bolder one.
SHEET = (
    "h1, h2, strong { font-weight: 600; } h1 { font-size: large; } h2 { font-size: medium; margin-top: 14px; }"
    "li { margin-bottom: 6px; }"
)


class WhatsNewDialog(QDialog):
    """Shows the changelog, the newest version first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("What's new")
        make_room(self, 640, 540)
        self.text = QTextBrowser()
        self.text.setAccessibleName("What's new")
        self.text.setTabChangesFocus(True)
        self.text.document().setDefaultStyleSheet(SHEET)
        self.text.setHtml(MarkdownIt().render(asset("CHANGELOG.md").read_text("utf-8")))
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.button(QDialogButtonBox.StandardButton.Close).setAccessibleName("Close")
        close.rejected.connect(self.close)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(18, 16, 18, 14)
        rows.setSpacing(12)
        rows.addWidget(self.text)
        rows.addWidget(close)
