"""Runs ``python -m app`` with a hand on its widgets, and says on lines of JSON what a person would see.

python killed.py ask QUESTION ARGUMENTS…    asks, then tells (seconds, words shown) until it is killed
python killed.py look ARGUMENTS…            tells what is there at the start, goes on with the cut answer, and closes
"""

from __future__ import annotations

import json
import runpy
import sys
import threading
import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.window import Window

PERIOD = 10  # ms between two looks


def tell(**seen: object) -> None:
    print(json.dumps(seen), flush=True)  # noqa: T201


class Hand:
    """Works the window once it is there."""

    def __init__(self, act: Callable[[Window], None]) -> None:
        self.act = act
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self) -> None:
        while (application := QCoreApplication.instance()) is None:
            time.sleep(0.01)
        QTimer.singleShot(0, application, self.look)

    def look(self) -> None:
        found = next((widget for widget in QApplication.topLevelWidgets() if isinstance(widget, Window)), None)
        if found is not None and found.isVisible() and found.chat.models is not None:
            self.act(found)
        else:
            QTimer.singleShot(PERIOD, self.look)


def ask(window: Window, question: str) -> None:
    QTest.keyClicks(window.composer.field, question)
    window.composer.button.click()
    QTest.keyClicks(window.composer.field, "and then")
    watch = QTimer(window, interval=PERIOD)
    watch.timeout.connect(lambda: tell(at=time.time(), text=window.chat.flight.reply.text))
    watch.start()


def look(window: Window) -> None:
    turns = window.transcript.rows
    if len(turns) < 2 or not turns[1].resume.isVisible() or not log(window):
        QTimer.singleShot(PERIOD, window, lambda: look(window))
        return
    messages = window.chat.current.conversation.messages
    tell(
        texts=[message.text for message in messages],
        rounds=log(window),
        status=window.transcript.answers[0].status.text(),
        draft=window.composer.text,
        title=window.sidebar.list.currentItem().text(),
    )
    window.chat.answered.connect(lambda _: leave(window))
    window.chat.current.set_chat_settings(type(window.chat.current.conversation.chat_settings)(max_tokens=8))
    turns[1].resume.click()


def log(window: Window) -> str:
    """Give the text of the answer by its log, which comes after the words where it is long."""
    reply = window.chat.current.conversation.messages[1].reply
    return "".join(round_.text for round_ in reply.rounds) if reply else ""


def leave(window: Window) -> None:
    tell(whole=window.chat.current.conversation.messages[1].text, shown=window.transcript.answers[0].source())
    QTimer.singleShot(0, window, window.close)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    question = words.pop(0) if what == "ask" else ""
    hand = Hand(lambda window: ask(window, question) if what == "ask" else look(window))
    sys.argv = ["updraft", *words]
    runpy.run_module("app", run_name="__main__")
