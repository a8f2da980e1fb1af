"""What the buttons of a banner do about the problem it names."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from app.desktop.folders import show_folder
from app.parts import Parts
from app.threads.failure import Failure, Remedy


class Remedies(QObject):
    """Does what is chosen in the banner for the engine and in the one for the disk."""

    def __init__(self, parts: Parts, parent: QObject) -> None:
        super().__init__(parent)
        self._parts = parts
        self._report = ""
        self.get_models: Callable[[], object] = lambda: None
        for banner in (parts.banner, parts.desk.banner):
            banner.remedy_chosen.connect(self.do)

    def do(self, remedy: Remedy) -> None:
        """Do one of the things a Failure offers."""
        parts, archive = self._parts, self._parts.chat.current.archive
        {
            "retry": self.retry,
            "folder": parts.picker.choose_folder,
            "new chat": parts.context_meter.begin_anew,
            "model": parts.topbar.models.showMenu,
            "trim": parts.context_meter.trim,
            "shorten": parts.context_meter.shorten,
            "report": self._show_report,
            "data folder": lambda: show_folder(archive.folder),
            "save again": archive.save_again,
            "make folder": archive.make_folder,
            "settings": parts.dialogs.settings,
            "get": self._get,
            "present": parts.banner.hide,
        }[remedy]()

    def retry(self) -> None:
        """Try again what failed."""
        self._parts.banner.hide()
        self._parts.chat.retry()

    def tell_fault(self, report: str, *, past: bool) -> None:
        """Offer the ``report`` of a fault, of this run or of the ``past`` one."""
        self._report = report
        if past:
            sentence, hint = "Updraft did not close properly last time.", "Your conversations were kept."
        else:
            sentence, hint = "Something went wrong that was not foreseen.", "What is on the screen stays."
        self._parts.banner.tell(Failure(sentence, hint, remedies=("report",)))

    def tell_missing(self, name: str) -> None:
        """Say that the models used last are gone."""
        hint = "The starter is open instead. If it is on a drive, connect that and choose it; or get it again."
        sentence = f"{name}, which you used last, is not there."
        self._parts.banner.tell(Failure(sentence, hint, remedies=("get", "model"), calm=True))

    def tell_no_starter(self, reason: str) -> None:
        """Say once why the tiny models answer in place of the starter: ``reason`` as a sentence."""
        hint = "Tiny models answer meanwhile. Updraft tries again when it is started in an hour or later."
        sentence = f"The starter model, SmolLM2, could not be fetched. {reason}"
        self._parts.banner.tell(Failure(sentence, hint, remedies=(), calm=True))

    def _get(self) -> None:
        self._parts.banner.hide()
        self.get_models()

    def _show_report(self) -> None:
        self._parts.banner.hide()
        self._parts.dialogs.report(self._report)
