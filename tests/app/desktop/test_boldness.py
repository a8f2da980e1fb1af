"""What is in bold: no bolder than the bundled Inter is, which Qt would smear."""

from __future__ import annotations

from PySide6.QtGui import QFont
from pytestqt.qtbot import QtBot

from app.desktop.shortcuts import ShortcutsDialog
from app.desktop.whats_new import WhatsNewDialog


def test_headings_are_in_a_weight_that_there_is_a_font_of(qtbot: QtBot) -> None:
    """Guards against headings that look emboldened twice."""
    news, keys = WhatsNewDialog(), ShortcutsDialog([("File", "New chat", "Ctrl+N")])
    for dialog in (news, keys):
        qtbot.addWidget(dialog)
    formats = [each.toCharFormat() for each in news.text.document().allFormats() if each.isCharFormat()]
    group = keys.tree.topLevelItem(0)
    assert group is not None
    assert max(each.fontWeight() for each in formats) == group.font(0).weight() == QFont.Weight.DemiBold
