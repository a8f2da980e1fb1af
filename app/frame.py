"""The window's columns: beside each other where there is room, the outer ones drawers over the middle where not."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

NARROW = 900  # below this width the right side is a drawer
NARROWER = 990  # below this one the left one too: the middle needs 440
SIDE = 318
LEFT = 232


class Wing(QObject):
    """A column at one edge. It is a drawer while ``narrow``.

    Whether it is wanted beside the middle is remembered apart from whether the drawer is open: making the window
    narrow closes the drawer, making it wide again brings the column back.
    """

    shown = Signal(bool)  # it appears or disappears

    def __init__(self, widget: QWidget, width: int, narrow_below: int, parent: QObject) -> None:
        super().__init__(parent)
        self.widget, self.width, self.narrow_below = widget, width, narrow_below
        self._made = width, narrow_below
        self.wanted, self.open = True, False
        self.narrow = False

    @property
    def visible(self) -> bool:
        """True while the column or drawer is to be seen."""
        return self.open if self.narrow else self.wanted

    @property
    def taken(self) -> int:
        """How many pixels the middle does without."""
        return self.width if self.visible and not self.narrow else 0

    def show(self, shown: bool) -> None:
        """Want the column, or open the drawer."""
        if self.narrow:
            self.open = shown
        else:
            self.wanted = shown

    def grow(self, factor: float) -> None:
        """Be ``factor`` times as wide as at first, for larger text; never narrower."""
        made, below = self._made
        self.width, self.narrow_below = round(made * max(factor, 1.0)), round(below * max(factor, 1.0))

    def fit(self, width: int) -> None:
        """Take note of the window's ``width``; a drawer closes when it becomes a column and the other way round."""
        if (width < self.narrow_below) != self.narrow:
            self.narrow, self.open = not self.narrow, False

    def place(self, left: int, top: int, height: int, window: int) -> None:
        """Put the widget at ``left``, below ``top``."""
        self.widget.setGeometry(left, top, min(self.width, window), height)
        self.widget.setProperty("drawer", self.narrow)
        self.widget.setVisible(self.visible)
        self.widget.raise_()
        self.shown.emit(self.visible)


class Frame(QWidget):
    """Holds ``main`` between ``left`` and ``side``; ``side_shown`` and ``left_shown`` tell when one (dis)appears.

    Drawers leave ``head``, the top of ``main``, free, so that what opened one can close it.
    """

    side_shown = Signal(bool)
    left_shown = Signal(bool)
    left_beside = Signal(bool)  # whether the left one stands beside the main one, where it needs no button

    def __init__(self, main: QWidget, side: QWidget, head: QWidget, left: QWidget) -> None:
        super().__init__()
        self.main, self.side, self.left = main, side, left
        self._head = head
        self._right_wing = Wing(side, SIDE, NARROW, self)
        self._left_wing = Wing(left, LEFT, NARROWER, self)
        self._wings = (self._left_wing, self._right_wing)
        self._right_wing.shown.connect(self.side_shown)
        self._left_wing.shown.connect(self.left_shown)
        for column in (main, side, left):
            column.setParent(self)
        QWidget.setTabOrder(left, main)
        main.installEventFilter(self)

    @property
    def narrow(self) -> bool:
        """True while the side is a drawer."""
        return self._right_wing.narrow

    @property
    def wanted(self) -> bool:
        """True when the side stands beside the main column where there is room."""
        return self._right_wing.wanted

    @property
    def left_wanted(self) -> bool:
        """True when the left column stands beside the main one where there is room."""
        return self._left_wing.wanted

    def toggle_with(self, left: QAction, side: QAction) -> None:
        """Let checkable actions show and hide the outer columns; they are checked while those are to be seen."""
        left.triggered.connect(self.show_left)
        self.left_shown.connect(left.setChecked)
        side.triggered.connect(self.show_side)
        self.side_shown.connect(side.setChecked)

    def close_drawers(self) -> None:
        """Close what lies over the main column."""
        for wing in self._wings:
            wing.open = False
        self._place()

    def show_side(self, shown: bool) -> None:
        """Show or hide the side."""
        self._right_wing.show(shown)
        self._place()

    def want_side(self, wanted: bool) -> None:
        """Say whether the side stands beside the main column where there is room."""
        self._right_wing.wanted = wanted
        self._place()

    def show_left(self, shown: bool) -> None:
        """Show or hide the left column."""
        self._left_wing.show(shown)
        self._place()

    def want_left(self, wanted: bool) -> None:
        """Say whether the left column stands beside the main one where there is room."""
        self._left_wing.wanted = wanted
        self._place()

    def grow(self, factor: float) -> None:
        """Give the outer columns ``factor`` times their width, for larger text."""
        for wing in self._wings:
            wing.grow(factor)
            wing.fit(self.width())
        self._place()

    def minimumSizeHint(self) -> QSize:
        """As small as the main column can be."""
        return self.main.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place all columns."""
        for wing in self._wings:
            wing.fit(event.size().width())
        self._place()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close the open drawers with Escape."""
        if event.key() == Qt.Key.Key_Escape and any(wing.narrow and wing.open for wing in self._wings):
            self.close_drawers()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the main column's smallest size reach the window."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        left, right = self._wings
        self.main.setGeometry(left.taken, 0, self.width() - left.taken - right.taken, self.height())
        for wing, at in ((left, 0), (right, self.width() - min(right.width, self.width()))):
            top = self._head.height() if wing.narrow else 0
            wing.place(at, top, self.height() - top, self.width())
        self.left_beside.emit(bool(left.taken))
