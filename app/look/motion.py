"""Finds out whether the desktop asks for reduced motion. Qt will know from 6.12 on; until then each system is asked.

Linux answers through the settings portal (XDG Desktop Portal, org.freedesktop.portal.Settings), Windows through
SPI_GETCLIENTAREAANIMATION, macOS through its defaults.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import SLOT, QObject, QSettings, Signal, Slot
from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusConnection, QDBusPendingCallWatcher

PORTAL = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Settings"
ASKS = {  # namespace and key, and the value that asks for stillness
    ("org.freedesktop.appearance", "reduced-motion"): 1,
    ("org.gnome.desktop.interface", "enable-animations"): False,
}
SPI_GETCLIENTAREAANIMATION = 0x1042


class DesktopMotion(QObject):
    """Watches the desktop's wish for ``reduced`` motion; ``changed`` is emitted when it changes.

    It begins as False and is right once the desktop has answered; a desktop that does not answer is not waited for.
    """

    changed = Signal()

    def __init__(self, bus: QDBusConnection | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.reduced = False
        self._asked: dict[tuple[str, str], bool] = {}
        hints: Any = QGuiApplication.styleHints().accessibility()
        if hasattr(hints, "motionPreference"):
            hints.motionPreferenceChanged.connect(lambda _: self._take(_prefers_stillness(hints)))
            self._take(_prefers_stillness(hints))
        elif sys.platform == "win32":
            self._take(_windows_is_still())
        elif sys.platform == "darwin":
            self._take(QSettings("apple.com", "universalaccess").value("reduceMotion", False, bool) is True)
        elif bus is not None or _has_session():
            self._listen(bus)

    @Slot("QDBusMessage")
    def portal_changed(self, message: Any) -> None:
        """Take a changed setting from the portal."""
        namespace, key, value = message.arguments()
        self._answer((namespace, key), value)

    def _listen(self, bus: QDBusConnection | None) -> None:
        from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher  # only where there is a bus

        bus = bus or QDBusConnection.sessionBus()
        heard = SLOT("portal_changed(QDBusMessage)")  # a str: what the stubs ask for, bytes, is refused
        bus.connect(*PORTAL, "SettingChanged", self, heard)  # type: ignore[call-overload]
        for name in ASKS:
            question = QDBusMessage.createMethodCall(*PORTAL, "Read")
            question.setArguments(list(name))
            watcher = QDBusPendingCallWatcher(bus.asyncCall(question), self)
            watcher.finished.connect(lambda done, name=name: self._answered(name, done))

    def _answered(self, name: tuple[str, str], watcher: QDBusPendingCallWatcher) -> None:
        if not watcher.isError():
            self._answer(name, watcher.reply().arguments()[0])
        watcher.deleteLater()

    def _answer(self, name: tuple[str, str], value: Any) -> None:
        while hasattr(value, "variant"):  # the portal wraps its answers, some of them twice
            value = value.variant()
        if name in ASKS:
            self._asked[name] = value == ASKS[name]
            self._take(any(self._asked.values()))

    def _take(self, reduced: bool) -> None:
        if reduced != self.reduced:
            self.reduced = reduced
            self.changed.emit()


def _prefers_stillness(hints: Any) -> bool:
    return "Reduced" in str(hints.motionPreference())


def _windows_is_still() -> bool:
    animated = ctypes.c_int(1)
    ctypes.windll.user32.SystemParametersInfoW(SPI_GETCLIENTAREAANIMATION, 0, ctypes.byref(animated), 0)  # type: ignore[attr-defined]
    return not animated.value


def _has_session() -> bool:
    """Return whether a session bus is running; asking without one would start it."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return "DBUS_SESSION_BUS_ADDRESS" in os.environ or (runtime is not None and Path(runtime, "bus").exists())
