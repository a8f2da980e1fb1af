"""Pictures of what no longer changes, in place of painting it again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage, QPainter, QTextCursor
from PySide6.QtWidgets import QTextBrowser
from pytestqt.qtbot import QtBot

from app.look.palette import DARK, LIGHT
from app.reading.sheet import Sheet
from app.speculation.inked import Inked
from app.speculation.ledger import Ledger
from app.speculation.marks import Mark
from app.speculation.strips import HEIGHT, Strips
from app.speculation.trace import Trace
from engine.events import Drafting
from tests.app.scripted import round_of, token
from tests.app.speculation.logs import STARTED

TALL = 2 * HEIGHT + 100
WORDS = [
    " the",
    " day",
    ".\n\n",
    " lantern",
    " an",
    "other",
    " **fox**",
    "\n- item",
    "\n\n```\ncode\n```\n\n",
    " night",
]


def test_only_what_is_new_is_painted(qtbot: QtBot) -> None:
    """Guards: every frame of a long reply painting all that is in view, and a strip that stays as it was."""
    drawn: list[tuple[int, int]] = []
    view = QTextBrowser()
    qtbot.addWidget(view)
    view.resize(200, TALL)
    with qtbot.waitExposed(view):
        view.show()
    port = view.viewport().rect()
    strips = Strips(view, lambda _, box: drawn.append((round(box.top()), round(box.bottom()))))
    canvas = QImage(200, TALL, QImage.Format.Format_RGB32)

    def painted(end: float, exposed: QRect = port) -> tuple[list[tuple[int, int]], QRect]:
        drawn.clear()
        painter = QPainter(canvas)
        rest = strips.paint(painter, exposed, QColor("white"), end)
        painter.end()
        return list(drawn), rest

    height = port.height()
    assert painted(300.7) == ([(0, HEIGHT), (HEIGHT, 300)], QRect(0, 300, port.width(), height - 300))
    assert painted(300.7)[0] == []
    assert painted(1e9) == ([(300, 2 * HEIGHT), (2 * HEIGHT, height)], QRect(0, height, port.width(), 0))
    strips.cut(280.2)
    assert painted(1e9, QRect(0, 100, port.width(), 200))[0] == [(280, 300)]
    assert painted(1e9)[0] == [(300, 2 * HEIGHT), (2 * HEIGHT, height)]
    view.resize(190, TALL)
    assert painted(50)[0] == [(0, 50)]


def test_nothing_is_shown_below_what_is_painted(qtbot: QtBot) -> None:
    """Guards: a strip's empty part, or what stood there before an edit, under the letters painted next."""
    view = QTextBrowser()
    qtbot.addWidget(view)
    view.resize(200, TALL)
    with qtbot.waitExposed(view):
        view.show()
    strips = Strips(view, lambda painter, box: painter.fillRect(box, QColor("red")))
    canvas = QImage(200, TALL, QImage.Format.Format_RGB32)

    def painted(end: float) -> list[str]:
        canvas.fill(QColor("white"))
        painter = QPainter(canvas)
        strips.paint(painter, view.viewport().rect(), QColor("white"), end)
        painter.end()
        return [canvas.pixelColor(50, y).name() for y in (99, 100, 199, 200)]

    red, white = "#ff0000", "#ffffff"
    assert painted(200) == [red, red, red, white]
    strips.cut(100)
    assert painted(100) == [red, white, white, white]


Make = Callable[[QtBot], tuple[Inked, Callable[[int, int], None]]]


def _trace(qtbot: QtBot) -> tuple[Trace, Callable[[int, int], None]]:
    ledger = Ledger()
    ledger.add([STARTED])
    view = Trace(ledger, LIGHT)
    qtbot.addWidget(view)

    def grow(first: int, last: int) -> None:
        for at in range(first, last):
            told = (token(" no", 0, 0, rejected_by=1), token(WORDS[at % len(WORDS)], 1, 2), token(" so", 0, 2))
            ledger.add([round_of(at, told, 0.0)])
        ledger.add([Drafting((token(" perhaps", 0, 0),) * (last % 4))])
        view.catch_up()

    return view, grow


def _sheet(qtbot: QtBot) -> tuple[Sheet, Callable[[int, int], None]]:
    view = Sheet(LIGHT, marked=True)
    qtbot.addWidget(view)
    marks = (Mark.DRAFTED, Mark.WRITTEN, Mark.CORRECTED)

    def grow(first: int, last: int) -> None:
        fresh = [(WORDS[at % len(WORDS)], marks[at % 3]) for at in range(first, last)]
        view.grow(fresh, " perhaps" * (last % 4), final=False)
        qtbot.waitUntil(lambda: view.complete)

    return view, grow


def _picture(view: Inked) -> QImage:
    return view.grab().toImage()


def _shown(qtbot: QtBot, view: Inked) -> None:
    view.set_motion(False)
    view.resize(420, 100)
    with qtbot.waitExposed(view):
        view.show()


@pytest.mark.parametrize("make", [_trace, _sheet])
def test_a_text_that_grew_looks_like_one_written_at_once(qtbot: QtBot, make: Make) -> None:
    """Guards: stale letters, marks or code boxes left where a word moved to the next line or a block was typeset."""
    view, grow = make(qtbot)
    _shown(qtbot, view)
    for first in range(0, 90, 3):
        grow(first, first + 3)
        _picture(view)
    other, write = make(qtbot)
    _shown(qtbot, other)
    write(0, 90)
    assert view.height() > HEIGHT
    assert _picture(view) == _picture(other)


@pytest.mark.parametrize("make", [_trace, _sheet])
def test_what_changes_without_growth_is_painted_anew(qtbot: QtBot, make: Make) -> None:
    """Guards: a selection that cannot be seen, and old colours or lines after a change of theme or width."""
    view, grow = make(qtbot)
    _shown(qtbot, view)
    grow(0, 60)
    plain = _picture(view)
    whole = view.textCursor()
    whole.select(QTextCursor.SelectionType.Document)
    view.setTextCursor(whole)
    assert _picture(view) != plain
    view.setTextCursor(QTextCursor(view.document()))
    assert _picture(view) == plain
    view.resize(300, view.height())
    narrow = _picture(view)
    assert narrow.copy(0, 0, 300, 100) != plain.copy(0, 0, 300, 100)
    view.resize(420, view.height())
    assert _picture(view) == plain
    view.set_palette(DARK)
    qtbot.waitUntil(lambda: _picture(view).pixelColor(410, 50) == QColor(DARK.background))


def test_painting_in_pictures_is_painting(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: letters drawn in other colours or places in a picture than on the window."""
    view, grow = _sheet(qtbot)
    _shown(qtbot, view)
    grow(0, 60)
    from_pictures = _picture(view)
    monkeypatch.setattr(view._strips, "paint", lambda _painter, exposed, _ground, _end: exposed)
    assert _picture(view) == from_pictures
    assert view.height() > HEIGHT
