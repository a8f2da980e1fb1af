"""Takes a picture of a widget as it stands, and lets the window work meanwhile."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QBuffer, QEventLoop, QIODevice, QTimer
from PySide6.QtWidgets import QWidget

PATIENCE = 180_000  # ms
COLOURS = 160  # of a picture: what a window shows needs hardly more, and the file is a third smaller


def picture(widget: QWidget) -> Image.Image:
    """Return ``widget`` as it stands."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    widget.grab().save(buffer, "PNG")
    return Image.open(io.BytesIO(bytes(buffer.data().data()))).convert("RGB")


def keep(widget: QWidget, path: Path) -> None:
    """Write a picture of ``widget`` to ``path``, a .webp file without loss but for the COLOURS.

    The octree keeps the hue of small marks, which a median cut would average away.
    """
    few = picture(widget).quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.convert("RGB").save(path, "WEBP", lossless=True, method=6)
    print(path)


def rest(milliseconds: int) -> None:
    """Let the window work for a while; unlike QTest.qWait this lets other threads run."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def until(reached: Callable[[], bool]) -> None:
    """Let the window work until something is ``reached``."""
    for _ in range(PATIENCE // 5):
        if reached():
            return
        rest(5)
    sys.exit("The window did not get there in time.")
