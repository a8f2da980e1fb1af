"""Tells screen readers about something that happened."""

from __future__ import annotations

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget


def announce(widget: QWidget, text: str, *, urgent: bool = False) -> None:
    """Have screen readers say ``text``, which is about ``widget``; ``urgent``: at once, whatever they are saying."""
    politeness = QAccessible.AnnouncementPoliteness
    said = QAccessibleAnnouncementEvent(widget, text)
    said.setPoliteness(politeness.Assertive if urgent else politeness.Polite)
    QAccessible.updateAccessibility(said)
