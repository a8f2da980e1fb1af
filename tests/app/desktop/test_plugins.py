"""Qt's plugins are found by their path, not through what a folder's name means in a settings file."""

from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.desktop.plugins import find_plugins


def test_the_plugins_are_looked_for_beside_the_package() -> None:
    """Guards: no window from a folder whose name has a comma in it, as `.../Updraft, new/` has."""
    before = QCoreApplication.libraryPaths()
    QCoreApplication.setLibraryPaths([])
    try:
        find_plugins()
        (found,) = QCoreApplication.libraryPaths()
        assert list(Path(found, "platforms").glob("*offscreen*"))
    finally:
        QCoreApplication.setLibraryPaths(before)
