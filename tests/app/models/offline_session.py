"""A whole session of chatting in a process that notes every socket it opens; see test_offline.py.

python offline_session.py HOME STARTER: prints what was opened, one a line, and exits with 0 if nothing was.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

OPENED: list[str] = []
ADDRESSES = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"}


def note(event: str, args: tuple[object, ...]) -> None:
    """Keep what opens or uses a socket that is not local to this machine, and downloaders started."""
    if event == "socket.__new__" and args[1] != getattr(socket, "AF_UNIX", None):
        OPENED.append(f"{event} {args[1:]}")
    elif event in ADDRESSES and getattr(args[0], "family", None) != getattr(socket, "AF_UNIX", -1):
        OPENED.append(f"{event} {args}")
    elif event == "subprocess.Popen" and "engine.library.downloader" in str(args):
        OPENED.append("a downloader")


sys.addaudithook(note)

import psutil  # noqa: E402 - nothing is imported before the hook
from PySide6.QtCore import QCoreApplication, QElapsedTimer, QEventLoop, QSettings  # noqa: E402
from PySide6.QtWidgets import QApplication, QWizard  # noqa: E402

from app.application import Application  # noqa: E402
from app.conversations.conversation import ChatSettings  # noqa: E402
from app.models.library import Connection, ModelLibrary  # noqa: E402
from app.talk.worker import open_engine  # noqa: E402
from engine.config import models_in  # noqa: E402
from engine.library import Library  # noqa: E402


def until(reached: object, seconds: int = 60) -> None:
    """Let the window work until ``reached``; other ends of the machine are looked at meanwhile."""
    clock = QElapsedTimer()
    clock.start()
    while not reached():  # type: ignore[operator]
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        if clock.elapsed() > seconds * 1000:
            sys.exit("The window did not get there in time.")


def native() -> None:
    """Note what native code (Qt, torch) opened past Python."""
    OPENED.extend(str(found) for found in psutil.Process().net_connections("inet"))


def main() -> int:
    """Chat twice, walk into the wizard, switch offline on, try to reach the Hub, import a folder, chat again, leave."""
    home, starter = Path(sys.argv[1]), Path(sys.argv[2])
    app = QApplication(["updraft"])
    settings = QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat)
    running = Application(app, open_engine, settings, [models_in(starter)], home)
    library = ModelLibrary(Library(home / "models", home / "library.json"), Connection())
    running.add_library(library, settings)
    running.start(models_in(starter))
    assert running.models is not None
    dialogs, chat = running.models, running.chat
    until(lambda: dialogs.wizard is not None)
    wizard = dialogs.wizard
    assert wizard is not None
    chat.current.set_chat_settings(ChatSettings(max_tokens=24))
    for question in ("Hello", "And then?"):
        chat.send(question)
        until(lambda: not chat.busy)
        native()
    library.set_offline(True)
    wizard.button(QWizard.WizardButton.NextButton).click()
    until(lambda: bool(wizard.model_page.cards))
    assert not wizard.model_page.isComplete(), "a download is offered offline"
    wizard.model_page.address.setText("ada/tiny")
    wizard.model_page.search.look_up()
    until(wizard.model_page.alert.isVisible)
    assert "offline" in wizard.model_page.alert.sentence.text()
    wizard.licence_page.sign_in_by_browser()
    until(lambda: "offline" in wizard.licence_page.alert.sentence.text())
    wizard.model_page.take_in(starter)
    until(lambda: wizard.plan.offer is not None)
    wizard.reject()
    dialogs.open_library()
    chat.send("One more.")
    until(lambda: not chat.busy)
    native()
    assert len(chat.current.conversation.messages) == 6
    running.window.close()
    assert running.end()
    sys.stdout.write("\n".join(OPENED))
    caught = len(OPENED)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    assert len(OPENED) == caught + 1, "the hook does not see sockets"
    return 1 if caught else 0


if __name__ == "__main__":
    sys.exit(main())
