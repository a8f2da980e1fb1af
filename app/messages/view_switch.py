"""Switches all answers between the views: at once those in view, the others when the reader scrolls to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QTimer
from PySide6.QtWidgets import QScrollArea

from app.messages.answer import Answer
from app.messages.answer_views import View

DEPTH = 8  # widgets around a text, at most
LEISURE = 30  # ms between two bits of work that nobody waits for


@dataclass(frozen=True, slots=True)
class ReadingPlace:
    """Where the reader is: token ``offset`` of ``answer`` (None: its top) is ``below`` pixels under the edge."""

    answer: Answer
    offset: int | None
    below: int


class ViewSwitch(QObject):
    """Writes the answers near the visible part of ``area`` in the chosen view, and keeps the reader's place."""

    def __init__(self, area: QScrollArea, answers: Sequence[Answer], view: View) -> None:
        super().__init__(area)
        self.view = view
        self._area, self._answers = area, answers
        self._place: ReadingPlace | None = None
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.tend)
        self._leisure = QTimer(self, singleShot=True, interval=LEISURE)
        self._leisure.timeout.connect(self._prepare)
        area.verticalScrollBar().valueChanged.connect(self._moved)
        area.verticalScrollBar().rangeChanged.connect(self._grown)

    def choose(self, view: View, *, following: bool) -> None:
        """Show ``view``; a reader who is not ``following`` the end keeps the place."""
        if view == self.view:
            return
        self._place = None if following else self._place or self._find_place()  # going to and fro leads nowhere else
        self.view = view
        self.tend()
        settle_layouts()
        self._hold()

    def let_go(self) -> None:
        """Stop keeping the place: the reader has moved."""
        self._place = None

    def tend(self) -> None:
        """Bring what is near up to date; answers further off wait."""
        settle_layouts()
        for answer in self._near():
            if answer.behind(self.view):
                answer.show_view(self.view)
        self._leisure.start()

    def later(self) -> None:
        """Call ``tend`` once the answers are laid out."""
        self._soon.start()

    def _near(self) -> list[Answer]:
        """Return the answers at most a page away from what is in view."""
        height = self._area.viewport().height()
        return [a for a in self._answers if self._top(a) < 2 * height and self._top(a) + a.height() > -height]

    def _prepare(self) -> None:
        """Write the other view of what is near, a little at a time, so that changing to it is instant."""
        if any(answer.prepare() for answer in self._near()):
            self._leisure.start()

    def _moved(self) -> None:
        if any(answer.behind(self.view) for answer in self._answers):
            self._soon.start()
        elif not self._leisure.isActive():
            self._leisure.start()

    def _grown(self) -> None:
        self._hold()
        self._moved()

    def _hold(self) -> None:
        """Scroll to the place held, for as long as heights above it still change."""
        place = self._place
        if place is None or place.answer not in self._answers:
            return
        inside = 0 if place.offset is None else place.answer.y_of(place.offset)
        bar = self._area.verticalScrollBar()
        bar.setValue(bar.value() + self._top(place.answer) + inside - place.below)

    def _find_place(self) -> ReadingPlace | None:
        """Return the place at the top edge."""
        for answer in self._answers:
            top = self._top(answer)
            if top >= 0:
                return ReadingPlace(answer, None, top)
            if top + answer.height() > 0:
                offset = answer.offset_of(-top)
                return ReadingPlace(answer, offset, top + answer.y_of(offset))
        return None

    def _top(self, answer: Answer) -> int:
        """Return where an answer begins, in pixels from the top edge of what is shown."""
        return answer.mapTo(self._area.viewport(), QPoint(0, 0)).y()


def settle_layouts() -> None:
    """Lay out now what has changed, so that everything is in its place before it is painted.

    A change travels one widget outwards each time its events are sent.
    """
    for _ in range(DEPTH):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
