"""The list of methods: each is explained, what is missing is said, and keyboard and screen readers find it all."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.application import Application
from app.models.method_list import MethodList
from engine.config import PRESETS, ModelSet
from tests.app.stage import Start

popup = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # without a display


@pytest.fixture
def running(start: Start) -> Application:
    return start(ModelSet.alone("Bare", Path("target")))


def opened(running: Application) -> MethodList:
    button = running.window.topbar.method
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Down)
    assert button.methods.isVisible()
    return button.methods


@popup
def test_each_says_what_it_is_or_what_is_missing(running: Application) -> None:
    """Guards: an explanation that only a pointer finds; a grey method without a reason or a way to have it."""
    methods = opened(running)
    lines = {offer.name: offer.line for offer in methods.offers}
    assert list(lines) == list(PRESETS)
    assert lines["plain"] == PRESETS["plain"].summary
    missing = "Needs a drafting head made for this model: add one in Models."
    assert lines["head"] == f"{PRESETS['head'].summary}\n{missing}"
    assert lines["hsd"].endswith("\nNeeds a small draft model and a middle model: get them in Models.")
    read = QAccessible.queryAccessibleInterface(methods.rows)
    assert read is not None
    names = [read.child(row).text(QAccessible.Text.Name) for row in range(len(lines))]
    assert f"HiSpec, chosen. {PRESETS['hispec'].summary}" in names
    assert f"EAGLE-3, not available. {PRESETS['head'].summary} {missing}" in names


@popup
def test_the_keyboard_goes_through_all_of_them(running: Application) -> None:
    """Guards: a reason that arrow keys skip; Return that chooses what cannot run; a choice that is not made."""
    methods, missed = opened(running), list[str]()
    running.window.topbar.missed.connect(missed.append)
    assert methods.offers[methods.rows.currentRow()].chosen
    QTest.keyClick(methods.rows, Qt.Key.Key_Home)
    names = [methods.offers[0].name]
    for _ in methods.offers[1:]:
        QTest.keyClick(methods.rows, Qt.Key.Key_Down)
        names.append(methods.offers[methods.rows.currentRow()].name)
    assert names == list(PRESETS)
    QTest.keyClick(methods.rows, Qt.Key.Key_Return)  # on one for which models are missing
    assert missed == [names[-1]]
    assert running.chat.preset.name == "hispec"
    opened(running)
    methods.rows.setCurrentRow(names.index("lookup"))
    QTest.keyClick(methods.rows, Qt.Key.Key_Space)
    assert not methods.isVisible()
    assert running.chat.preset.name == "lookup"
    assert running.window.topbar.method.text() == "Lookup"
    opened(running)
    QTest.keyClick(methods.rows, Qt.Key.Key_Escape)
    assert not methods.isVisible()


@popup
@pytest.mark.parametrize(("size", "width"), [(14, 520), (14, 1280), (28, 900)])
def test_it_stays_in_the_window_and_cuts_nothing_off(running: Application, qtbot: QtBot, size: int, width: int) -> None:
    """Guards: lines beyond the edge of a narrow window; a reason whose second line is hidden."""
    running.window.resize(width, 700)
    running.preferences.change(font_size=size)
    methods = opened(running)
    left = running.window.mapFromGlobal(methods.mapToGlobal(QPoint(0, 0))).x()
    assert left >= 0
    assert left + methods.width() <= running.window.width()
    heights = [methods.rows.sizeHintForRow(row) for row in range(methods.rows.count())]
    assert max(heights) > min(heights) > 2 * size  # some lines are long
    methods.hide()
