"""Marks that fade in: what is on the screen in the end, which a picture of the widget, painted anew, does not tell."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.ink.fade import DURATION
from app.ink.trace import Trace
from app.log.ledger import Ledger
from app.look.palette import LIGHT
from engine.events import Drafting, Round
from tests.app.log.logs import STARTED
from tests.app.scripted import token


@pytest.fixture
def view(qtbot: QtBot) -> Trace:
    ledger = Ledger()
    ledger.add([STARTED])
    shown = Trace(ledger, LIGHT)
    qtbot.addWidget(shown)
    shown.resize(260, 220)
    shown.show()
    qtbot.waitExposed(shown)
    return shown


def on_screen(view: Trace) -> QImage:
    return view.screen().grabWindow(int(view.winId())).toImage().convertToFormat(QImage.Format.Format_RGB32)


def anew(view: Trace) -> QImage:
    return view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


@pytest.mark.parametrize("pause", [0, 20, 60])
def test_what_was_fading_is_whole_in_the_end(view: Trace, qtbot: QtBot, pause: int) -> None:
    """Guards: an answer whose last words have no mark, or half of one, until something else paints them."""
    ledger = view._ledger
    for number in range(8):
        words = tuple(token(f" word{number}{each}", 0, 2) for each in range(4))
        ledger.add([Round(len(ledger.rounds), words, (), "".join(word.text for word in words), 1.0, 0.1)])
        view.catch_up()
        QTest.qWait(pause)
        ledger.add([Drafting(())])
        view.catch_up()
    QTest.qWait(2 * DURATION)
    assert view._fade.shade == 1
    assert on_screen(view) == anew(view)
