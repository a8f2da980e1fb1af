"""Labels, buttons and cards for the pages of the wizard and the library."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from app.look.flow import FlowLayout
from app.look.label import Label, label


def headline(text: str) -> Label:
    """Return the headline of a page."""
    return label(text, "headline")


def note(text: str = "") -> Label:
    """Return a muted paragraph."""
    return label(text, "subline")


def paragraph(text: str = "") -> Label:
    """Return a paragraph."""
    return label(text, "")


def small(text: str = "") -> Label:
    """Return a line in small, muted type."""
    return label(text, "small")


def code_label() -> Label:
    """Return a label for a short code to be read and typed elsewhere."""
    code = label("", "code")
    code.setAccessibleName("Code to confirm")
    code.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    code.hide()
    return code


def card() -> tuple[QFrame, QVBoxLayout]:
    """Return a framed surface and the column inside it."""
    frame = QFrame()
    frame.setObjectName("card")
    rows = QVBoxLayout(frame)
    rows.setContentsMargins(16, 12, 16, 12)
    rows.setSpacing(4)
    return frame, rows


def button(text: str, kind: str = "") -> QPushButton:
    """Return a push button that Enter does not press from elsewhere."""
    made = QPushButton(text)
    made.setObjectName(kind)
    made.setAccessibleName(text.replace("&", "").rstrip("…"))
    made.setAutoDefault(False)
    return made


def row_of(*widgets: QWidget) -> FlowLayout:
    """Return ``widgets`` side by side, to the left; in two rows where one is too long."""
    row = FlowLayout(8)
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget)
    return row
