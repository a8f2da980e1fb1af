"""The window's two columns: beside each other where there is room, the right one a drawer over the left where not."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

NARROW = 900  # below this width the side is a drawer
SIDE = 318


class Columns(QWidget):
    """Holds ``main`` and ``side``; ``side_shown`` tells whenever the side appears or disappears.

    The drawer leaves ``head``, the top of ``main``, free, so that what opened it can close it.
    Whether the side is wanted beside the main column is remembered apart from whether the drawer is open:
    making the window narrow closes the drawer, making it wide again brings the side back.
    """

    side_shown = Signal(bool)

    def __init__(self, main: QWidget, side: QWidget, head: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.main, self.side = main, side
        self._head = head
        self._wanted = True
        self._open = False
        main.setParent(self)
        side.setParent(self)
        main.installEventFilter(self)

    @property
    def narrow(self) -> bool:
        """True while the side is a drawer."""
        return self.width() < NARROW

    @property
    def wanted(self) -> bool:
        """True when the side stands beside the main column where there is room."""
        return self._wanted

    def show_side(self, shown: bool) -> None:
        """Show or hide the side."""
        if self.narrow:
            self._open = shown
        else:
            self._wanted = shown
        self._place()

    def want_side(self, wanted: bool) -> None:
        """Say whether the side stands beside the main column where there is room."""
        self._wanted = wanted
        self._place()

    def minimumSizeHint(self) -> QSize:
        """As small as the main column can be."""
        return self.main.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place both columns; a drawer closes when the window changes between narrow and wide."""
        if (event.oldSize().width() < NARROW) != self.narrow:
            self._open = False
        self._place()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close the drawer with Escape."""
        if event.key() == Qt.Key.Key_Escape and self.narrow and self._open:
            self.show_side(False)
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the main column's smallest size reach the window."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        shown = self._open if self.narrow else self._wanted
        side = min(SIDE, self.width())
        room = self.width() - (side if shown and not self.narrow else 0)
        self.main.setGeometry(0, 0, room, self.height())
        top = self._head.height() if self.narrow else 0
        self.side.setGeometry(self.width() - side, top, side, self.height() - top)
        self.side.setProperty("drawer", self.narrow)
        self.side.setVisible(shown)
        self.side.raise_()
        self.side_shown.emit(shown)
