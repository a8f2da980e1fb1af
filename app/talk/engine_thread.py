"""The thread on which the engine runs: begins once, ends in time."""

from __future__ import annotations

from PySide6.QtCore import QThread

from app.talk.worker import EngineWorker, OpenSession

PATIENCE = 15_000  # ms the engine has to end its round when the window closes


class EngineThread(QThread):
    """Runs ``worker``. What is asked of it before the thread has begun waits until then."""

    def __init__(self, open_session: OpenSession) -> None:
        super().__init__()
        self.setObjectName("engine")
        self.worker = EngineWorker(open_session)
        self.worker.moveToThread(self)
        self._ended = False

    def begin(self) -> None:
        """Start the thread, unless it runs already or the program is about to end."""
        if not (self._ended or self.isRunning()):
            self.start()

    def begin_no_more(self) -> None:
        """Let nothing start the thread from now on."""
        self._ended = True

    def wait_for_end(self) -> bool:
        """Wait for the worker, which was asked to leave; False if it is still running."""
        return not self.isRunning() or self.wait(PATIENCE)
