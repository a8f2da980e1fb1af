"""The line below an answer that says how it is going."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent

from app.look.label import Label
from app.look.typeface import tabular

GAP = "\u2003"


class StatusLine(Label):
    """Facts side by side, in a next line where one has no room; it never makes the column wider than the window."""

    def __init__(self, *facts: str) -> None:
        super().__init__()
        self._facts = facts
        self.setObjectName("status")
        self.setFont(tabular(self.font()))
        self._fit()

    def say(self, *facts: str) -> None:
        """Say ``facts`` in place of those before."""
        self._facts = facts
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Be as narrow as may be, as high as the lines."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break the lines anew."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Break the lines anew for a new font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        measure, lines = self.fontMetrics(), list(self._facts[:1])
        for fact in self._facts[1:]:
            longer = f"{lines[-1]}{GAP}{fact}"
            if measure.horizontalAdvance(longer) <= self.width():
                lines[-1] = longer
            else:
                lines.append(fact)
        self.setText("\n".join(lines))
