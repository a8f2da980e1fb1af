"""Takes pictures of the real window over the real engine, in every state worth looking at.

python packaging/screenshots.py FOLDER [--model FOLDER] [--size 1180x800] [--theme dark light]

Writes every view and every dialog, dark and light, as WebP files into FOLDER; wizard_screenshots.py adds the wizard.
Works without a display, in the environment packaging/check.py makes; QT_SCALE_FACTOR=2 gives finer pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import sample
from camera import keep, rest, until
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from app.application import Application
from app.conversations.archive import Archive
from app.conversations.conversation import ChatSettings, title_of
from app.conversations.store import Store
from app.look.theme import CHOICES, Choice
from app.talk.standing import Engine
from app.talk.worker import open_engine
from engine.config import Chosen, ModelSet, models_in
from engine.library import starter_models

METHOD, WINDOWS = "hsd", (2, 2)  # with windows that are set, all three models work, wherever that is slower
QUESTION = "Write the beginning of a story about a fox and a lantern."
ROOT = Path(__file__).resolve().parents[1]


class Photographer:
    """Works one window and keeps pictures of it."""

    def __init__(
        self, app: QApplication, models: ModelSet, folder: Path, size: tuple[int, int], choice: Choice
    ) -> None:
        self.folder, self.size, self.choice, self.models = folder, size, choice, models
        self.scratch = tempfile.TemporaryDirectory()
        home = Path(self.scratch.name)
        settings = QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat)
        store = Store(home / "data")
        sample.fill(store)
        store.close()
        archive = Archive(home / "data")
        self.running = Application(app, open_engine, settings, [models], home, archive)
        self.chat, self.window = self.running.chat, self.running.window
        self.running.preferences.change(theme=choice)
        self.window.resize(*size)
        self.running.start(models)

    def take(self, name: str, of: QWidget | None = None) -> None:
        """Keep a picture of the window, or of a dialog, as it stands."""
        rest(80)
        keep(of or self.window, self.folder / f"{name}-{self.choice}.webp")

    def ask(self, question: str) -> None:
        """Send ``question`` by way of the composer."""
        self.window.composer.field.setPlainText(question)
        self.window.composer.button.click()

    def answered(self) -> None:
        """Wait for the end of an answer."""
        until(lambda: not self.chat.busy)

    def show(self, title: str) -> None:
        """Open the conversation of that title."""
        archive = self.running.archive
        until(lambda: archive.ready)
        chat = next(chat.id for chat in archive.chats.values() if chat.title == title)
        self.chat.open_chat(chat)
        until(lambda: self.chat.current.conversation.id == chat)
        rest(200)

    def choose(self) -> None:
        """Let the METHOD answer, as soon as all its models are loaded."""
        until(lambda: self.chat.engine is Engine.READY)
        self.running.preferences.change(preset=METHOD, windows=((METHOD, WINDOWS),))
        rest(200)
        until(lambda: self.chat.engine is Engine.READY)

    def series(self) -> None:
        """Take every picture."""
        self.chat.current.set_chat_settings(ChatSettings(sampling=Chosen(temperature=0.7, seed=1), max_tokens=160))
        until(lambda: self.window.footer.loading.bar.value() > 0 or self.chat.engine is not Engine.LOADING)
        self.take("loading")
        self.choose()
        self.take("empty")
        self.answer()
        self.views()
        self.race()
        self.conversations()
        self.context()
        self.search()
        self.dialogs()
        self.appearance()
        self.troubles()

    def answer(self) -> None:
        """Take pictures of an answer as it grows and when it has ended."""
        self.ask(QUESTION)
        until(lambda: self.chat.flight.tally.tokens > 45 or not self.chat.busy)
        self.take("midway")
        self.answered()
        self.take("finished")

    def views(self) -> None:
        """Take pictures of the Trace, of a token's card with its pass, and of a replay; leaves Reading shown."""
        self.window.inspector.show_view("trace")
        self.take("trace")
        answer = self.window.transcript.answers[-1]
        answer.trace.setFocus(Qt.FocusReason.TabFocusReason)
        for _ in range(24):
            QTest.keyClick(answer.trace, Qt.Key.Key_Right)
        self.take("token")
        self.window.inspector.replay()
        rest(1500)
        self.window.player.step(1)
        self.take("replay")
        self.window.player.close_replay()
        self.window.inspector.show_view("reading")

    def race(self) -> None:
        """Take pictures of a race while it is run, as it is played and at its end, and of the list of methods."""
        races = self.running.races
        races.open_last()
        dialog = races.dialog
        if dialog is None:
            sys.exit(f"No race: {races.race.why_not}")
        until(lambda: dialog.outcome is not None or not races.race.running)
        rest(1200)
        self.take("race", dialog)
        dialog.player.seek(1e9)
        self.take("race-over", dialog)
        dialog.close()
        self.window.topbar.method.open()
        self.take("methods", self.window.topbar.method.methods)
        self.window.topbar.method.methods.hide()

    def conversations(self) -> None:
        """Take pictures of what can be done with conversations and messages."""
        self.window.menus.actions["New chat"].trigger()
        self.ask("Give me three tips for sleeping better.")
        self.answered()
        self.chat.regenerate(self.chat.current.conversation.messages[-1].id)
        self.answered()
        self.take("versions")
        self.window.editing.begin_last()
        self.take("editing")
        self.window.editing.leave()
        self.window.sidebar.delete_wanted.emit(self.chat.current.conversation.id)
        self.take("undo")
        self.window.toast.hide()
        self.show("Why do cats purr?")
        self.window.transcript.rows[1].remove.click()
        self.window.toast.hide()
        trash = self.window.dialogs.trash()
        until(lambda: trash.list.topLevelItemCount() == 2)
        self.take("trash", trash)
        trash.close()
        self.show("What can you typeset?")
        self.take("typeset")

    def context(self) -> None:
        """Take pictures of the choice when a message does not fit, and of what was left out."""
        self.show(sample.LONG)
        self.window.composer.field.setPlainText("And which of them is the oldest? " * 880)  # thousands of tokens
        until(lambda: self.running.token_counter.fill is not None)
        self.window.composer.button.click()
        until(self.window.banner.isVisible)
        self.take("context")
        self.window.composer.field.setPlainText("And which of them is the oldest?")
        self.window.banner.hide()
        self.chat.trimming.leave_out(10)
        self.window.composer.button.click()
        self.answered()
        self.window.transcript.go_to(self.chat.current.conversation.messages[10].id)
        rest(100)
        bar = self.window.transcript.verticalScrollBar()
        bar.setValue(bar.value() - 200)
        self.take("edge")
        self.window.transcript.jump_to_latest()
        self.take("left-out")

    def search(self) -> None:
        """Take pictures of the search over all conversations and of the one within a conversation."""
        self.window.menus.actions["Search chats"].trigger()
        self.window.sidebar.search.setText("lantern")
        rest(500)
        self.take("search")
        self.window.sidebar.search.clear()
        self.show(title_of(QUESTION))
        self.window.find_bar.open("the")
        until(lambda: bool(self.window.find_bar.count.text()))
        self.take("find")
        self.window.find_bar.dismiss()

    def dialogs(self) -> None:
        """Take a picture of every dialog."""
        settings = self.window.dialogs.settings()
        settings.place.setText("Kept in ~/.config/Updraft/settings.json")
        for page in range(settings.pages.count()):
            settings.sections.setCurrentRow(page)
            self.take(f"settings-{settings.sections.item(page).text().lower()}", settings)
        settings.close()
        opened = self.window.dialogs
        for open_ in (opened.chat_settings, opened.shortcuts, opened.whats_new, opened.about):
            dialog = open_()
            rest(300)
            self.take(open_.__name__.replace("_", "-"), dialog)
            dialog.close()
        report = opened.diagnostics()
        rest(300)
        report.show_text(self.anonymous(report.text.toPlainText()))
        self.take("diagnostics", report)
        report.close()
        menu = next(menu for menu in self.window.menuBar().findChildren(QMenu) if menu.title() == "&Chat")
        menu.popup(self.window.mapToGlobal(self.window.rect().center()))
        self.take("menu", menu)
        menu.close()

    def appearance(self) -> None:
        """Take pictures of larger text, of the colour-blind safe palette, and of a narrow window and its drawer."""
        self.running.preferences.change(font_size=20)
        self.take("large")
        self.running.preferences.change(font_size=14, marks="safe")
        self.window.inspector.show_view("trace")
        self.take("safe")
        self.running.preferences.change(marks="standard")
        self.window.inspector.show_view("reading")
        self.window.resize(720, 640)
        self.take("narrow")
        self.window.panel_shown.trigger()
        self.take("drawer")
        self.window.panel_shown.trigger()
        self.window.resize(*self.size)

    def troubles(self) -> None:
        """Take pictures of what is offered after a crash, and of models that are not there."""
        self.window.menus.actions["New chat"].trigger()
        self.window.tell_fault("Fatal Python error: Segmentation fault", past=True)
        self.take("crash")
        self.window.banner.hide()
        away = Path("/media/models/llama-layerskip")
        self.window.picker.open(ModelSet.alone("LayerSkip 1B", away))
        until(self.window.banner.isVisible)
        self.take("error")

    def anonymous(self, text: str) -> str:
        """Return ``text`` as it would read in anybody's home."""
        for place, name in ((self.scratch.name, "~/.local/share/Updraft"), (sys.prefix, "~/updraft/.venv")):
            text = text.replace(place, name)
        return text.replace(str(ROOT), "~/updraft")

    def leave(self) -> None:
        """Close the window and end its engine."""
        self.window.close()
        if not self.running.end():
            sys.exit("The engine did not stop in time.")
        self.scratch.cleanup()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--size", default="1180x800")
    parser.add_argument("--theme", nargs="+", default=["dark", "light"], choices=CHOICES)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    width, height = (int(side) for side in options.size.split("x"))
    models = models_in(options.model) if options.model else starter_models()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication(["updraft"])
    for choice in options.theme:
        photographer = Photographer(app, models, options.folder, (width, height), choice)
        photographer.series()
        photographer.leave()


if __name__ == "__main__":
    main()
