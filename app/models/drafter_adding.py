"""Adds a drafter to a model of the library: fetched where the catalogue knows one, or taken from a folder."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from app.look.box import Box
from app.look.choosing import choose_folder
from app.models.library import Drafter, Installed, Listing, ModelLibrary, Step, size
from app.models.task_status import TaskStatus
from app.talk.chat import Chat
from engine.config import PRESETS, Role

WHAT = "A drafter guesses ahead for the one model that it was made for; the answers stay that model's own."


class DrafterAdding(QObject):
    """Asks which drafter, says in ``status`` what becomes of it, and has the model in use loaded anew with it.

    ``use_wanted`` carries the set that has a drafter now.
    """

    use_wanted = Signal(object)  # ModelSet

    def __init__(self, library: ModelLibrary, chat: Chat, status: TaskStatus, parent: QWidget) -> None:
        super().__init__(parent)
        self._library, self._chat, self._status, self._over = library, chat, status, parent
        self._listing: Listing | None = None
        self._added: Installed | None = None  # the model that has a drafter which is not listed yet
        self.box: QMessageBox | None = None
        library.listed.connect(self._list)

    def ask(self, model: Installed) -> None:
        """Ask for a drafter for ``model``: for a folder, unless the catalogue knows one that is not there."""
        known = self._to_fetch(model)
        if known is None:
            self._ask_folder(model)
            return
        more = f"{WHAT}\n\n{known.repository}: {size(known.download)}, {known.licence}. {_said(known)}"
        box = Box("Add a drafter", f"Which drafter for {model.name}?", more, self._over)
        fetch = box.addButton("Download this one", QMessageBox.ButtonRole.AcceptRole)
        choose = box.addButton("Choose a folder…", QMessageBox.ButtonRole.ActionRole)
        box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.setDefaultButton(choose)
        fetch.setEnabled(not self._library.offline)
        fetch.clicked.connect(lambda: self.fetch(model, known))
        choose.clicked.connect(lambda: self._ask_folder(model))
        self.box = box
        box.open()

    def fetch(self, model: Installed, drafter: Drafter) -> None:
        """Queue the download of ``drafter`` for ``model``, which is there."""
        self._get(model, drafter.role, drafter.repository)

    def fetch_again(self, drafter: Installed) -> None:
        """Queue what is missing of a drafter, for a model that it serves."""
        models = self._listing.models if self._listing else ()
        target = next((each for each in models if each.repository in drafter.serves), None)
        if target is not None:
            self._get(target, drafter.role, drafter.repository)

    def take_in(self, source: Path, model: Installed) -> None:
        """Take the drafter in the folder ``source`` in, and pair it with ``model``."""
        task = self._status.begin(self._library.add_drafter(source, model), f"Adding {source.name} to {model.name}")
        task.stepped.connect(self._step)
        task.finished.connect(lambda _: self._note(model))
        task.stopped.connect(lambda: self._status.say("Stopped; nothing was kept of it."))

    def _get(self, model: Installed, role: Role, repository: str) -> None:
        failure = self._library.downloads.get_drafter(model, role, repository)
        if failure is not None:
            self._status.complain(failure)

    def _to_fetch(self, model: Installed) -> Drafter | None:
        there = {each.repository for each in self._listing.models} if self._listing else set()
        return next((each for each in self._library.drafters_of(model) if each.repository not in there), None)

    def _ask_folder(self, model: Installed) -> None:
        folder = choose_folder(self._over, f"The folder of a drafter for {model.name}")
        if folder is not None:
            self.take_in(folder, model)

    def _step(self, step: Step) -> None:
        self._status.step(step.what, step.done, step.total)

    def _note(self, model: Installed) -> None:
        self._added = model

    def _list(self, listing: Listing) -> None:
        """Say what was added as soon as it is listed; the model in use is loaded anew, to have it."""
        self._listing, model, self._added = listing, self._added, None
        if model is None:
            return
        methods = " or ".join(name for role in listing.drafters_for(model) for name in _methods(role))
        self._status.say(f"{model.name} has a drafter now. Choose {methods} above the chat to have it guess ahead.")
        used = self._chat.models
        if used is not None and used.target == model.folder:
            same = (models for models in listing.sets.values() if models.target == model.folder)
            self.use_wanted.emit(next((models for models in same if models.name == used.name), listing.find(model.key)))


def _said(drafter: Drafter) -> str:
    said = drafter.expected
    return f"{said[:1].upper()}{said[1:]}{'; not measured here' if drafter.published else ''}."


def _methods(role: str) -> list[str]:
    """Return what the methods are called that read a drafter of ``role``."""
    return [preset.title for preset in PRESETS.values() if role in preset.needs]
