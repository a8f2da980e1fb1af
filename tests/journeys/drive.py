"""Runs the real program in this process and works it like a person; says what it saw as JSON on the last line.

python drive.py FOLDER QUESTION [stop]     with "stop" the window is closed while the answer runs
"""

from __future__ import annotations

import json
import sys
import threading
import time

from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.__main__ import prepare, run
from app.application import Application
from app.conversations.conversation import ChatSettings
from app.talk.standing import Engine

LIMIT = 60_000  # ms, after which the journey has failed


class Journey:
    """Types a question once the window stands, waits for its answer, and closes the window."""

    def __init__(self, running: Application, question: str, *, stop: bool) -> None:
        self.running, self.question, self.stop = running, question, stop
        self.seen: dict[str, object] = {}
        self.timer = QTimer(interval=5)
        self.timer.timeout.connect(self.look)
        self.timer.start()
        QTimer.singleShot(LIMIT, lambda: QApplication.exit(2))
        running.chat.failed.connect(lambda failure: self.leave(failure=f"{failure.sentence} {failure.hint}"))
        running.chat.answered.connect(self.answered)

    def look(self) -> None:
        window, chat = self.running.window, self.running.chat
        if "torch_at_first_sight" not in self.seen and window.isVisible():
            self.seen["torch_at_first_sight"] = "torch" in sys.modules
            QTest.keyClicks(window.composer.field, self.question)
            window.composer.button.click()
            self.seen["asked_while_loading"] = chat.engine is not Engine.READY
        if self.stop and chat.flight.tally.rounds > 2:
            self.timer.stop()
            self.leave()

    def answered(self, outcome: str) -> None:
        answer = self.running.window.transcript.answers[-1]
        self.seen["outcome"] = outcome
        self.seen["text"] = answer.source()
        self.seen["status"] = answer.status.text()
        self.seen["levels"] = [card.title.text() for card in self.running.window.panel.cards]
        self.seen["reply"] = self.running.chat.current.conversation.messages[-1].text
        if not self.stop:
            self.leave()

    def leave(self, **more: object) -> None:
        self.seen |= more
        self.closed = time.perf_counter()
        self.running.window.close()


class Programs:
    """Hears of every program this process starts, and on which thread: the window's has no time for that."""

    def __init__(self) -> None:
        self.by_window, self.by_others = list[str](), list[str]()
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "subprocess.Popen":
            windows = threading.current_thread() is threading.main_thread()
            (self.by_window if windows else self.by_others).append(str(arguments[0]))


if __name__ == "__main__":
    programs = Programs()
    application, models = prepare(["updraft", "--model", sys.argv[1], "--preset", "hispec"])
    application.chat.current.set_chat_settings(ChatSettings(max_tokens=48))
    journey = Journey(application, sys.argv[2], stop="stop" in sys.argv[3:])
    code = run(application, models)
    journey.seen["thread_ended"] = application.thread.isFinished()
    journey.seen |= {"started_by_window": programs.by_window, "started_by_others": programs.by_others}
    print(json.dumps(journey.seen))  # noqa: T201
    sys.exit(code)
