"""Shows the progress and the result of a task on the library."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.look.announce import announce
from app.models.library import Task
from app.models.page_parts import button, note
from app.notices import Alert
from app.threads.failure import Failure


class TaskStatus(QWidget):
    """Follows one task at a time. ``changed``: a task began or ended."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._task: Task | None = None
        self._doing = ""
        self.status, self.alert, self.halt = note(), Alert(), button("Stop", "quiet")
        self.halt.clicked.connect(self.stop)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress")
        told, rows = QHBoxLayout(), QVBoxLayout(self)
        told.addWidget(self.status, 1)
        told.addWidget(self.halt)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.alert)
        rows.addWidget(self.bar)
        rows.addLayout(told)
        self._show()

    @property
    def idle(self) -> bool:
        """True while nothing is being done."""
        return self._task is None

    def begin(self, task: Task, doing: str) -> Task:
        """Follow ``task``, which is ``doing`` something, as in “Verifying A”."""
        self._task, self._doing = task, doing
        self.alert.tell(None)
        self.say(f"{doing}…")
        self.bar.setValue(0)
        task.failed.connect(self.complain)
        task.over.connect(self._rest)
        self._show()
        return task

    def step(self, path: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` bytes are done, up to and including the file ``path``, if there is one."""
        self.bar.setValue(round(1000 * done / max(1, total)))
        self.status.setText(f"{self._doing}: {path} is through." if path else f"{self._doing}…")

    def say(self, text: str) -> None:
        """Show ``text``, and say it to screen readers."""
        self.status.setText(text)
        self.status.setVisible(bool(text))
        if text:
            announce(self, text)

    def complain(self, failure: Failure) -> None:
        """Show what went wrong."""
        self.say("")
        self.alert.tell(failure)

    def conclude(self, found: str | Failure) -> None:
        """Show what came of it: what is to be said, or what went wrong."""
        if isinstance(found, Failure):
            self.complain(found)
        else:
            self.say(found)

    def forget(self) -> None:
        """Clear the result of the last task, unless one is running."""
        if self.idle:
            self.say("")
            self.alert.tell(None)

    def stop(self) -> None:
        """End the task at its next step."""
        if self._task is not None:
            self._task.stop()

    def _rest(self) -> None:
        self._task = None
        self._show()

    def _show(self) -> None:
        for widget in (self.bar, self.halt):
            widget.setVisible(not self.idle)
        self.status.setVisible(bool(self.status.text()))
        self.changed.emit()
