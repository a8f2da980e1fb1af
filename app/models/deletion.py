"""Asks before a model is deleted, saying how much space it frees and which models need it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from app.look.box import Box
from app.models.library import Installed, Listing, size, taught_here
from app.talk.chat import Chat
from app.talk.standing import Engine
from engine.config import ModelSet


class Deletion(QObject):
    """Asks before a model is deleted, and first has ``chat`` unload it: Windows cannot delete files in use.

    ``leave_wanted`` carries the models to chat with instead (None: the starter). ``begun``: the model is in use, so
    the deletion waits for the engine. ``ready`` carries what can be deleted now.
    """

    leave_wanted = Signal(object)  # ModelSet | None
    begun = Signal()
    ready = Signal(object)  # Installed | str

    def __init__(self, chat: Chat, parent: QWidget) -> None:
        super().__init__(parent)
        self._chat, self._over = chat, parent
        self.box: QMessageBox | None = None
        self._leaving: Installed | None = None
        chat.engine_changed.connect(self._engine_changed)

    @property
    def waits(self) -> bool:
        """True while the engine still holds the model that will be deleted."""
        return self._leaving is not None

    def ask(self, chosen: Installed | str, listing: Listing | None) -> None:
        """Ask whether to delete ``chosen``, and say what that means."""
        name = chosen.name if isinstance(chosen, Installed) else chosen
        told = consequences(chosen, listing, used=self._used(chosen), answering=self._chat.busy)
        box = Box("Delete", f"Delete {name} from disk?", "\n\n".join(told), self._over)
        yes = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        yes.clicked.connect(lambda: self._confirmed(chosen, listing))
        self.box = box
        box.open()

    def _confirmed(self, chosen: Installed | str, listing: Listing | None) -> None:
        if isinstance(chosen, Installed) and self._used(chosen):
            self._leaving = chosen
            self.begun.emit()
            self.leave_wanted.emit(self._rest_of(chosen, listing))
        else:
            self.ready.emit(chosen)

    def _used(self, chosen: Installed | str) -> bool:
        models = self._chat.models
        folders = () if models is None else models.models.values()
        return isinstance(chosen, Installed) and chosen.folder in folders

    def _rest_of(self, model: Installed, listing: Listing | None) -> ModelSet | None:
        """Return the target of the set in use where another model of it goes, None where it is the target.

        Without a drafter the whole rest of a set goes on.
        """
        models = self._chat.models
        if models is None or models.target == model.folder or listing is None:
            return None
        if model.drafts:
            rest = {role: folder for role, folder in models.models.items() if folder != model.folder}
            return ModelSet(models.name, rest)
        target = next((each for each in listing.models if each.folder == models.target), None)
        return None if target is None else ModelSet.alone(target.name, target.folder)

    def _engine_changed(self) -> None:
        if self._leaving is not None and self._chat.engine is not Engine.LOADING:
            chosen, self._leaving = self._leaving, None
            self.ready.emit(chosen)


def consequences(chosen: Installed | str, listing: Listing | None, *, used: bool, answering: bool) -> list[str]:
    """Return what deleting ``chosen`` means, the most important first."""
    if isinstance(chosen, str):
        return ["It can be downloaded again."]
    told = []
    if used:
        ends = "the answer being written ends, and " if answering else ""
        told.append(f"{chosen.name} is in use: {ends}the chat goes on with another model.")
    sets = listing.needed_by(chosen) if listing is not None else ()
    if listing is not None and sets:
        stay = listing.left_of(chosen)
        rest = f" {_list(stay)} {'stays' if len(stay) == 1 else 'stay'} and can be used alone." if stay else ""
        told.append(f"{_list(sets)} cannot be used as a whole without it.{rest}")
    if listing is not None and chosen.drafts:
        told.append(f"{_list(listing.served_by(chosen))} can no longer be drafted for by it, and answers without it.")
    if taught_here(chosen.folder):
        told.append("What it was taught to draft with on this computer goes with it.")
    own = chosen.source == "folder"
    again = "The folder it was imported from is not touched." if own else "It can be downloaded again."
    told.append(f"This frees {size(chosen.size)}. {again}")
    return told


def _list(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
