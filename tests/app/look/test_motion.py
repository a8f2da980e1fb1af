"""Whether marks may move, as the desktop says: over a real message bus with a settings portal of our own on it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusVariant, QDBusVirtualObject
from pytestqt.qtbot import QtBot

from app.look.motion import PORTAL, DesktopMotion

DAEMON = shutil.which("dbus-daemon")
NAME = ("org.freedesktop.appearance", "reduced-motion")


class Portal(QDBusVirtualObject):
    """Answers like a desktop whose settings are ``settings``; of others it knows nothing."""

    def __init__(self, bus: QDBusConnection, settings: dict[tuple[str, str], Any]) -> None:
        super().__init__()
        self.bus, self.settings = bus, settings
        assert bus.registerService(PORTAL[0])
        assert bus.registerVirtualObject(PORTAL[1], self)

    def introspect(self, path: str) -> str:  # noqa: ARG002 - part of the door
        return ""

    def handleMessage(self, message: QDBusMessage, connection: QDBusConnection) -> bool:
        namespace, key = message.arguments()
        if (namespace, key) in self.settings:
            connection.send(message.createReply(QDBusVariant(self.settings[namespace, key])))
        else:
            connection.send(message.createErrorReply("org.freedesktop.portal.Error.NotFound", "not set"))
        return True

    def change(self, name: tuple[str, str], value: Any) -> None:
        signal = QDBusMessage.createSignal(PORTAL[1], PORTAL[2], "SettingChanged")
        signal.setArguments([*name, QDBusVariant(value)])
        assert self.bus.send(signal)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Give the address of a message bus that is nobody's session."""
    if DAEMON is None:
        pytest.skip("there is no dbus-daemon")
    daemon = subprocess.Popen(
        [DAEMON, "--session", f"--address=unix:path={tmp_path}/bus", "--nofork", "--nopidfile", "--print-address"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert daemon.stdout is not None
    yield daemon.stdout.readline().strip()
    for name in ("desktop", "window"):
        QDBusConnection.disconnectFromBus(name)
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()


def test_the_desktop_is_asked_and_heard(qtbot: QtBot, address: str) -> None:
    """Guards: "as the desktop" that looks at nothing, or only once."""
    portal = Portal(QDBusConnection.connectToBus(address, "desktop"), {NAME: 1})
    motion = DesktopMotion(QDBusConnection.connectToBus(address, "window"))
    assert not motion.reduced  # it is not waited for
    qtbot.waitUntil(lambda: motion.reduced)
    portal.change(NAME, 0)
    qtbot.waitUntil(lambda: not motion.reduced)
    portal.change(("org.freedesktop.appearance", "accent-color"), 1)
    portal.change(("org.gnome.desktop.interface", "enable-animations"), False)
    qtbot.waitUntil(lambda: motion.reduced)


def test_a_desktop_that_does_not_answer_changes_nothing(qtbot: QtBot, address: str) -> None:
    """Guards: a start that waits, fails or warns where there is no portal."""
    motion = DesktopMotion(QDBusConnection.connectToBus(address, "window"))
    qtbot.wait(100)
    assert not motion.reduced
