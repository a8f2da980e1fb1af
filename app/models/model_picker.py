"""Offers model sets and methods in the top bar, and opens the one chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.look.choosing import choose_folder
from app.models.last_models import FORMER
from app.models.library import starter_models, with_taught
from app.models.models_folder import model_sets_under
from app.models.topbar import TopBar
from app.settings.options import Settings
from app.settings.preferences import Preferences
from app.talk.chat import Chat
from engine.config import ModelSet, models_in


class ModelPicker(QObject):
    """Offers sets in ``topbar``: those ``known`` at the start, the library's, and those of the models folder.

    ``opening``: a set was chosen and is about to be loaded. ``offered``: the library has listed what it has.
    """

    opening = Signal()
    offered = Signal()

    def __init__(
        self, chat: Chat, topbar: TopBar, preferences: Preferences, known: Sequence[ModelSet], window: QWidget
    ) -> None:
        super().__init__(window)
        self._chat, self._topbar, self._preferences, self._window = chat, topbar, preferences, window
        self._known = list(known)
        self._from_library: list[ModelSet] = []
        self._find: Callable[[str], ModelSet | None] = lambda _name: None
        self._larger: Mapping[Path, str] = {}  # than the GPU, by the target's folder: how it runs
        topbar.model_chosen.connect(self.open)
        topbar.folder_wanted.connect(self.choose_folder)
        topbar.preset_chosen.connect(lambda preset: preferences.change(preset=preset.name))
        topbar.sampling.form.changed.connect(chat.current.set_chat_settings)
        chat.traits_changed.connect(lambda: topbar.sampling.form.suggest(chat.traits.sampling))
        chat.options_changed.connect(self.show)
        chat.current.changed.connect(self.show_chat_settings)
        preferences.changed.connect(self._settings_changed)
        self.show()
        self.show_chat_settings()

    def open(self, models: ModelSet) -> None:
        """Load ``models``."""
        self.opening.emit()
        self._chat.open(models)

    def open_folder(self, folder: Path) -> None:
        """Load the model set in ``folder`` and offer it from now on."""
        models = with_taught(models_in(folder))
        if models not in self._known:
            self._known.append(models)
        self.open(models)

    def choose_folder(self) -> None:
        """Ask for a folder and load the model set in it."""
        folder = choose_folder(self._window, "Open model folder")
        if folder is not None:
            self.open_folder(folder)

    def offer(
        self,
        library: Sequence[ModelSet],
        find: Callable[[str], ModelSet | None] | None = None,
        larger: Mapping[Path, str] | None = None,
    ) -> None:
        """Offer ``library`` beside the sets that came otherwise, in place of what it held before.

        ``find`` knows what a name meant before the model was renamed. ``larger``: how sets run that are larger than the
        GPU, by the folder of their target.

        A set remembered from the last start gives way to the library's own, which may have more models by now.
        """
        came = {(models.name, models.target) for models in library}
        others = (models for models in self._known if models not in self._from_library)
        self._known = [models for models in others if (models.name, models.target) not in came]
        self._from_library = [models for models in library if models not in self._known]
        self._known += self._from_library
        self._find, self._larger = find or self._find, larger or {}
        self._topbar.show_models(self._known, self._chat.next_models, self._larger)
        self.offered.emit()

    def renew(self, target: Path) -> None:
        """Offer with all it has been taught the model in ``target``; it is loaded anew if it is the one in use."""
        self._known = [with_taught(models) for models in self._known]
        self._from_library = [with_taught(models) for models in self._from_library]
        used = self._chat.models
        if used is not None and used.target == target:
            self.open(with_taught(used))
        self.show()

    def of_target(self, target: Path) -> ModelSet | None:
        """Return the first set offered of the model in ``target``."""
        return next((models for models in self._known if models.target == target), None)

    def named(self, name: str) -> ModelSet | None:
        """Return the set offered under ``name``, or one that had that name once; None: neither."""
        sets = {models.name: models for models in reversed(self._known)}
        found = sets.get(name) or (sets.get(starter_models().name) if name in FORMER else None)
        return found or self._find(name)

    def show(self) -> None:
        """Show what is offered and what is chosen."""
        models = self._chat.next_models
        self._topbar.show_models(self._known, models, self._larger)
        self._topbar.show_preset(self._chat.preset, models, self._preferences.settings)

    def show_chat_settings(self) -> None:
        """Show how tokens are drawn in the conversation shown."""
        self._topbar.sampling.form.show_chat_settings(self._chat.current.conversation.chat_settings)

    def _settings_changed(self, before: Settings, now: Settings) -> None:
        if now.models_folder != before.models_folder:
            gone = model_sets_under(before.models_folder)
            self._known = [models for models in self._known if models not in gone or models == self._chat.models]
            self._known += [models for models in model_sets_under(now.models_folder) if models not in self._known]
        self.show()
