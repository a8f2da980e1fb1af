"""Takes pictures of the real window over the real engine, in every state worth looking at.

python packaging/screenshots.py FOLDER [--model FOLDER] [--preset hispec] [--size 1280x800]

Writes loading, empty, midway, finished, unmarked, trace, token, pass, versions, editing, search, undo, narrow, drawer
and error, and every dialog, dark and light, as PNG files into FOLDER. Works without a display, in the environment
packaging/check.py makes; QT_SCALE_FACTOR=1.5 gives finer pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.__main__ import Application
from app.chat import Engine
from app.look.theme import Choice
from app.worker import open_engine
from engine.config import PRESETS, ModelSet, Sampling, models_in, starter_models

QUESTION = "Write the beginning of a story about a fox and a lantern."
PATIENCE = 180_000  # ms


class Photographer:
    """Works one window and keeps pictures of it."""

    def __init__(
        self, app: QApplication, models: ModelSet, folder: Path, size: tuple[int, int], choice: Choice
    ) -> None:
        self.folder, self.size, self.choice = folder, size, choice
        self.scratch = tempfile.TemporaryDirectory()
        settings = QSettings(str(Path(self.scratch.name) / "settings.ini"), QSettings.Format.IniFormat)
        self.running = Application(app, open_engine, settings, [models], Path(self.scratch.name))
        self.chat, self.window = self.running.chat, self.running.window
        self.running.preferences.change(theme=choice)
        self.window.resize(*size)
        self.running.start(models)

    def take(self, name: str, of: QWidget | None = None) -> None:
        """Keep a picture of the window, or of a dialog, as it stands."""
        rest(60)
        path = self.folder / f"{name}-{self.choice}.png"
        (of or self.window).grab().save(str(path))
        print(path)

    def ask(self, question: str) -> None:
        """Send ``question`` by way of the composer."""
        self.window.composer.field.setPlainText(question)
        self.window.composer.button.click()

    def series(self, preset: str) -> None:
        """Take every picture."""
        self.chat.choose(PRESETS[preset])
        self.chat.tune(Sampling(temperature=0.6, seed=3), 160)
        until(lambda: self.window.loading.bar.value() > 0 or self.chat.engine is not Engine.LOADING)
        self.take("loading")
        until(lambda: self.chat.engine is not Engine.LOADING)
        self.take("empty")
        self.ask(QUESTION)
        until(lambda: self.chat.tally.tokens > 45 or not self.chat.busy)
        self.take("midway")
        until(lambda: not self.chat.busy)
        self.take("finished")
        self.window.highlight.trigger()
        self.take("unmarked")
        self.window.highlight.trigger()
        self.views()
        self.conversations()
        self.dialogs()
        self.window.resize(720, 640)
        self.take("narrow")
        self.window.panel_shown.trigger()
        self.take("drawer")
        self.window.panel_shown.trigger()
        self.window.resize(*self.size)
        self.window.open_folder(Path(self.scratch.name))  # holds no model
        until(self.window.banner.isVisible)
        self.take("error")

    def views(self) -> None:
        """Take pictures of the Trace, of a token's card and of a pass's tokens; leaves the Reading view shown."""
        self.window.lens.show_view("trace")
        self.take("trace")
        answer = self.window.transcript.answers[-1]
        answer.trace.setFocus(Qt.FocusReason.TabFocusReason)
        for _ in range(24):
            QTest.keyClick(answer.trace, Qt.Key.Key_Right)
        self.take("token")
        self.window.panel.timeline.setFocus()
        QTest.keyClick(self.window.panel.timeline, Qt.Key.Key_Left)
        self.take("pass")
        self.window.lens.show_view("reading")

    def conversations(self) -> None:
        """Take pictures of what can be done with conversations; leaves the first one shown."""
        first = self.chat.conversation
        for question in ("What is the capital of France?", "Give me three tips for sleeping better."):
            self.window.new_chat.trigger()
            self.ask(question)
            until(lambda: not self.chat.busy)
        self.chat.regenerate(self.chat.conversation.messages[-1].id)
        until(lambda: not self.chat.busy)
        self.take("versions")
        self.window.desk.edit_last()
        self.take("editing")
        self.window.desk.leave_edit()
        self.window.search_chats.trigger()
        self.window.sidebar.search.setText("lantern")
        rest(500)
        self.take("search")
        self.window.sidebar.search.clear()
        self.window.sidebar.delete_wanted.emit(self.chat.conversation.id)
        self.take("undo")
        self.window.desk.toast.hide()
        self.chat.open_chat(first.id)
        until(lambda: self.chat.conversation.id == first.id)

    def dialogs(self) -> None:
        """Take a picture of every dialog, and of the window searched and enlarged."""
        self.window.find_bar.open("the")
        until(lambda: bool(self.window.find_bar.count.text()))
        self.take("find")
        self.window.find_bar.dismiss()
        settings = self.window.dialogs.settings()
        for page in range(settings.pages.count()):
            settings.sections.setCurrentRow(page)
            self.take(f"settings-{page + 1}", settings)
        settings.close()
        opened = self.window.dialogs
        for open_ in (opened.chat_settings, opened.shortcuts, opened.about, opened.diagnostics):
            dialog = open_()
            rest(300)
            self.take(open_.__name__.replace("_", "-"), dialog)
            dialog.close()
        self.running.preferences.change(font_size=20)
        self.take("large")
        self.running.preferences.change(font_size=14)

    def leave(self) -> None:
        """Close the window and end its engine."""
        self.window.close()
        if not self.running.end():
            sys.exit("The engine did not stop in time.")
        self.scratch.cleanup()


def rest(milliseconds: int) -> None:
    """Let the window work for a while; unlike QTest.qWait this lets other threads run."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def until(reached: Callable[[], bool]) -> None:
    """Let the window work until something is ``reached``."""
    for _ in range(PATIENCE // 5):
        if reached():
            return
        rest(5)
    sys.exit("The window did not get there in time.")


def main() -> None:
    """Take the pictures in both themes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--preset", default="hispec", choices=PRESETS)
    parser.add_argument("--size", default="1280x800")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    width, height = (int(side) for side in options.size.split("x"))
    models = models_in(options.model) if options.model else starter_models()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication(["updraft"])
    for choice in ("dark", "light"):
        photographer = Photographer(app, models, options.folder, (width, height), choice)
        photographer.series(options.preset)
        photographer.leave()


if __name__ == "__main__":
    main()
