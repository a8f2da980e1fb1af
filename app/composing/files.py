"""Text files on their way into the composer: chosen, dropped on the window or pasted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from app.composing.composer import Composer
from app.composing.drop import FileDrop
from app.composing.textfile import FileRefused, quoted, read_text_file
from app.exchange import Failure
from app.notice import Banner


class TextFiles(QObject):
    """Puts what is dropped on ``window`` or chosen there into ``composer``; ``banner`` says what cannot be taken."""

    def __init__(self, composer: Composer, banner: Banner, window: QWidget) -> None:
        super().__init__(window)
        self._composer, self._banner, self._window = composer, banner, window
        composer.field.files_given.connect(self.insert)
        FileDrop(window).dropped.connect(self.insert)

    def insert(self, paths: Sequence[Path]) -> None:
        """Insert the files at ``paths``; one that is refused does not hold up the others."""
        for path in paths:
            try:
                self._composer.insert(quoted(path, read_text_file(path)))
            except FileRefused as refused:
                self._banner.tell(Failure(refused.sentence, refused.hint, remedies=()))
        self._composer.field.setFocus()

    def choose(self) -> None:
        """Ask which files."""
        paths, _ = QFileDialog.getOpenFileNames(self._window, "Insert text files")
        self.insert([Path(path) for path in paths])
