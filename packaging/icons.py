"""Draws Updraft's icon in every size that a desktop asks for, from assets/icons/updraft.svg.

python packaging/icons.py FOLDER        hicolor/ for Linux, updraft.ico for Windows, updraft.icns for macOS

The same drawing gives the same files, so none of them is kept in the repository. Needs PySide6 and Pillow.
"""

import sys
from pathlib import Path

from installing import ROOT
from PIL import Image
from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from app.desktop.identity import ID

DRAWING = ROOT / "assets" / "icons" / "updraft.svg"
LINUX = (16, 22, 24, 32, 48, 64, 128, 256, 512)  # pixels
WINDOWS = (16, 20, 24, 32, 40, 48, 64, 256)
MACOS = (32, 64, 128, 256, 512, 1024)  # those that Pillow puts into a container; 16 at a Retina screen is 32


def write(folder: Path) -> None:
    """Write all of them into ``folder``."""
    renderer = QSvgRenderer(QByteArray(DRAWING.read_bytes()))
    drawn = {size: draw(renderer, size) for size in sorted({*LINUX, *WINDOWS, *MACOS})}
    for size in LINUX:
        drawn[size].save(_place(folder, f"{size}x{size}", "png"), optimize=True)
    _place(folder, "scalable", "svg").write_bytes(DRAWING.read_bytes())
    for name, sizes in (("updraft.ico", WINDOWS), ("updraft.icns", MACOS)):
        *smaller, largest = (drawn[size] for size in sizes)
        largest.save(folder / name, append_images=smaller, sizes=[(size, size) for size in sizes])


def draw(renderer: QSvgRenderer, size: int) -> Image.Image:
    """Return the drawing at ``size`` pixels a side, drawn at that size and not scaled from another."""
    canvas = QImage(size, size, QImage.Format.Format_RGBA8888_Premultiplied)
    canvas.fill(Qt.GlobalColor.transparent)
    painter = QPainter(canvas)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    straight = canvas.convertToFormat(QImage.Format.Format_RGBA8888)
    return Image.frombytes("RGBA", (size, size), bytes(straight.constBits()))


def _place(folder: Path, size: str, suffix: str) -> Path:
    """Return where a Linux desktop looks for the icon of ``size``; its folder is there then."""
    place = folder / "hicolor" / size / "apps" / f"{ID}.{suffix}"
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


if __name__ == "__main__":
    write(Path(sys.argv[1]))
