"""Attaches files that are chosen, dropped or pasted, and pastes too long for the field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.composing.attachment import PASTED, Attachment
from app.composing.composer import Composer
from app.composing.drop import DropSign, FileDrop
from app.composing.textfile import NO_PICTURES, FileRefused, read_attachment, require_size
from app.look.choosing import choose_files
from app.notices import Banner
from app.threads.failure import Failure
from engine.config import holds_model


class TextFiles(QObject):
    """Attaches files dropped on ``window`` or chosen there to ``composer``; ``banner`` says which are refused.

    ``model_given`` carries a folder that holds a model, or a GGUF file.
    """

    model_given = Signal(object)  # Path

    def __init__(self, composer: Composer, banner: Banner, window: QWidget) -> None:
        super().__init__(window)
        self._composer, self._banner, self._window = composer, banner, window
        composer.field.files_given.connect(self.insert)
        composer.field.text_given.connect(self.paste)
        composer.field.picture_given.connect(lambda: self._tell(FileRefused(*NO_PICTURES)))
        composer.attach_wanted.connect(self.choose)
        self.drop, sign = FileDrop(window), DropSign(window)
        self.drop.dropped.connect(self.insert)
        self.drop.hovered.connect(sign.show_over)

    def insert(self, paths: Sequence[Path]) -> None:
        """Attach the files at ``paths``; a refused one does not stop the others."""
        for path in paths:
            if holds_model(path) or path.suffix.lower() == ".gguf":
                self.model_given.emit(path)
                continue
            try:
                self._composer.attach(read_attachment(path))
            except FileRefused as refused:
                self._tell(refused)
        self._composer.field.setFocus()

    def paste(self, text: str) -> None:
        """Attach a text that was pasted."""
        try:
            require_size(len(text.encode("utf-8", "replace")), "The pasted text")
            self._composer.attach(Attachment(PASTED, text))
        except FileRefused as refused:
            self._tell(refused)

    def choose(self) -> None:
        """Ask for files and attach them."""
        self.insert(choose_files(self._window, "Attach text files"))

    def _tell(self, refused: FileRefused) -> None:
        self._banner.tell(Failure(refused.sentence, refused.hint))
