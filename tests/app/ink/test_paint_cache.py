"""Pictures of what no longer changes, in place of painting it again."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QRegion, QTextCursor
from PySide6.QtWidgets import QTextBrowser
from pytestqt.qtbot import QtBot

from app.ink.marked_text import MarkedText
from app.ink.marks import Mark
from app.ink.paint_cache import HEIGHT, PaintCache
from app.ink.trace import Trace
from app.log.ledger import Ledger
from app.look.palette import DARK, LIGHT
from app.reading.sheet import Sheet
from engine.events import Drafting
from tests.app.log.logs import STARTED
from tests.app.scripted import round_of, token

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
    strips = PaintCache(view, lambda _, box: drawn.append((round(box.top()), round(box.bottom()))))
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
    strips = PaintCache(view, lambda painter, box: painter.fillRect(box, QColor("red")))
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


Make = Callable[[QtBot], tuple[MarkedText, Callable[[int, int], None]]]


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


def _picture(view: MarkedText) -> QImage:
    return view.grab().toImage()


def _shown(qtbot: QtBot, view: MarkedText, width: int = 420) -> None:
    view.set_motion(False)
    view.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # a view in which a cursor blinks is painted without pictures
    view.resize(width, 100)
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
    monkeypatch.setattr(view._cache, "paint", lambda _painter, exposed, _ground, _end: exposed)
    assert _picture(view) == from_pictures
    assert view.height() > HEIGHT


# Words that break in ways of their own: after hyphens and slashes, anywhere (Chinese), never (a link), from the right.
BREAKS = [
    "The river carried stories, and the well-known miller/baker told 1,204 of them: 好的故事，慢慢地说。",
    "https://example.org/a/very/long/address?with=parts cafe\u0301 na\u00efve e\u0301t\u00e9 \u00abvoil\u00e0\u00bb.",
    "שלום עולם, and (back) again; \u0e2a\u0e27\u0e31\u0e2a x\u00a0y co\u00adop\u00ader\u00ada\u00adtion \U0001f98a.",
]


@pytest.mark.parametrize("width", range(150, 330, 12))
def test_a_draft_that_wrapped_leaves_no_gap_when_it_goes(qtbot: QtBot, width: int) -> None:
    """Guards: a word that a draft made longer moves to the next line and back up when the draft is vetoed, and is then
    missing until the answer ends (F3): every cut of a text, with a draft behind it and without."""
    view = Sheet(LIGHT, marked=True)
    qtbot.addWidget(view)
    _shown(qtbot, view, width)
    text = BREAKS[width // 12 % len(BREAKS)]
    random = Random(width)
    at = 0
    while at < len(text):
        step = random.randint(1, 4)
        view.grow([(text[at : at + step], Mark.DRAFTED)], text[at + step : at + step + 14], final=False)
        _picture(view)
        view.grow([], random.choice(["", ".", "o", "\u0301", " "]), final=False)
        at += step
        shown = _picture(view)
        view._cache.cut()
        assert _picture(view) == shown, (text[:at], width)


@pytest.mark.parametrize("make", [_trace, _sheet])
@pytest.mark.parametrize("size", [10, 13, 21])
def test_marks_stay_whole_wherever_a_picture_ends(qtbot: QtBot, make: Make, size: int) -> None:
    """Guards: an underline below its line's rectangle, lost where a strip is continued under it: read as "plain"."""
    view, grow = make(qtbot)
    font = view.font()
    font.setPixelSize(size)
    view.setFont(font)
    _shown(qtbot, view)
    grow(0, 30)
    whole = _picture(view)
    for y in range(8, 130):
        view._cache.cut(y)
        assert _picture(view) == whole, y
    for top in range(0, 60, 7):  # as a scrolled column exposes it, a band at a time
        view._cache.cut()
        port = view.viewport()
        canvas = QImage(whole.size(), whole.format())
        canvas.setDevicePixelRatio(whole.devicePixelRatio())
        for band in range(top, port.height(), 23):
            view.viewport().render(canvas, QPoint(0, band), QRegion(0, band, port.width(), 23))
        assert canvas.copy(0, top, port.width(), port.height() - top) == whole.copy(
            0, top, port.width(), port.height() - top
        )
