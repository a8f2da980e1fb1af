"""A scroll area that keeps its growing end in view, but only while the reader is there."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from app.ink.text_view import TextView
from app.look.middle import SIDE, Middle
from app.look.quiet_button import QuietButton

NEAR_END = 4  # pixels
PILL_GAP = 8  # pixels between the pill and the edge


class AutoscrollArea(QScrollArea):
    """Shows ``column`` in the middle, and a pill that leads back to the end while that is not followed.

    ``moved``: the reader has scrolled; ``top_reached``: to the very beginning.
    """

    moved = Signal()
    top_reached = Signal()

    def __init__(self, column: QWidget) -> None:
        super().__init__()
        self._following = True
        self._middle = Middle(column)
        self.setWidget(self._middle)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._pill = QuietButton("↓  Jump to latest", "pill", name="Jump to latest", parent=self)
        self._pill.clicked.connect(self.jump_to_latest)
        self._pill.hide()
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._grown)
        bar.valueChanged.connect(lambda _: self._show_pill())
        bar.actionTriggered.connect(lambda _: QTimer.singleShot(0, self, self._reconsider))

    @property
    def following(self) -> bool:
        """True while the end is kept in view."""
        return self._following

    def jump_to_latest(self) -> None:
        """Go to the end and follow what comes."""
        self.moved.emit()
        self._following = True
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())
        self._pill.hide()

    def show_top(self, widget: QWidget) -> None:
        """Scroll to the top of ``widget``, once it has found its place."""
        self._following = False
        QTimer.singleShot(0, widget, lambda: self._scroll_to(widget))

    def show_spot(self, text: TextView, spot: QRect) -> None:
        """Scroll to where the reader's cursor or selection in ``text`` went."""
        at = text.viewport().mapTo(self._middle, spot.center())
        self.ensureVisible(at.x(), at.y(), 0, 24)
        self._reconsider()

    def show_focus(self) -> None:
        """Scroll to the focused widget, if it is in here: Qt does so only when the focus was in here before."""
        focus = self.focusWidget()
        if focus is not None and focus.hasFocus() and self._middle.isAncestorOf(focus):
            self.ensureWidgetVisible(focus, 0, 24)
            self._reconsider()

    def hold(self) -> None:
        """Keep the reader's place while something is added above; the end stays in view anyway."""
        bar = self.verticalScrollBar()
        below = bar.maximum() - bar.value()
        if not self._following:
            QTimer.singleShot(0, self, lambda: bar.setValue(bar.maximum() - below))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll, and decide anew whether to follow."""
        super().wheelEvent(event)
        self._reconsider()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the pill at the bottom's middle."""
        super().resizeEvent(event)
        self._place_pill()

    def _scroll_to(self, widget: QWidget) -> None:
        self.verticalScrollBar().setValue(widget.mapTo(self._middle, widget.rect().topLeft()).y() - SIDE)
        self._reconsider()

    def _grown(self) -> None:
        bar = self.verticalScrollBar()
        self._middle.give_way(bar.sizeHint().width() if bar.maximum() > 0 else 0)
        if self._following:
            bar.setValue(bar.maximum())
        self._show_pill()

    def _reconsider(self) -> None:
        """Follow exactly if the reader is at the end."""
        bar = self.verticalScrollBar()
        self.moved.emit()
        self._following = bar.value() >= bar.maximum() - NEAR_END
        if bar.value() == 0:
            self.top_reached.emit()
        self._show_pill()

    def _show_pill(self) -> None:
        """Show the pill where it leads further than its own height: else it would only cover what it leads to."""
        bar = self.verticalScrollBar()
        below = bar.maximum() - bar.value()
        self._pill.setVisible(not self._following and below > self._pill.sizeHint().height() + 2 * PILL_GAP)
        self._place_pill()

    def _place_pill(self) -> None:
        self._pill.adjustSize()
        port = self.viewport().geometry()
        left = port.center().x() - self._pill.width() // 2
        self._pill.move(left, port.bottom() - self._pill.height() - PILL_GAP)
        self._pill.raise_()
