"""A line in the sidebar that names what is under way and how far it is, cut where there is no room for it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from app.look.label import plain_name, plain_tip

EDGE = 24  # pixels the sheet puts left and right of a button's text


class SignLine(QPushButton):
    """``sign`` stands before the text, ``what`` is said of it to screen readers; ``where`` a click leads."""

    def __init__(self, sign: str, what: str, where: str) -> None:
        super().__init__()
        self._sign, self._what, self._where = sign, what, where
        self._name = self._far = ""
        self.setObjectName("sidebarFoot")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAutoDefault(False)
        self.hide()

    def tell(self, name: str, far: str) -> None:
        """Show that ``name`` is so ``far``."""
        if (name, far) != (self._name, self._far):
            self._name, self._far = name, far
            said = f"{self._what}: {name} · {far}"
            self.setAccessibleName(said)
            self.setToolTip(plain_tip(f"{said}. Click to see it in {self._where}."))
            self._cut()

    def minimumSizeHint(self) -> QSize:
        """Make the sidebar no wider."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the name where there is no room for it."""
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        fit = self.fontMetrics()
        room = self.width() - EDGE - fit.horizontalAdvance(f"{self._sign}  · {self._far}")
        shown = fit.elidedText(self._name, Qt.TextElideMode.ElideRight, max(room, 0))
        self.setText(plain_name(f"{self._sign} {shown} · {self._far}"))
